import { POSTAL, type PostalRule, STATES } from '#payments/billing-country-rules';
import { TAX_IDS, type TaxIdKind } from '#payments/billing-tax-ids';

/** Two letters (ISO 3166-1). Every place a billing address can be in. */
export const COUNTRY_CODES: readonly string[] = (
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS ' +
  'BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE ' +
  'EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM ' +
  'HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC ' +
  'LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA ' +
  'NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW ' +
  'SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO ' +
  'TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'
).split(' ');

const NAMES = new Intl.DisplayNames(['en'], { type: 'region' });

export const countryName = (code: string): string => NAMES.of(code) ?? code;

const WITH_ARTICLE: ReadonlySet<string> = new Set(
  'AE BS CD CF CG CK CZ DO FK FO GB GM IM IO KM KY MH MP MV NL PH SB SC TC TF UM US VA VG VI'.split(
    ' ',
  ),
);

/** As it stands within a sentence: "the United States", "France". */
export const inSentence = (code: string): string =>
  WITH_ARTICLE.has(code) ? `the ${countryName(code)}` : countryName(code);

export interface CountryRule {
  readonly code: string;
  readonly name: string;
  /** Undefined: the postal code may be anything, or nothing. */
  readonly postal: PostalRule | undefined;
  /** Code and name, where tax depends on which it is; empty: any text, or none. */
  readonly states: readonly (readonly [code: string, name: string])[];
  readonly taxIds: readonly TaxIdKind[];
}

/** What an address in this country must look like; undefined if there is no such country. */
export function countryRule(code: string): CountryRule | undefined {
  if (!COUNTRY_CODES.includes(code)) return undefined;
  return {
    code,
    name: countryName(code),
    postal: POSTAL[code],
    states: STATES[code] ?? [],
    taxIds: TAX_IDS[code] ?? [],
  };
}
