/** Nano-USD per million tokens: the unit of every price of tokens (money rule 1). */
export interface Rates {
  readonly input: bigint;
  readonly cacheWrite5m: bigint;
  readonly cacheWrite1h: bigint;
  readonly cacheRead: bigint;
  readonly output: bigint;
}

/** An exact factor on a price, e.g. 11/10. Fractions, because 1.1 is not a binary number. */
export interface Factor {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const TOKEN_KINDS = [
  'input',
  'cache_write_5m',
  'cache_write_1h',
  'cache_read',
  'output',
] as const;
export const FEE_KINDS = ['web_search', 'code_execution', 'session'] as const;
/** Everything that is paid for, in the order of a receipt. */
export const COMPONENT_KINDS = [...TOKEN_KINDS, ...FEE_KINDS] as const;

export type TokenKind = (typeof TOKEN_KINDS)[number];
export type FeeKind = (typeof FEE_KINDS)[number];
export type ComponentKind = (typeof COMPONENT_KINDS)[number];

/** A factor and the tokens it multiplies; never fees, which belong to no model (S17, S18). */
export interface Surcharge extends Factor {
  readonly appliesTo: ReadonlySet<ComponentKind>;
}

/** Rates of every token of a request whose prompt is longer than the threshold. */
export interface PriceBand {
  readonly promptTokensAbove: number;
  readonly rates: Rates;
}

/** Ascending thresholds, the first at 0. */
export type PriceBands = readonly [PriceBand, ...PriceBand[]];

/**
 * Rates published for a way of serving. They replace the base rates and the multipliers of the
 * settings named here; settings that are null still multiply. Explicit wins.
 */
export interface ExplicitRates {
  readonly speed: 'fast' | null;
  readonly region: 'us' | null;
  readonly tier: 'batch' | null;
  readonly bands: PriceBands;
}

/** One model's price over one span of time, `from` inclusive, `until` exclusive. */
export interface ModelPrice {
  readonly model: string;
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly provider: string;
  readonly releasedAt: Date;
  readonly contextWindow: number;
  readonly outputTokensMax: number;
  readonly from: Date;
  readonly until: Date | null;
  readonly bands: PriceBands;
  /** Null: fast mode is not sold, so it is refused, unless explicit rates name it. */
  readonly fast: Surcharge | null;
  /** Null: US-only inference costs nothing extra, or is not offered. */
  readonly region: Surcharge | null;
  /** Null: not sold in batches, unless explicit rates name them. */
  readonly batch: Surcharge | null;
  /**
   * Of those whose settings all were served, the one that names most is used. The book has no two
   * that match a request equally well.
   */
  readonly explicit: readonly ExplicitRates[];
  /**
   * What the operator pays its upstream for the same tokens; the same factors apply. Null: not
   * known.
   */
  readonly upstream: PriceBands | null;
}

/** What is priced for all models alike, and not by the token. */
export interface Fees {
  /** Nano-USD per million searches. */
  readonly webSearch: bigint;
  /** Nano-USD per hour a container runs. */
  readonly codeExecutionHour: bigint;
  /** Per organization and calendar month. */
  readonly codeExecutionFreeHours: number;
  /** The shortest time one execution is charged for. */
  readonly codeExecutionMinimumSeconds: number;
  /** Nano-USD per hour a managed session runs. */
  readonly sessionHour: bigint;
}

/** Immutable: a changed book is another version. */
export interface PriceBook {
  readonly version: string;
  readonly fees: Fees;
  /** Every row, past and future, in the order of the book. */
  readonly rows: readonly ModelPrice[];
  /** Resolves aliases. Undefined before release, after retirement and for names not in the book. */
  priceOf(model: string, at: Date): ModelPrice | undefined;
  /** Every model offered at that time, in the order of the book. */
  models(at: Date): readonly ModelPrice[];
}

/** A discount of one organization, by contract. */
export interface Discount {
  /** Null: every model. */
  readonly model: string | null;
  /** What is paid of the list price: above 0, at most 1. */
  readonly factor: Factor;
  readonly appliesTo: ReadonlySet<ComponentKind>;
  readonly from: Date;
  readonly until: Date | null;
}

/**
 * The discounts of one organization; none: list prices. At most one applies to a component: one
 * that names the model before one that does not. They are never stacked.
 */
export type Terms = readonly Discount[];

/** Rows must be valid: spans of one name, aliases included, never overlap. */
export function priceBook(version: string, fees: Fees, rows: readonly ModelPrice[]): PriceBook {
  const byName = new Map<string, ModelPrice[]>();
  for (const row of rows) {
    for (const name of [row.model, ...row.aliases]) {
      const spans = byName.get(name);
      if (spans === undefined) byName.set(name, [row]);
      else spans.push(row);
    }
  }
  return {
    version,
    fees,
    rows,
    priceOf: (model, at) => byName.get(model)?.find((row) => inForce(row, at)),
    models: (at) => rows.filter((row) => inForce(row, at)),
  };
}

const inForce = (row: ModelPrice, at: Date): boolean =>
  row.from <= at && (row.until === null || at < row.until);

/** The rates of every token of a request whose prompt is just above a threshold. */
export function ratesAbove(bands: PriceBands, promptTokensAbove: number): Rates {
  let [{ rates }] = bands;
  for (const band of bands) if (band.promptTokensAbove <= promptTokensAbove) rates = band.rates;
  return rates;
}
