import type { Usage } from '#kernel/usage';
import {
  type ComponentKind,
  type Discount,
  type ExplicitRates,
  type Factor,
  type FeeKind,
  type ModelPrice,
  type PriceBook,
  type Rates,
  ratesAbove,
  type Surcharge,
  type Terms,
  type TokenKind,
} from './book.ts';
import { leastMultiple, perUnit, UNITS_PRICED } from './rate-fraction.ts';

/** What decides a price besides the model: as served, not as asked (S15). */
export type Settings = Pick<Usage, 'speed' | 'inferenceGeo' | 'serviceTier'>;

/** A factor as the line shows it. A discount is what is paid of the price, e.g. 4/5. */
export interface Multiplier extends Factor {
  readonly name: 'speed' | 'region' | 'batch' | 'discount';
}

/** Everything multiplied out for one unit: a line is this times its units. */
export interface UnitRate {
  readonly kind: ComponentKind;
  /** The book's price, in nano-USD per `per` units. */
  readonly unitPriceNanos: bigint;
  readonly per: bigint;
  readonly multipliers: readonly Multiplier[];
  /** Exact nano-USD of one unit, in lowest terms. */
  readonly numerator: bigint;
  readonly denominator: bigint;
  /** The same over the denominator of its tariff, so that a sum is an addition. */
  readonly charged: bigint;
  readonly list: bigint;
  /** 0 where the upstream's price is not known. */
  readonly upstream: bigint;
}

/** The prices of every token of one turn; `above` is the prompt length from which they hold. */
export interface Tariff {
  readonly above: number;
  /** Of `charged`, `list` and `upstream` of all its rates. */
  readonly denominator: bigint;
  readonly input: UnitRate;
  readonly cacheWrite5m: UnitRate;
  readonly cacheWrite1h: UnitRate;
  readonly cacheRead: UnitRate;
  readonly output: UnitRate;
}

export interface Fee extends UnitRate {
  readonly tariffDenominator: bigint;
}

export type Plan =
  | {
      readonly outcome: 'priced';
      /** Ascending, the first above 0. */
      readonly tariffs: readonly [Tariff, ...Tariff[]];
      readonly upstreamKnown: boolean;
    }
  | { readonly outcome: 'not_sold'; readonly reason: string };

const TOKEN_KINDS = {
  input: 'input',
  cacheWrite5m: 'cache_write_5m',
  cacheWrite1h: 'cache_write_1h',
  cacheRead: 'cache_read',
  output: 'output',
} as const satisfies Record<keyof Rates, TokenKind>;

/** A component before its tariff is known: three exact prices of one unit. */
interface Share {
  readonly kind: ComponentKind;
  readonly unitPriceNanos: bigint;
  readonly multipliers: readonly Multiplier[];
  readonly charged: Factor;
  readonly list: Factor;
  readonly upstream: Factor;
}

const NOTHING: Factor = { numerator: 0n, denominator: 1n };

/** All prices of one model under one way of serving and one organization's discounts. */
export function planOf(price: ModelPrice, settings: Settings, terms: Terms, at: Date): Plan {
  const explicit = explicitRates(price, settings);
  const surcharges = surchargesOf(price, settings, explicit);
  if (typeof surcharges === 'string') return { outcome: 'not_sold', reason: surcharges };
  // What the upstream takes for a way of serving is its price times the same factors. Where this
  // price names rates instead of a factor, the upstream's are not known.
  const upstreamFactors = surchargesOf(price, settings, undefined);
  const upstream = typeof upstreamFactors === 'string' ? null : price.upstream;
  const bands = explicit?.bands ?? price.bands;
  const thresholds = [...bands, ...(upstream ?? [])].map((band) => band.promptTokensAbove);
  const [first = 0, ...rest] = [...new Set(thresholds)].sort((a, b) => a - b);
  const tariffAbove = (above: number): Tariff => {
    const share = (column: keyof Rates): Share => {
      const kind = TOKEN_KINDS[column];
      const unitPriceNanos = ratesAbove(bands, above)[column];
      const factors = factorsOn(kind, surcharges);
      const discount = discountOn(terms, kind, price, at);
      const multipliers =
        discount === undefined
          ? factors
          : [...factors, { name: 'discount', ...discount.factor } as const];
      return {
        kind,
        unitPriceNanos,
        multipliers,
        charged: perUnit(kind, unitPriceNanos, multipliers),
        list: perUnit(kind, unitPriceNanos, factors),
        upstream:
          upstream === null || typeof upstreamFactors === 'string'
            ? NOTHING
            : perUnit(kind, ratesAbove(upstream, above)[column], factorsOn(kind, upstreamFactors)),
      };
    };
    return tariff(above, {
      input: share('input'),
      cacheWrite5m: share('cacheWrite5m'),
      cacheWrite1h: share('cacheWrite1h'),
      cacheRead: share('cacheRead'),
      output: share('output'),
    });
  };
  const tariffs = [tariffAbove(first), ...rest.map(tariffAbove)] as const;
  return { outcome: 'priced', tariffs, upstreamKnown: upstream !== null };
}

/**
 * A fee belongs to no model, so no speed, region or batch factor reaches it (S17, S18), and no
 * discount on one model. The upstream takes the published fee.
 */
export function feeOf(book: PriceBook, kind: FeeKind, terms: Terms, at: Date): Fee {
  const { webSearch, codeExecutionHour, sessionHour } = book.fees;
  const prices = { web_search: webSearch, code_execution: codeExecutionHour, session: sessionHour };
  const unitPriceNanos = prices[kind];
  const discount = discountOn(terms, kind, null, at);
  const multipliers =
    discount === undefined ? [] : [{ name: 'discount', ...discount.factor } as const];
  const charged = perUnit(kind, unitPriceNanos, multipliers);
  const list = perUnit(kind, unitPriceNanos, []);
  const share = { kind, unitPriceNanos, multipliers, charged, list, upstream: list };
  const tariffDenominator = commonDenominator([share]);
  return { ...unitRate(share, tariffDenominator), tariffDenominator };
}

/** The discount on one component: one that names the model before one for all, never both. */
function discountOn(
  terms: Terms,
  kind: ComponentKind,
  price: ModelPrice | null,
  at: Date,
): Discount | undefined {
  let found: Discount | undefined;
  for (const discount of terms) {
    if (!discount.appliesTo.has(kind) || discount.from > at) continue;
    if (discount.until !== null && at >= discount.until) continue;
    if (discount.model === null) found ??= discount;
    else if (price?.model === discount.model || price?.aliases.includes(discount.model)) {
      return discount;
    }
  }
  return found;
}

/** Of the explicit rates whose settings were all served, those that name the most. */
function explicitRates(price: ModelPrice, settings: Settings): ExplicitRates | undefined {
  let found: ExplicitRates | undefined;
  let namedMost = 0;
  for (const rates of price.explicit) {
    if (rates.speed === 'fast' && settings.speed !== 'fast') continue;
    if (rates.region === 'us' && settings.inferenceGeo !== 'us') continue;
    if (rates.tier === 'batch' && settings.serviceTier !== 'batch') continue;
    const { speed, region, tier } = rates;
    const named = [speed, region, tier].filter((setting) => setting !== null).length;
    if (named > namedMost) [found, namedMost] = [rates, named];
  }
  return found;
}

interface NamedSurcharge {
  readonly name: Multiplier['name'];
  readonly surcharge: Surcharge;
}

/** What multiplies, in the order lines show it; or why this way of serving has no price. */
function surchargesOf(
  price: ModelPrice,
  settings: Settings,
  explicit: ExplicitRates | undefined,
): NamedSurcharge[] | string {
  const found: NamedSurcharge[] = [];
  if (settings.speed === 'fast' && (explicit?.speed ?? null) === null) {
    if (price.fast === null) return `fast mode of ${price.model} has no price`;
    found.push({ name: 'speed', surcharge: price.fast });
  }
  if (settings.inferenceGeo === 'us' && (explicit?.region ?? null) === null) {
    if (price.region !== null) found.push({ name: 'region', surcharge: price.region });
  }
  if (settings.serviceTier === 'batch' && (explicit?.tier ?? null) === null) {
    if (price.batch === null) return `${price.model} is not sold in batches`;
    found.push({ name: 'batch', surcharge: price.batch });
  }
  return found;
}

const factorsOn = (kind: ComponentKind, surcharges: readonly NamedSurcharge[]): Multiplier[] =>
  surcharges
    .filter(({ surcharge }) => surcharge.appliesTo.has(kind))
    .map(({ name, surcharge: { numerator, denominator } }) => ({ name, numerator, denominator }));

function tariff(above: number, shares: Readonly<Record<keyof Rates, Share>>): Tariff {
  const denominator = commonDenominator(Object.values(shares));
  return {
    above,
    denominator,
    input: unitRate(shares.input, denominator),
    cacheWrite5m: unitRate(shares.cacheWrite5m, denominator),
    cacheWrite1h: unitRate(shares.cacheWrite1h, denominator),
    cacheRead: unitRate(shares.cacheRead, denominator),
    output: unitRate(shares.output, denominator),
  };
}

const commonDenominator = (shares: readonly Share[]): bigint =>
  shares
    .flatMap(({ charged, list, upstream }) => [charged, list, upstream])
    .reduce((common, { denominator }) => leastMultiple(common, denominator), 1n);

function unitRate(share: Share, denominator: bigint): UnitRate {
  const over = (part: Factor): bigint => part.numerator * (denominator / part.denominator);
  return {
    kind: share.kind,
    unitPriceNanos: share.unitPriceNanos,
    per: UNITS_PRICED[share.kind],
    multipliers: share.multipliers,
    numerator: share.charged.numerator,
    denominator: share.charged.denominator,
    charged: over(share.charged),
    list: over(share.list),
    upstream: over(share.upstream),
  };
}
