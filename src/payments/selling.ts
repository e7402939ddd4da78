import { COUNTRY_CODES, countryName, inSentence } from '#payments/billing-countries';

/** To whom and how the operator sells: configuration, never decided by the customer. */
export interface Selling {
  /** Two-letter codes of the countries sold to. */
  readonly countries: ReadonlySet<string>;
  /**
   * Nobody pays before their billing address is known: tax depends on it, or the operator named the
   * countries sold to.
   */
  readonly addressFirst: boolean;
  /** Where subscriptions to web and desktop apps are bought; null if that is nothing of ours. */
  readonly subscriptionUrl: string | null;
}

/** Where neither the card processor nor the providers of the models do business. */
export const NOT_SOLD_TO_UNLESS_NAMED: readonly string[] = [
  'BY',
  'CN',
  'CU',
  'HK',
  'IR',
  'KP',
  'MO',
  'RU',
  'SY',
];

export const DEFAULT_SELLING: Selling = {
  countries: new Set(COUNTRY_CODES.filter((code) => !NOT_SOLD_TO_UNLESS_NAMED.includes(code))),
  addressFirst: false,
  subscriptionUrl: null,
};

export const sellsTo = (selling: Selling, country: string): boolean =>
  selling.countries.has(country);

const NAMED_IN_A_SENTENCE = 12;

/** "Austria, Belgium and Germany", or how many there are where they would fill a page. */
export function countriesInWords(selling: Selling): string {
  const names = [...selling.countries]
    .sort((a, b) => countryName(a).localeCompare(countryName(b), 'en'))
    .map(inSentence);
  if (names.length > NAMED_IN_A_SENTENCE) return `${names.length} countries`;
  const last = names.pop() ?? 'none';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}
