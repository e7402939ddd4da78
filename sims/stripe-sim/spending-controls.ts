import type Stripe from 'stripe';
import { invalid } from './error.ts';
import { categoriesIn } from './merchant-categories.ts';
import type { Params } from './params.ts';

/** What a card, or all cards of a cardholder, may be used for. */
export type Controls = Stripe.Issuing.Card.SpendingControls;
export type Limit = Stripe.Issuing.Card.SpendingControls.SpendingLimit;

const INTERVALS = [
  'per_authorization',
  'daily',
  'weekly',
  'monthly',
  'yearly',
  'all_time',
] as const;

const CATEGORY_LISTS = ['allowed_categories', 'blocked_categories'] as const;
const COUNTRY_LISTS = ['allowed_merchant_countries', 'blocked_merchant_countries'] as const;

const AT = 'spending_controls';

export const CONTROL_NAMES: readonly string[] = [
  ...[...CATEGORY_LISTS, ...COUNTRY_LISTS].map((name) => `${AT}.${name}.#`),
  `${AT}.spending_limits.#.amount`,
  `${AT}.spending_limits.#.interval`,
  `${AT}.spending_limits.#.categories.#`,
];

/** The controls after what was sent; a list not sent stays, an empty one is taken away. */
export function readControls(params: Params, currency: string, before?: Controls): Controls {
  const controls: Controls = {
    allowed_card_presences: null,
    allowed_categories: null,
    allowed_merchant_countries: null,
    blocked_card_presences: null,
    blocked_categories: null,
    blocked_merchant_countries: null,
    spending_limits: [],
    spending_limits_currency: currency,
    ...before,
  };
  for (const name of CATEGORY_LISTS) {
    const path = `${AT}.${name}`;
    if (params.given(path)) controls[name] = orNull(categoriesIn(params, path));
  }
  for (const name of COUNTRY_LISTS) {
    const path = `${AT}.${name}`;
    if (params.given(path)) controls[name] = orNull(countriesIn(params, path));
  }
  if (params.given(`${AT}.spending_limits`)) {
    controls.spending_limits = params.items(`${AT}.spending_limits`).map(limitIn);
  }
  return controls;
}

function limitIn(given: Params): Limit {
  const amount = given.integer('amount');
  const interval = given.oneOf('interval', INTERVALS);
  if (amount === undefined || interval === undefined) {
    throw invalid('A spending limit has an amount and an interval.', given.name('amount'));
  }
  if (amount < 0) throw invalid('Invalid positive integer', given.name('amount'));
  return { amount, categories: orNull(categoriesIn(given, 'categories')), interval };
}

function countriesIn(params: Params, path: string): string[] {
  const countries = params.texts(path);
  const wrong = countries.find((country) => !/^[A-Z]{2}$/.test(country));
  if (wrong === undefined) return countries;
  throw invalid(`Country '${wrong}' is unknown.`, params.name(path));
}

function orNull(names: string[]): string[] | null {
  return names.length === 0 ? null : names;
}

/** What the controls have against a purchase: the kind of business, the amount, or nothing. */
export function objection(
  controls: Controls,
  asked: { amount: number; total: number; category: string; country: string | null },
  spentIn: (limit: Limit) => number,
): 'merchant' | 'amount' | null {
  const { category, amount } = asked;
  const country = asked.country ?? '';
  const barred =
    controls.allowed_categories?.includes(category) === false ||
    controls.blocked_categories?.includes(category) === true ||
    controls.allowed_merchant_countries?.includes(country) === false ||
    controls.blocked_merchant_countries?.includes(country) === true;
  if (barred) return 'merchant';
  const exceeded = (controls.spending_limits ?? [])
    .filter((limit) => limit.categories?.includes(category) !== false)
    .some((limit) =>
      limit.interval === 'per_authorization'
        ? asked.total > limit.amount
        : spentIn(limit) + amount > limit.amount,
    );
  // A question without money, such as whether a card may be kept, spends nothing.
  return exceeded && amount > 0 ? 'amount' : null;
}

/** When the running interval began, in Unix seconds: calendar days in UTC, weeks from Sunday. */
export function intervalStart(interval: string, now: number): number {
  const today = new Date(now * 1000);
  const [year, month, day] = [today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()];
  switch (interval) {
    case 'daily':
      return Date.UTC(year, month, day) / 1000;
    case 'weekly':
      return Date.UTC(year, month, day - today.getUTCDay()) / 1000;
    case 'monthly':
      return Date.UTC(year, month, 1) / 1000;
    case 'yearly':
      return Date.UTC(year, 0, 1) / 1000;
    default:
      return 0;
  }
}
