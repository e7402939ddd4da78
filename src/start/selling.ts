import { COUNTRY_CODES } from '#payments/billing-countries';
import type { PaymentsDeps } from '#payments/deps';
import { DEFAULT_SELLING } from '#payments/selling';
import type { EnvironmentReader } from '#src/start/environment';

/** On what terms credits are sold, as configured. */
export interface SellingTerms {
  readonly automaticTax: boolean;
  /** Undefined: wherever the processor and the providers do business. */
  readonly countries: readonly string[] | undefined;
  readonly subscriptionUrl: string | undefined;
}

/** Reads who is sold to, and whether tax is added. Every unknown country is named. */
export function readSelling(read: EnvironmentReader): SellingTerms {
  return {
    automaticTax: read.oneOf('BURSAR_AUTOMATIC_TAX', ['on', 'off'] as const, 'off') === 'on',
    countries: readCountries(read),
    subscriptionUrl: read.httpUrl('BURSAR_SUBSCRIPTION_URL'),
  };
}

function readCountries(read: EnvironmentReader): readonly string[] | undefined {
  const text = read.text('BURSAR_SELL_TO');
  if (text === undefined) return undefined;
  if (text.trim().toLowerCase() === 'all') return COUNTRY_CODES;
  const codes = text
    .toUpperCase()
    .split(/[\s,]+/)
    .filter((code) => code !== '');
  const unknown = codes.filter((code) => !COUNTRY_CODES.includes(code));
  if (codes.length > 0 && unknown.length === 0) return codes;
  const found = unknown.length === 0 ? text : unknown.join(', ');
  read.problem('BURSAR_SELL_TO', found, '"all", or two-letter country codes such as "DE, FR, US"');
  return undefined;
}

/** The same as payments needs it. */
export function sellingTerms(config: {
  readonly selling: SellingTerms;
}): Pick<PaymentsDeps, 'automaticTax' | 'selling'> {
  const { automaticTax, countries, subscriptionUrl } = config.selling;
  const some = countries !== undefined && countries.length < COUNTRY_CODES.length;
  return {
    automaticTax,
    selling: {
      countries: countries === undefined ? DEFAULT_SELLING.countries : new Set(countries),
      addressFirst: automaticTax || some,
      subscriptionUrl: subscriptionUrl ?? null,
    },
  };
}
