import { describe, expect, test } from 'vitest';
import type { ModelUsage, Usage } from '#kernel/usage';
import { book, cost, linesExact, now, turn, usage } from '#test/rating';
import { FEE_KINDS, type ModelPrice, priceBook, type Terms, TOKEN_KINDS } from './book.ts';
import { rate } from './rate.ts';

const ten = { inputTokens: 10_000, outputTokens: 1_000 };
describe('fees', () => {
  const factors = { speed: 'fast', inferenceGeo: 'us', serviceTier: 'batch' } as const;

  test.each<[string, Partial<Usage>, bigint]>([
    ['an hour in a container is 5 cents', { codeExecutionSeconds: 3_600 }, 50_000_000n],
    ['five minutes in a container', { codeExecutionSeconds: 300 }, 4_166_667n],
    ['an hour of a session is 8 cents', { sessionMilliseconds: 3_600_000 }, 80_000_000n],
    ['a millisecond of a session', { sessionMilliseconds: 1 }, 22n],
  ])('%s, whatever the speed, region or tier', (_name, used, expected) => {
    expect(cost(usage([], used))).toBe(expected);
    expect(cost(usage([], { ...used, ...factors }))).toBe(expected);
  });

  test('time is priced by the hour and counted in its own unit', () => {
    const used = usage([], { codeExecutionSeconds: 300, sessionMilliseconds: 9 });
    const rated = rate(book, used, now);
    if (rated.outcome !== 'rated') throw new Error(rated.reason);
    expect(rated.lines.map((l) => [l.kind, l.units, l.unitPriceNanos, l.per])).toEqual([
      ['code_execution', 300n, 50_000_000n, 3_600n],
      ['session', 9n, 80_000_000n, 3_600_000n],
      ['rounding', 0n, 0n, 1n],
    ]);
    expect(linesExact(rated.lines, rated.amount)).toBe(true);
  });
});

describe('what the operator adds to a price', () => {
  const tokens = new Set(TOKEN_KINDS);
  const always = { from: new Date('2026-01-01T00:00:00Z'), until: null };
  const paying = (numerator: bigint, denominator: bigint) => ({ numerator, denominator });
  const everyModel = { model: null, factor: paying(4n, 5n), appliesTo: tokens, ...always };
  const oneModel = { ...everyModel, model: 'claude-opus-5', factor: paying(9n, 10n) };
  const opus = usage([turn('claude-opus-5', ten)], { webSearches: 1 });
  const changed = (change: Partial<ModelPrice>) =>
    priceBook(
      'changed',
      book.fees,
      book.rows.map((row) => ({ ...row, ...change })),
    );
  const ofOpus = (asked: Usage, terms: Terms = [], prices = book, at = now) => {
    const rated = rate(prices, asked, at, terms);
    if (rated.outcome !== 'rated') throw new Error(rated.reason);
    return rated;
  };

  test('a discount is a multiplier of its lines, beside the list amount', () => {
    const rated = ofOpus(opus, [everyModel]);
    expect([rated.amount, rated.listAmount]).toEqual([70_000_000n, 85_000_000n]);
    const discount = { name: 'discount', numerator: 4n, denominator: 5n };
    expect(rated.lines.map((l) => [l.kind, l.multipliers])).toEqual([
      ['input', [discount]],
      ['output', [discount]],
      ['web_search', []],
    ]);
  });

  test('the discount that names the model wins, and the two are never stacked', () => {
    expect(ofOpus(opus, [everyModel, oneModel]).amount).toBe(77_500_000n);
    expect(ofOpus(opus, [oneModel, everyModel]).amount).toBe(77_500_000n);
    const haiku = usage([turn('claude-haiku-4-5', ten)]);
    const byAlias = { ...oneModel, model: 'claude-haiku-4-5' };
    expect(ofOpus(haiku, [everyModel, byAlias]).amount).toBe(13_500_000n);
  });

  test('a discount on one component leaves the other to the general one', () => {
    const outputOnly = {
      ...oneModel,
      factor: paying(1n, 2n),
      appliesTo: new Set(['output'] as const),
    };
    expect(ofOpus(opus, [everyModel, outputOnly]).amount).toBe(62_500_000n);
  });

  test('a discount on fees is for all models; a fee belongs to none', () => {
    const fees = new Set(FEE_KINDS);
    expect(ofOpus(opus, [{ ...oneModel, appliesTo: fees }]).amount).toBe(85_000_000n);
    expect(ofOpus(opus, [{ ...everyModel, appliesTo: fees }]).amount).toBe(83_000_000n);
  });

  test('a discount holds from its first instant until before its last', () => {
    const november = { from: new Date('2026-11-01'), until: new Date('2026-12-01') };
    const terms = [{ ...everyModel, ...november }];
    const at = (time: string) => ofOpus(opus, terms, book, new Date(time)).amount;
    expect(at('2026-10-31T23:59:59.999Z')).toBe(85_000_000n);
    expect(at('2026-11-01T00:00:00Z')).toBe(70_000_000n);
    expect(at('2026-11-30T23:59:59.999Z')).toBe(70_000_000n);
    expect(at('2026-12-01T00:00:00Z')).toBe(85_000_000n);
    expect(at('2026-11-15T00:00:00Z')).toBe(70_000_000n);
  });

  test('the list amount is rounded by itself', () => {
    const one = usage([turn('claude-haiku-5-5', { cacheReadTokens: 1 })], {
      inferenceGeo: 'us',
      serviceTier: 'batch',
    });
    const half = { ...everyModel, factor: paying(1n, 2n) };
    // 5.5 becomes 6 at list, and half of 5.5, which is 2.75, becomes 3.
    const rated = ofOpus(one, [half]);
    expect([rated.amount, rated.listAmount]).toEqual([3n, 6n]);
  });

  test('explicit rates replace the base and the factors of the settings they name', () => {
    const flat = (nanos: bigint) => {
      const all = { input: nanos, output: nanos, cacheRead: nanos };
      const rates = { ...all, cacheWrite5m: nanos, cacheWrite1h: nanos };
      return [{ promptTokensAbove: 0, rates }] as const;
    };
    const fast = { speed: 'fast', region: null, tier: null, bands: flat(7_000_000n) } as const;
    const fastInUs = { ...fast, region: 'us', bands: flat(9_000_000n) } as const;
    const prices = changed({ explicit: [fast, fastInUs] });
    const tokens = usage([turn('claude-opus-5', { inputTokens: 1_000 })]);
    const served = (settings: Partial<Usage>) => ofOpus({ ...tokens, ...settings }, [], prices);
    expect(served({}).amount).toBe(5_000_000n);
    expect(served({ speed: 'fast' }).amount).toBe(7_000n);
    expect(served({ speed: 'fast' }).lines[0]?.multipliers).toEqual([]);
    expect(served({ speed: 'fast', inferenceGeo: 'us' }).amount).toBe(9_000n);
    expect(served({ speed: 'fast', serviceTier: 'batch' }).amount).toBe(3_500n);
    expect(served({ inferenceGeo: 'us' }).amount).toBe(5_500_000n);
  });

  test('explicit rates sell what has no factor', () => {
    const { bands } = book.rows[0] ?? { bands: undefined };
    if (bands === undefined) throw new Error('an empty book');
    const fast = { speed: 'fast', region: null, tier: null, bands } as const;
    const asked = { ...opus, speed: 'fast' } as const;
    expect(rate(changed({ fast: null }), asked, now).outcome).toBe('model_not_priced');
    expect(rate(changed({ fast: null, explicit: [fast] }), asked, now).outcome).toBe('rated');
  });

  test('a factor multiplies only what it applies to', () => {
    const region = { numerator: 3n, denominator: 1n, appliesTo: new Set(['output'] as const) };
    const us = { ...opus, inferenceGeo: 'us' } as const;
    expect(ofOpus(us, [], changed({ region })).amount).toBe(135_000_000n);
    expect(ofOpus(us, [], changed({ region: null })).amount).toBe(85_000_000n);
  });

  test('the cost at the upstream has the same factors, its own bands, and no discount', () => {
    const band = (above: number, nanos: bigint) => ({
      promptTokensAbove: above,
      rates: {
        input: nanos,
        cacheWrite5m: nanos,
        cacheWrite1h: nanos,
        cacheRead: nanos,
        output: nanos,
      },
    });
    const prices = changed({ upstream: [band(0, 1_000_000_000n), band(5_000, 3_000_000_000n)] });
    const us = { ...opus, inferenceGeo: 'us' } as const;
    expect(ofOpus(us, [everyModel], prices).upstreamCost).toBe(36_300_000n + 10_000_000n);
    const short = usage([turn('claude-opus-5', { inputTokens: 5_000 })]);
    expect(ofOpus(short, [], prices).upstreamCost).toBe(5_000_000n);
    expect(ofOpus(short).upstreamCost).toBeNull();
    expect(ofOpus(usage([], { webSearches: 1 })).upstreamCost).toBe(10_000_000n);
  });
});

test('F93: an amount beyond 64 bits is an outcome, and the largest that fits is charged', () => {
  const rates = {
    input: 1_000_000n,
    cacheWrite5m: 1_000_000n,
    cacheWrite1h: 1_000_000n,
    cacheRead: 1_000_000n,
    output: 1_000_000n * 2n ** 20n,
  };
  const bands = [{ promptTokensAbove: 0, rates }] as const;
  const rows = book.rows.map((row) => ({ ...row, bands }));
  const of = (counts: Partial<ModelUsage>) =>
    rate(priceBook('dear', book.fees, rows), usage([turn('claude-opus-5', counts)]), now);
  const most = { outputTokens: 2 ** 43 - 1, inputTokens: 2 ** 20 - 1 };
  expect(of(most)).toMatchObject({ outcome: 'rated', amount: 2n ** 63n - 1n });
  expect(of({ ...most, inputTokens: 2 ** 20 }).outcome).toBe('amount_out_of_range');
  const absurd = Number.MAX_SAFE_INTEGER;
  expect(of({ inputTokens: absurd, outputTokens: absurd }).outcome).toBe('amount_out_of_range');
});
