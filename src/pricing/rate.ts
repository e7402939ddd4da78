import { divideHalfEven, type NanoUsd, nanos } from '#kernel/money';
import type { ModelUsage, Usage } from '#kernel/usage';
import type { Factor, ModelPrice, PriceBook, Rates } from './book.ts';

export type LineKind =
  | 'input'
  | 'cache_write_5m'
  | 'cache_write_1h'
  | 'cache_read'
  | 'output'
  | 'web_search'
  | 'rounding';

export interface Multiplier extends Factor {
  readonly name: 'speed' | 'region' | 'batch';
}

/** One component of a charge. `numerator / denominator` is its exact share in nano-USD. */
export interface RatedLine {
  readonly kind: LineKind;
  /** Null for what no single model did: searches and the rounding. */
  readonly model: string | null;
  readonly units: bigint;
  readonly unitPriceNanosPerMillion: bigint;
  readonly multipliers: readonly Multiplier[];
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export type Rated =
  | { readonly outcome: 'rated'; readonly amount: NanoUsd; readonly lines: RatedLine[] }
  | { readonly outcome: 'model_not_priced'; readonly model: string };

const PER_MILLION = 1_000_000n;

/**
 * What a request costs: the exact sum over its components, rounded once, half-even. Lines sum to
 * the amount exactly; where rounding moved it, a line says by how much.
 *
 * `at` is the time of admission: a price that changes mid-request does not reach it (fault F88).
 */
export function rate(book: PriceBook, usage: Usage, at: Date): Rated {
  const lines: RatedLine[] = [];
  for (const turn of usage.iterations) {
    const price = book.priceOf(turn.model, at);
    if (price === undefined) return { outcome: 'model_not_priced', model: turn.model };
    const multipliers = multipliersOf(book, price, usage);
    if (multipliers === undefined) return { outcome: 'model_not_priced', model: turn.model };
    lines.push(...turnLines(price, turn, multipliers));
  }
  if (usage.webSearches > 0) {
    // Searches are priced as they are: no region, speed or batch factor applies (S17, S18).
    const units = BigInt(usage.webSearches);
    lines.push(line('web_search', null, units, book.surcharges.webSearch, []));
  }
  return withRounding(lines);
}

/** The rates of every token of a turn with this prompt: input, cache reads and writes together. */
export function ratesFor(price: ModelPrice, promptTokens: number): Rates {
  let { rates } = price.bands[0];
  for (const band of price.bands) {
    if (promptTokens > band.promptTokensAbove) rates = band.rates;
  }
  return rates;
}

/** Undefined where fast mode was served without a known price: never guessed. */
function multipliersOf(book: PriceBook, price: ModelPrice, usage: Usage): Multiplier[] | undefined {
  const multipliers: Multiplier[] = [];
  if (usage.speed === 'fast') {
    if (price.fast === null) return undefined;
    multipliers.push({ name: 'speed', ...price.fast });
  }
  if (usage.inferenceGeo === 'us' && price.usInference) {
    multipliers.push({ name: 'region', ...book.surcharges.usInference });
  }
  if (usage.serviceTier === 'batch') multipliers.push({ name: 'batch', ...book.surcharges.batch });
  return multipliers;
}

function turnLines(price: ModelPrice, turn: ModelUsage, multipliers: Multiplier[]): RatedLine[] {
  const prompt =
    turn.inputTokens + turn.cacheReadTokens + turn.cacheWrite5mTokens + turn.cacheWrite1hTokens;
  const rates = ratesFor(price, prompt);
  const components: [LineKind, number, bigint][] = [
    ['input', turn.inputTokens, rates.input],
    ['cache_write_5m', turn.cacheWrite5mTokens, rates.cacheWrite5m],
    ['cache_write_1h', turn.cacheWrite1hTokens, rates.cacheWrite1h],
    ['cache_read', turn.cacheReadTokens, rates.cacheRead],
    ['output', turn.outputTokens, rates.output],
  ];
  return components
    .filter(([, units]) => units > 0)
    .map(([kind, units, unitPrice]) =>
      line(kind, price.model, BigInt(units), unitPrice, multipliers),
    );
}

function line(
  kind: LineKind,
  model: string | null,
  units: bigint,
  unitPriceNanosPerMillion: bigint,
  multipliers: readonly Multiplier[],
): RatedLine {
  let numerator = units * unitPriceNanosPerMillion;
  let denominator = PER_MILLION;
  for (const factor of multipliers) {
    numerator *= factor.numerator;
    denominator *= factor.denominator;
  }
  return { kind, model, units, unitPriceNanosPerMillion, multipliers, numerator, denominator };
}

function withRounding(lines: RatedLine[]): Rated {
  // Few denominators occur, however many turns: added up per denominator, the numbers stay small.
  const totals = new Map<bigint, bigint>();
  for (const part of lines) {
    totals.set(part.denominator, (totals.get(part.denominator) ?? 0n) + part.numerator);
  }
  let numerator = 0n;
  let denominator = 1n;
  for (const [partDenominator, partNumerator] of totals) {
    numerator = numerator * partDenominator + partNumerator * denominator;
    denominator *= partDenominator;
  }
  const amount = divideHalfEven(numerator, denominator);
  const moved = amount * denominator - numerator;
  if (moved !== 0n) {
    const rounding = line('rounding', null, 0n, 0n, []);
    lines.push({ ...rounding, numerator: moved, denominator });
  }
  return { outcome: 'rated', amount: nanos(amount), lines };
}
