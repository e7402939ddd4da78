/** A kind of tax number: the processor's name of it, ours for people, and its form. */
export interface TaxIdKind {
  readonly type: string;
  readonly label: string;
  /** Compared in capitals, without blanks and dots. */
  readonly pattern: RegExp;
  readonly example: string;
  /** As it is written, where that is not how it is compared. */
  readonly written?: (compared: string) => string;
}

const one = (type: string, label: string, pattern: RegExp, example: string): TaxIdKind[] => [
  { type, label, pattern, example },
];

const euVat = (pattern: RegExp, example: string): TaxIdKind[] =>
  one('eu_vat', 'VAT number', pattern, example);

/** Forms only: whether a number is in force is for the tax authority, which the processor asks. */
const EUROPEAN_UNION: Readonly<Record<string, readonly TaxIdKind[]>> = {
  AT: euVat(/^ATU\d{8}$/, 'ATU12345678'),
  BE: euVat(/^BE[01]\d{9}$/, 'BE0123456789'),
  BG: euVat(/^BG\d{9,10}$/, 'BG0123456789'),
  CY: euVat(/^CY\d{8}[A-Z]$/, 'CY12345678Z'),
  CZ: euVat(/^CZ\d{8,10}$/, 'CZ1234567890'),
  DE: euVat(/^DE\d{9}$/, 'DE123456789'),
  DK: euVat(/^DK\d{8}$/, 'DK12345678'),
  EE: euVat(/^EE\d{9}$/, 'EE123456789'),
  ES: euVat(/^ES[A-Z\d]\d{7}[A-Z\d]$/, 'ESA1234567Z'),
  FI: euVat(/^FI\d{8}$/, 'FI12345678'),
  FR: euVat(/^FR[A-HJ-NP-Z\d]{2}\d{9}$/, 'FRAB123456789'),
  GR: euVat(/^EL\d{9}$/, 'EL123456789'),
  HR: euVat(/^HR\d{11}$/, 'HR12345678912'),
  HU: euVat(/^HU\d{8}$/, 'HU12345678'),
  IE: euVat(/^IE\d[A-Z\d+*]\d{5}[A-Z]{1,2}$/, 'IE1234567AB'),
  IT: euVat(/^IT\d{11}$/, 'IT12345678912'),
  LT: euVat(/^LT(\d{9}|\d{12})$/, 'LT123456789123'),
  LU: euVat(/^LU\d{8}$/, 'LU12345678'),
  LV: euVat(/^LV\d{11}$/, 'LV12345678912'),
  MT: euVat(/^MT\d{8}$/, 'MT12345678'),
  NL: euVat(/^NL\d{9}B\d{2}$/, 'NL123456789B12'),
  PL: euVat(/^PL\d{10}$/, 'PL1234567890'),
  PT: euVat(/^PT\d{9}$/, 'PT123456789'),
  RO: euVat(/^RO\d{2,10}$/, 'RO1234567891'),
  SE: euVat(/^SE\d{12}$/, 'SE123456789123'),
  SI: euVat(/^SI\d{8}$/, 'SI12345678'),
  SK: euVat(/^SK\d{10}$/, 'SK1234567891'),
};

const SWISS = /^CHE-?(\d{3})(\d{3})(\d{3})(MWST|TVA|IVA)$/;

/** By the country of the address. A country that is not listed has no field for it. */
export const TAX_IDS: Readonly<Record<string, readonly TaxIdKind[]>> = {
  ...EUROPEAN_UNION,
  AE: one('ae_trn', 'TRN', /^\d{15}$/, '123456789012345'),
  AU: one('au_abn', 'ABN', /^\d{11}$/, '12345678912'),
  BR: one('br_cnpj', 'CNPJ', /^\d{14}$|^\d{8}\/\d{4}-\d{2}$/, '01234456/5432-10'),
  CA: [
    ...one('ca_bn', 'Business number', /^\d{9}$/, '123456789'),
    ...one('ca_gst_hst', 'GST/HST number', /^\d{9}RT\d{4}$/, '123456789RT0002'),
  ],
  CH: [
    {
      type: 'ch_vat',
      label: 'VAT number',
      pattern: SWISS,
      example: 'CHE-123.456.789 MWST',
      written: (compared) => compared.replace(SWISS, 'CHE-$1.$2.$3 $4'),
    },
  ],
  CL: one('cl_tin', 'RUT', /^\d{7,8}-[\dK]$/, '12345678-K'),
  GB: one('gb_vat', 'VAT number', /^GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})$/, 'GB123456789'),
  HK: one('hk_br', 'Business registration number', /^\d{8}$/, '12345678'),
  IL: one('il_vat', 'VAT number', /^\d{9}$/, '123456789'),
  IN: one('in_gst', 'GSTIN', /^\d{2}[A-Z]{5}\d{4}[A-Z][A-Z\d]Z[A-Z\d]$/, '12ABCDE3456FGZH'),
  IS: one('is_vat', 'VAT number', /^\d{5,6}$/, '123456'),
  JP: one('jp_trn', 'Registration number', /^T\d{13}$/, 'T1234567891234'),
  KR: one('kr_brn', 'Business registration number', /^\d{3}-?\d{2}-?\d{5}$/, '123-45-67890'),
  LI: one('li_uid', 'UID', /^CHE\d{9}$/, 'CHE123456789'),
  MX: one('mx_rfc', 'RFC', /^[A-ZÑ&]{3,4}\d{6}[A-Z\d]{3}$/, 'ABC010203AB9'),
  NO: one('no_vat', 'VAT number', /^\d{9}MVA$/, '123456789MVA'),
  NZ: one('nz_gst', 'GST number', /^\d{8,9}$/, '123456789'),
  PH: one('ph_tin', 'TIN', /^\d{12}$/, '123456789012'),
  SA: one('sa_vat', 'VAT number', /^\d{15}$/, '123456789012345'),
  SG: one('sg_gst', 'GST registration number', /^M\d{8}[A-Z]$|^\d{9}[A-Z]$/, 'M12345678X'),
  TH: one('th_vat', 'VAT number', /^\d{13}$/, '1234567891234'),
  TR: one('tr_tin', 'TIN', /^\d{10}$/, '0123456789'),
  TW: one('tw_vat', 'Uniform number', /^\d{8}$/, '12345678'),
  UA: one('ua_vat', 'VAT number', /^\d{9,12}$/, '123456789'),
  US: one('us_ein', 'EIN', /^\d{2}-\d{7}$/, '12-3456789'),
  ZA: one('za_vat', 'VAT number', /^4\d{9}$/, '4123456789'),
};
