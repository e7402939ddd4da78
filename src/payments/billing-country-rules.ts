export interface PostalRule {
  readonly pattern: RegExp;
  /** One that fits, for the sentence that refuses another. */
  readonly example: string;
}

const rule = (pattern: RegExp, example: string): PostalRule => ({ pattern, example });

const FOUR = (example: string) => rule(/^\d{4}$/, example);
const FIVE = (example: string) => rule(/^\d{5}$/, example);
const SIX = (example: string) => rule(/^\d{6}$/, example);

/** Of the countries where a postal code has one form. Compared in capitals, with single blanks. */
export const POSTAL: Readonly<Record<string, PostalRule>> = {
  AR: rule(/^([A-Z]\d{4}[A-Z]{3}|\d{4})$/, 'C1425CLA'),
  AT: FOUR('1010'),
  AU: FOUR('2000'),
  BE: FOUR('1000'),
  BG: FOUR('1000'),
  BR: rule(/^\d{5}-?\d{3}$/, '01310-100'),
  CA: rule(/^[A-Z]\d[A-Z] ?\d[A-Z]\d$/, 'K1A 0B1'),
  CH: FOUR('8001'),
  CN: SIX('100000'),
  CY: FOUR('1010'),
  CZ: rule(/^\d{3} ?\d{2}$/, '110 00'),
  DE: FIVE('10115'),
  DK: FOUR('1050'),
  EE: FIVE('10111'),
  ES: FIVE('28001'),
  FI: FIVE('00100'),
  FR: FIVE('75001'),
  GB: rule(/^(GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})$/, 'SW1A 1AA'),
  GR: rule(/^\d{3} ?\d{2}$/, '105 57'),
  HR: FIVE('10000'),
  HU: FOUR('1051'),
  ID: FIVE('10110'),
  IL: rule(/^\d{5}(\d{2})?$/, '6120101'),
  IN: rule(/^\d{3} ?\d{3}$/, '110001'),
  IS: rule(/^\d{3}$/, '101'),
  IT: FIVE('00184'),
  JP: rule(/^\d{3}-?\d{4}$/, '100-0001'),
  KR: FIVE('04524'),
  LI: FOUR('9490'),
  LT: rule(/^(LT-)?\d{5}$/, 'LT-01103'),
  LU: rule(/^(L-)?\d{4}$/, '1009'),
  LV: rule(/^(LV-)?\d{4}$/, 'LV-1050'),
  MC: FIVE('98000'),
  MT: rule(/^[A-Z]{3} ?\d{4}$/, 'VLT 1117'),
  MX: FIVE('06000'),
  MY: FIVE('50000'),
  NL: rule(/^\d{4} ?[A-Z]{2}$/, '1012 AB'),
  NO: FOUR('0150'),
  NZ: FOUR('6011'),
  PH: FOUR('1000'),
  PL: rule(/^\d{2}-\d{3}$/, '00-001'),
  PT: rule(/^\d{4}-\d{3}$/, '1000-001'),
  RO: SIX('010011'),
  RS: FIVE('11000'),
  SE: rule(/^\d{3} ?\d{2}$/, '111 20'),
  SG: SIX('018956'),
  SI: FOUR('1000'),
  SK: rule(/^\d{3} ?\d{2}$/, '811 01'),
  TH: FIVE('10200'),
  TR: FIVE('34000'),
  TW: rule(/^\d{3}(\d{2,3})?$/, '100'),
  UA: FIVE('01001'),
  US: rule(/^\d{5}(-\d{4})?$/, '10001'),
  ZA: FOUR('8001'),
};

const listed = (text: string): readonly (readonly [string, string])[] =>
  text.split(', ').map((entry): readonly [string, string] => {
    const [code = '', ...name] = entry.split(' ');
    return [code, name.join(' ')];
  });

/** Of the countries where tax depends on the state, so one of these must be chosen. */
export const STATES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  AU: listed(
    'ACT Australian Capital Territory, NSW New South Wales, NT Northern Territory, ' +
      'QLD Queensland, SA South Australia, TAS Tasmania, VIC Victoria, WA Western Australia',
  ),
  CA: listed(
    'AB Alberta, BC British Columbia, MB Manitoba, NB New Brunswick, ' +
      'NL Newfoundland and Labrador, NS Nova Scotia, NT Northwest Territories, NU Nunavut, ' +
      'ON Ontario, PE Prince Edward Island, QC Quebec, SK Saskatchewan, YT Yukon',
  ),
  US: listed(
    'AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, ' +
      'CT Connecticut, DE Delaware, DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ' +
      'ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas, KY Kentucky, LA Louisiana, ' +
      'ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi, ' +
      'MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey, ' +
      'NM New Mexico, NY New York, NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, ' +
      'OR Oregon, PA Pennsylvania, RI Rhode Island, SC South Carolina, SD South Dakota, ' +
      'TN Tennessee, TX Texas, UT Utah, VT Vermont, VA Virginia, WA Washington, ' +
      'WV West Virginia, WI Wisconsin, WY Wyoming',
  ),
};
