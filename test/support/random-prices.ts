import fc from 'fast-check';
import type { ModelUsage, Usage } from '#kernel/usage';
import {
  COMPONENT_KINDS,
  type Discount,
  type ExplicitRates,
  type ModelPrice,
  type PriceBands,
  type PriceBook,
  priceBook,
  type Surcharge,
  TOKEN_KINDS,
} from '#pricing/book';

/**
 * Price books, discounts and usage as no one would publish them. Prices and bands are as an import
 * lets them through; factors reach further (a `fast` that is a discount, one that multiplies
 * nothing), because the arithmetic must not rely on that.
 */

export const ADMITTED_AT = new Date('2026-11-21T12:00:00Z');
const EARLIER = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2027-01-01T00:00:00Z');
export const WINDOW_TOKENS = 200_000;
export const MODELS = ['amber', 'birch', 'cedar'];

const nanos = (max: bigint): fc.Arbitrary<bigint> => fc.bigInt({ min: 1n, max });
const subset = <T>(all: readonly T[]) => fc.subarray([...all]).map((some) => new Set(some));

/** Five prices in the order a book keeps, none of them round. */
const step = nanos(9_000_000_000n);
const rates = fc.tuple(step, step, step, step, step).map(([cacheRead, a, b, c, d]) => {
  const input = cacheRead + a;
  const cacheWrite5m = input + b;
  return { cacheRead, input, cacheWrite5m, cacheWrite1h: cacheWrite5m + c, output: input + d };
});

/** Ascending thresholds and ascending prices. */
const bands: fc.Arbitrary<PriceBands> = fc
  .tuple(rates, fc.array(fc.tuple(fc.integer({ min: 1, max: 90_000 }), rates), { maxLength: 2 }))
  .map(([first, more]) => {
    let { input, cacheRead, cacheWrite5m, cacheWrite1h, output } = first;
    let promptTokensAbove = 0;
    const higher = more.map(([wider, rise]) => {
      promptTokensAbove += wider;
      input += rise.input;
      cacheRead += rise.cacheRead;
      cacheWrite5m += rise.cacheWrite5m;
      cacheWrite1h += rise.cacheWrite1h;
      output += rise.output;
      return {
        promptTokensAbove,
        rates: { input, cacheRead, cacheWrite5m, cacheWrite1h, output },
      };
    });
    return [{ promptTokensAbove: 0, rates: first }, ...higher];
  });

const surcharge = fc.record({
  numerator: fc.bigInt({ min: 1n, max: 30n }),
  denominator: fc.bigInt({ min: 1n, max: 12n }),
  appliesTo: subset(TOKEN_KINDS),
}) satisfies fc.Arbitrary<Surcharge>;

/** Each names more than the one before it, so that no two match equally well. */
const explicitRates: fc.Arbitrary<ExplicitRates[]> = fc
  .tuple(fc.shuffledSubarray(['speed', 'region', 'tier']), fc.array(bands, { maxLength: 3 }))
  .map(([order, lists]) =>
    lists.slice(0, order.length).map((list, index) => {
      const named = order.slice(0, index + 1);
      return {
        speed: named.includes('speed') ? 'fast' : null,
        region: named.includes('region') ? 'us' : null,
        tier: named.includes('tier') ? 'batch' : null,
        bands: list,
      };
    }),
  );

const rowOf = (model: string): fc.Arbitrary<ModelPrice> =>
  fc
    .record({
      bands,
      fast: fc.option(surcharge),
      region: fc.option(surcharge),
      batch: fc.option(surcharge),
      explicit: explicitRates,
      upstream: fc.option(bands),
    })
    .map((prices) => ({
      model,
      aliases: [`${model}-latest`],
      displayName: model,
      provider: 'anthropic',
      releasedAt: EARLIER,
      contextWindow: WINDOW_TOKENS,
      outputTokensMax: 64_000,
      from: EARLIER,
      until: null,
      ...prices,
    }));

export const anyBook: fc.Arbitrary<PriceBook> = fc
  .tuple(
    fc.tuple(...MODELS.map(rowOf)),
    fc.record({
      webSearch: nanos(20_000_000_000_000n),
      codeExecutionHour: nanos(90_000_001n),
      sessionHour: nanos(90_000_001n),
    }),
  )
  .map(([rows, fees]) => {
    const limits = { codeExecutionFreeHours: 1_550, codeExecutionMinimumSeconds: 300 };
    return priceBook('random', { ...fees, ...limits }, rows);
  });

const paid = fc
  .tuple(fc.bigInt({ min: 1n, max: 30n }), fc.bigInt({ min: 1n, max: 30n }))
  .map(([one, other]) =>
    one < other ? { numerator: one, denominator: other } : { numerator: other, denominator: one },
  );

const discount: fc.Arbitrary<Discount> = fc.record({
  model: fc.constantFrom(null, ...MODELS, 'amber-latest'),
  factor: paid,
  appliesTo: subset(COMPONENT_KINDS),
  from: fc.constantFrom(EARLIER, ADMITTED_AT, LATER),
  until: fc.constantFrom(null, ADMITTED_AT, LATER),
});

export const anyTerms = fc.array(discount, { maxLength: 4 });

const count = fc.oneof(fc.constant(0), fc.nat(120_000));

export const anyTurn: fc.Arbitrary<ModelUsage> = fc.record({
  model: fc.constantFrom(...MODELS, 'birch-latest'),
  kind: fc.constantFrom('message', 'fallback_message', 'compaction', 'advisor_message', 'other'),
  billed: fc.constantFrom(true, true, true, false),
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWrite5mTokens: count,
  cacheWrite1hTokens: count,
});

export const anySettings = fc.record({
  speed: fc.constantFrom('standard', 'fast'),
  inferenceGeo: fc.constantFrom('global', 'us'),
  serviceTier: fc.constantFrom('standard', 'batch'),
}) satisfies fc.Arbitrary<Pick<Usage, 'speed' | 'inferenceGeo' | 'serviceTier'>>;

export const anyUsage: fc.Arbitrary<Usage> = fc
  .tuple(
    fc.record({
      iterations: fc.array(anyTurn, { maxLength: 4 }),
      webSearches: fc.nat(20),
      codeExecutionSeconds: fc.nat(10_000),
      sessionMilliseconds: fc.nat(10_000_000),
    }),
    anySettings,
  )
  .map(([counts, settings]) => ({ ...counts, ...settings }));
