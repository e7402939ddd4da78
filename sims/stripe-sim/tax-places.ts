import type Stripe from 'stripe';
import { invalid, type StripeFailure } from './error.ts';

export type TaxType = 'vat' | 'gst' | 'hst' | 'jct' | 'sales_tax' | 'qst';

export interface PlaceRate {
  /** Decimal percentage. */
  percent: string;
  type: TaxType;
  /** With a tax id of this type the buyer accounts for the tax. */
  reversedBy: string | null;
}

const RATE = (percent: string, type: TaxType, reversedBy: string | null = null): PlaceRate => ({
  percent,
  type,
  reversedBy,
});

const EU_RATES =
  'AT 20 BE 21 BG 20 CY 19 CZ 21 DE 19 DK 25 EE 24 ES 21 FI 25.5 FR 20 GR 24 HR 25 HU 27 IE 23 ' +
  'IT 22 LT 21 LU 17 LV 21 MT 18 NL 21 PL 23 PT 23 RO 21 SE 25 SI 22 SK 23';

/** Standard rates for services over the wire, rounded to what is useful in a test. */
const COUNTRIES = new Map<string, PlaceRate>([
  ...[...EU_RATES.matchAll(/(\w\w) ([\d.]+)/g)].map(
    ([, country = '', percent = '']) => [country, RATE(percent, 'vat', 'eu_vat')] as const,
  ),
  ['GB', RATE('20', 'vat', 'gb_vat')],
  ['CH', RATE('8.1', 'vat')],
  ['NO', RATE('25', 'vat', 'no_vat')],
  ['AE', RATE('5', 'vat', 'ae_trn')],
  ['AU', RATE('10', 'gst', 'au_abn')],
  ['NZ', RATE('15', 'gst', 'nz_gst')],
  ['SG', RATE('9', 'gst', 'sg_gst')],
  ['IN', RATE('18', 'gst', 'in_gst')],
  ['JP', RATE('10', 'jct', 'jp_trn')],
  ['KR', RATE('10', 'vat', 'kr_brn')],
  ['TW', RATE('5', 'vat', 'tw_vat')],
]);

/** States and provinces that tax such services; the others of their country do not. */
const REGIONS: Record<string, Map<string, PlaceRate>> = {
  US: new Map([
    ['NY', RATE('8.875', 'sales_tax')],
    ['TX', RATE('8.25', 'sales_tax')],
    ['PA', RATE('6', 'sales_tax')],
    ['WA', RATE('10.25', 'sales_tax')],
    ['OH', RATE('7.5', 'sales_tax')],
    ['CT', RATE('6.35', 'sales_tax')],
    ['TN', RATE('9.25', 'sales_tax')],
    ['UT', RATE('7.25', 'sales_tax')],
  ]),
  CA: new Map([
    ['AB', RATE('5', 'gst', 'ca_gst_hst')],
    ['BC', RATE('5', 'gst', 'ca_gst_hst')],
    ['ON', RATE('13', 'hst', 'ca_gst_hst')],
    ['NS', RATE('14', 'hst', 'ca_gst_hst')],
    ['QC', RATE('14.975', 'qst', 'ca_gst_hst')],
  ]),
};

/** First digits of US postal codes of the taxing states, enough to tell them from the others. */
const US_POSTAL: ReadonlyArray<[RegExp, string]> = [
  [/^1[0-4]/, 'NY'],
  [/^(1[5-9])/, 'PA'],
  [/^06/, 'CT'],
  [/^7[5-9]/, 'TX'],
  [/^(98|99[0-4])/, 'WA'],
  [/^4[3-5]/, 'OH'],
  [/^3(7|8[0-5])/, 'TN'],
  [/^84/, 'UT'],
];

export type Located =
  | { kind: 'located'; country: string; state: string | null; rate: PlaceRate | null }
  | { kind: 'unlocated' };

/** Where an address is, as far as tax needs it. No rate means no tax is collected there. */
export function locate(place: Stripe.Address | null | undefined): Located {
  const country = place?.country?.toUpperCase() ?? '';
  if (!isCountry(country)) return { kind: 'unlocated' };
  const regions = REGIONS[country];
  if (regions === undefined) {
    return { kind: 'located', country, state: null, rate: COUNTRIES.get(country) ?? null };
  }
  const state = place?.state?.toUpperCase() || stateByPostal(country, place?.postal_code ?? '');
  if (state === null) return { kind: 'unlocated' };
  return { kind: 'located', country, state, rate: regions.get(state) ?? null };
}

/** Null if the code is no postal code of the country, or too little to go by. */
function stateByPostal(country: string, code: string): string | null {
  if (country !== 'US') return null;
  if (!/^\d{5}(-\d{4})?$/.test(code) || code.startsWith('000')) return null;
  return US_POSTAL.find(([pattern]) => pattern.test(code))?.[1] ?? 'OTHER';
}

const NAMES = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

function isCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code) || ['ZZ', 'XX', 'EU', 'UN', 'QO'].includes(code)) return false;
  return NAMES.of(code) !== undefined;
}

export function refuseUnlocated(place: Stripe.Address | null | undefined): void {
  if (locate(place).kind === 'unlocated') throw unlocatable('address');
}

export function unlocatable(param: string): StripeFailure {
  return invalid(
    "We could not determine the customer's tax location based on the provided customer address.",
    param,
    'customer_tax_location_invalid',
  );
}
