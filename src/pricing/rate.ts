import { divideHalfEven, type NanoUsd, nanos } from '#kernel/money';
import type { ModelUsage, Usage } from '#kernel/usage';
import type { ComponentKind, FeeKind, PriceBook, Terms } from './book.ts';
import { greatestDivisor, lowestTerms } from './rate-fraction.ts';
import type { Multiplier, Tariff, UnitRate } from './rate-plan.ts';
import { LIST_PRICES, type RateTables, rateTables } from './rate-tables.ts';

export type LineKind = ComponentKind | 'rounding';

/** One component of a charge. `numerator / denominator` is its exact share in nano-USD. */
export interface RatedLine {
  readonly kind: LineKind;
  /** Null for what no single model did: fees and the rounding. */
  readonly model: string | null;
  /** Tokens, searches, seconds of code execution, or milliseconds of a session. */
  readonly units: bigint;
  /** The price in the book: nano-USD for `per` units. */
  readonly unitPriceNanos: bigint;
  readonly per: bigint;
  readonly multipliers: readonly Multiplier[];
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export type Rated =
  | {
      readonly outcome: 'rated';
      readonly amount: NanoUsd;
      /** The same without discounts, rounded once by itself. Never less than the amount. */
      readonly listAmount: NanoUsd;
      /** What the operator pays for it; null if a model that served has no upstream price. */
      readonly upstreamCost: NanoUsd | null;
      readonly lines: RatedLine[];
    }
  | { readonly outcome: 'model_not_priced'; readonly model: string; readonly reason: string }
  /** Counts beyond any real request: no ledger could hold the amount. */
  | { readonly outcome: 'amount_out_of_range'; readonly reason: string };

/** The ledger's columns are 64 bits wide. */
const AMOUNT_NANOS_MAX = 2n ** 63n - 1n;

/**
 * What a request costs: the exact sum over its components, rounded once, half-even. Lines sum to
 * the amount exactly; where rounding moved it, a line says by how much. Attempts that declined are
 * free and have no line.
 *
 * `at` is the time of admission: a price that changes mid-request does not reach it (fault F88).
 * `terms` are the organization's discounts; the same array for as long as the contract is the same.
 */
export function rate(book: PriceBook, usage: Usage, at: Date, terms: Terms = LIST_PRICES): Rated {
  const tables = rateTables(book, terms);
  const bill = new Bill(terms.length > 0);
  for (const turn of usage.iterations) {
    if (!turn.billed) continue;
    const found = tables.plan(turn.model, usage, at);
    if (found === undefined) {
      return notPriced(turn.model, 'no price at the time of the request');
    }
    const { price, plan } = found;
    if (plan.outcome === 'not_sold') return notPriced(turn.model, plan.reason);
    if (!plan.upstreamKnown) bill.upstreamKnown = false;
    // The whole prompt of one sampling turn decides the price of each of its tokens.
    const prompt =
      turn.inputTokens + turn.cacheReadTokens + turn.cacheWrite5mTokens + turn.cacheWrite1hTokens;
    bill.turn(price.model, tariffFor(plan.tariffs, prompt), turn);
  }
  addFees(bill, tables, usage, at);
  return bill.close();
}

const notPriced = (model: string, reason: string): Rated => ({
  outcome: 'model_not_priced',
  model,
  reason,
});

function addFees(bill: Bill, tables: RateTables, usage: Usage, at: Date): void {
  const add = (kind: FeeKind, units: number): void => {
    if (units <= 0) return;
    const fee = tables.fee(kind, at);
    bill.units(fee, units, null);
    bill.fold(fee.tariffDenominator);
  };
  if (usage.webSearches > 0) add('web_search', usage.webSearches);
  if (usage.codeExecutionSeconds > 0) add('code_execution', usage.codeExecutionSeconds);
  if (usage.sessionMilliseconds > 0) add('session', usage.sessionMilliseconds);
}

/** The dearer tariff begins above its threshold: a prompt of exactly that length is below it. */
function tariffFor(tariffs: readonly [Tariff, ...Tariff[]], promptTokens: number): Tariff {
  let [found] = tariffs;
  for (const tariff of tariffs) if (promptTokens > tariff.above) found = tariff;
  return found;
}

/** Lines and three exact sums: charged, at list, and at the upstream. */
class Bill {
  upstreamKnown = true;
  private readonly discounted: boolean;
  private readonly lines: RatedLine[] = [];
  private denominator = 1n;
  private charged = 0n;
  private list = 0n;
  private upstream = 0n;
  /** Of the components since the last `fold`, over the denominator of their tariff. */
  private partCharged = 0n;
  private partList = 0n;
  private partUpstream = 0n;

  constructor(discounted: boolean) {
    this.discounted = discounted;
  }

  turn(model: string, tariff: Tariff, turn: ModelUsage): void {
    if (turn.inputTokens > 0) this.units(tariff.input, turn.inputTokens, model);
    if (turn.cacheWrite5mTokens > 0) {
      this.units(tariff.cacheWrite5m, turn.cacheWrite5mTokens, model);
    }
    if (turn.cacheWrite1hTokens > 0) {
      this.units(tariff.cacheWrite1h, turn.cacheWrite1hTokens, model);
    }
    if (turn.cacheReadTokens > 0) this.units(tariff.cacheRead, turn.cacheReadTokens, model);
    if (turn.outputTokens > 0) this.units(tariff.output, turn.outputTokens, model);
    this.fold(tariff.denominator);
  }

  units(unit: UnitRate, count: number, model: string | null): void {
    const units = BigInt(count);
    const { kind, unitPriceNanos, per, multipliers, denominator } = unit;
    const numerator = units * unit.numerator;
    this.partCharged += units * unit.charged;
    if (this.discounted) this.partList += units * unit.list;
    if (this.upstreamKnown) this.partUpstream += units * unit.upstream;
    const line = { kind, model, units, unitPriceNanos, per, multipliers, numerator, denominator };
    this.lines.push(line);
  }

  fold(denominator: bigint): void {
    if (denominator !== this.denominator) {
      const common = greatestDivisor(this.denominator, denominator);
      const [growth, partGrowth] = [denominator / common, this.denominator / common];
      this.denominator *= growth;
      this.charged *= growth;
      this.list *= growth;
      this.upstream *= growth;
      this.partCharged *= partGrowth;
      this.partList *= partGrowth;
      this.partUpstream *= partGrowth;
    }
    this.charged += this.partCharged;
    this.list += this.partList;
    this.upstream += this.partUpstream;
    this.partCharged = 0n;
    this.partList = 0n;
    this.partUpstream = 0n;
  }

  close(): Rated {
    const { charged, denominator, lines } = this;
    const amount = rounded(charged, denominator);
    const listAmount = this.discounted ? rounded(this.list, denominator) : amount;
    const cost = this.upstreamKnown ? rounded(this.upstream, denominator) : null;
    if (listAmount > AMOUNT_NANOS_MAX || (cost !== null && cost > AMOUNT_NANOS_MAX)) {
      return { outcome: 'amount_out_of_range', reason: 'the amount does not fit into 64 bits' };
    }
    const moved = amount * denominator - charged;
    if (moved !== 0n) lines.push(roundingLine(moved, denominator));
    const upstreamCost = cost === null ? null : nanos(cost);
    return {
      outcome: 'rated',
      amount: nanos(amount),
      listAmount: nanos(listAmount),
      upstreamCost,
      lines,
    };
  }
}

/** Most prices are whole nano-USD per token: then there is nothing to divide. */
const rounded = (numerator: bigint, denominator: bigint): bigint =>
  denominator === 1n ? numerator : divideHalfEven(numerator, denominator);

export const roundingLine = (numerator: bigint, denominator: bigint): RatedLine => ({
  kind: 'rounding',
  model: null,
  units: 0n,
  unitPriceNanos: 0n,
  per: 1n,
  multipliers: [],
  ...lowestTerms(numerator, denominator),
});
