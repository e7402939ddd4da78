import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelUsage, Usage } from '#kernel/usage';
import { book, cost, linesExact, now, turn, usage } from '#test/rating';
import { priceBook } from './book.ts';
import { rate } from './rate.ts';

const ten = { inputTokens: 10_000, outputTokens: 1_000 };
const every = {
  inputTokens: 1_000,
  outputTokens: 1_000,
  cacheReadTokens: 1_000,
  cacheWrite5mTokens: 1_000,
  cacheWrite1hTokens: 1_000,
};

describe('worked examples, in nano-USD', () => {
  test.each<[string, Usage, bigint]>([
    ['input and output', usage([turn('claude-opus-5', ten)]), 75_000_000n],
    ['one token', usage([turn('claude-opus-5', { inputTokens: 1 })]), 5_000n],
    ['all five kinds', usage([turn('claude-sonnet-5-5', every)]), 18_600_000n],
    ['an alias', usage([turn('claude-haiku-4-5', ten)]), 15_000_000n],
    [
      'a million of each on Opus 5',
      usage([
        turn('claude-opus-5', {
          inputTokens: 1_000_000,
          outputTokens: 1_000_000,
        }),
      ]),
      30_000_000_000n,
    ],
    ['fast is twice', usage([turn('claude-opus-5', ten)], { speed: 'fast' }), 150_000_000n],
    [
      'US-only is a tenth more',
      usage([turn('claude-opus-5', ten)], { inferenceGeo: 'us' }),
      82_500_000n,
    ],
    [
      'US-only does not exist before 4.6',
      usage([turn('claude-haiku-4-5', ten)], { inferenceGeo: 'us' }),
      15_000_000n,
    ],
    [
      'batch is half, cache included',
      usage([turn('claude-sonnet-5-5', every)], { serviceTier: 'batch' }),
      9_300_000n,
    ],
    [
      'factors stack',
      usage([turn('claude-opus-5', ten)], {
        speed: 'fast',
        inferenceGeo: 'us',
        serviceTier: 'batch',
      }),
      82_500_000n,
    ],
    [
      'S17: searches, whatever the factors',
      usage([], { webSearches: 3, inferenceGeo: 'us', serviceTier: 'batch' }),
      30_000_000n,
    ],
    [
      'S5: each turn at its own model',
      usage([turn('claude-opus-5', ten), turn('claude-sonnet-5-5', ten)]),
      105_000_000n,
    ],
    [
      'S14: input and cache only',
      usage([turn('claude-opus-5', { cacheWrite1hTokens: 2_000 })]),
      20_000_000n,
    ],
    ['F35: nothing used, nothing charged', usage([turn('claude-opus-5')]), 0n],
  ])('%s', (_name, asked, expected) => {
    expect(cost(asked)).toBe(expected);
  });
});

describe('what a receipt shows', () => {
  const linesOf = (asked: Usage) => {
    const rated = rate(book, asked, now);
    if (rated.outcome !== 'rated') throw new Error(rated.reason);
    return rated.lines;
  };

  test('a line for each kind of token, in this order, at its own price', () => {
    const lines = linesOf(usage([turn('claude-sonnet-5-5', every)], { webSearches: 2 }));
    expect(lines.map((l) => [l.kind, l.units, l.unitPriceNanos])).toEqual([
      ['input', 1_000n, 2_000_000_000n],
      ['cache_write_5m', 1_000n, 2_500_000_000n],
      ['cache_write_1h', 1_000n, 4_000_000_000n],
      ['cache_read', 1_000n, 100_000_000n],
      ['output', 1_000n, 10_000_000_000n],
      ['web_search', 2n, 10_000_000_000_000n],
    ]);
    expect(new Set(lines.map((l) => l.per))).toEqual(new Set([1_000_000n]));
    expect(lines.map((l) => l.model)).toEqual([
      ...Array.from({ length: 5 }, () => 'claude-sonnet-5-5'),
      null,
    ]);
  });

  test('no line for what was not used, and none for a rounding that moved nothing', () => {
    const lines = linesOf(usage([turn('claude-opus-5', ten)]));
    expect(lines.map((l) => l.kind)).toEqual(['input', 'output']);
    expect(linesOf(usage([]))).toEqual([]);
  });

  test('every multiplier by its name', () => {
    const factors = { speed: 'fast', inferenceGeo: 'us', serviceTier: 'batch' } as const;
    const [line] = linesOf(usage([turn('claude-opus-5', ten)], factors));
    expect(line?.multipliers).toEqual([
      { name: 'speed', numerator: 2n, denominator: 1n },
      { name: 'region', numerator: 11n, denominator: 10n },
      { name: 'batch', numerator: 1n, denominator: 2n },
    ]);
  });

  test('what the rounding moved', () => {
    // 5.5 nano-USD become 6: the even neighbour.
    const asked = usage([turn('claude-haiku-5-5', { cacheReadTokens: 1 })], {
      inferenceGeo: 'us',
      serviceTier: 'batch',
    });
    const rounding = linesOf(asked).at(-1);
    expect(rounding).toMatchObject({ kind: 'rounding', model: null, units: 0n, multipliers: [] });
    expect(cost(asked)).toBe(6n);
    expect((rounding?.numerator ?? 0n) * 2n).toBe(rounding?.denominator);
  });
});

describe('the Haiku 5.5 band', () => {
  const haiku = (counts: Partial<ModelUsage>) => cost(usage([turn('claude-haiku-5-5', counts)]));

  test('a prompt of exactly 100,000 is in the lower band', () => {
    expect(haiku({ inputTokens: 100_000, outputTokens: 1_000 })).toBe(10_500_000n);
  });

  test('one more token prices every token higher, output and cache included', () => {
    expect(haiku({ inputTokens: 100_001, outputTokens: 1_000 })).toBe(52_500_500n);
    expect(haiku({ inputTokens: 1, cacheReadTokens: 100_000 })).toBe(5_000_500n);
    expect(haiku({ cacheWrite5mTokens: 50_000, cacheWrite1hTokens: 50_001 })).toBe(81_251_000n);
  });

  test('two turns below it stay below it', () => {
    const half = turn('claude-haiku-5-5', { inputTokens: 60_000 });
    expect(cost(usage([half, half]))).toBe(12_000_000n);
  });
});

describe('what has no price is never charged by guess', () => {
  test.each<[string, Usage]>([
    ['an unknown model', usage([turn('claude-mythos-preview', ten)])],
    ['a retired model', usage([turn('claude-opus-4-1', ten)])],
    ['fast mode without a known price', usage([turn('claude-opus-5-5', ten)], { speed: 'fast' })],
    ['one unknown among known turns', usage([turn('claude-opus-5', ten), turn('nobody', ten)])],
  ])('%s', (_name, asked) => {
    expect(rate(book, asked, now).outcome).toBe('model_not_priced');
  });

  test('fast mode after its end', () => {
    const asked = usage([turn('claude-opus-4-8', ten)], { speed: 'fast' });
    expect(cost(asked, new Date('2026-11-29T23:59:59Z'))).toBe(150_000_000n);
    expect(rate(book, asked, new Date('2026-11-30T00:00:00Z'))).toEqual({
      outcome: 'model_not_priced',
      model: 'claude-opus-4-8',
      reason: 'fast mode of claude-opus-4-8 has no price',
    });
  });

  test('a batch of a model that is not sold in batches', () => {
    const rows = book.rows.map((row) => ({ ...row, batch: null }));
    const asked = usage([turn('claude-opus-5', ten)], { serviceTier: 'batch' });
    expect(rate(priceBook('no batches', book.fees, rows), asked, now)).toEqual({
      outcome: 'model_not_priced',
      model: 'claude-opus-5',
      reason: 'claude-opus-5 is not sold in batches',
    });
  });

  test('an attempt that declined needs no price: it is free and has no line', () => {
    const declined = turn('nobody', { ...ten, billed: false });
    const answered = turn('claude-opus-5', { ...ten, kind: 'fallback_message' });
    expect(rate(book, usage([declined, answered]), now)).toEqual(
      rate(book, usage([answered]), now),
    );
  });

  test('a model that retires mid-request is charged as admitted', () => {
    const asked = usage([turn('claude-opus-4-1', ten)]);
    expect(cost(asked, new Date('2026-08-04T23:59:59Z'))).toBe(225_000_000n);
  });
});

const counts = fc.nat(1_000_000);
const anyTurn = fc.record({
  model: fc.constantFrom(...book.models(now).map((price) => price.model)),
  kind: fc.constant<'message'>('message'),
  billed: fc.constant(true),
  inputTokens: counts,
  outputTokens: counts,
  cacheReadTokens: counts,
  cacheWrite5mTokens: counts,
  cacheWrite1hTokens: counts,
});
const anyUsage = fc.record({
  iterations: fc.array(anyTurn, { maxLength: 5 }),
  webSearches: fc.nat(20),
  codeExecutionSeconds: fc.constant(0),
  sessionMilliseconds: fc.constant(0),
  speed: fc.constant<'standard'>('standard'),
  inferenceGeo: fc.constantFrom<'global' | 'us'>('global', 'us'),
  serviceTier: fc.constantFrom<'standard' | 'batch'>('standard', 'batch'),
});

describe('for any usage', () => {
  test('lines sum to the amount exactly', () => {
    fc.assert(
      fc.property(anyUsage, (asked) => {
        const rated = rate(book, asked, now);
        if (rated.outcome !== 'rated') return false;
        return linesExact(rated.lines, rated.amount) && rated.amount >= 0n;
      }),
    );
  });

  test('more of anything never costs less', () => {
    fc.assert(
      fc.property(anyTurn, anyTurn, (one, other) => {
        const both = {
          ...one,
          inputTokens: one.inputTokens + other.inputTokens,
          outputTokens: one.outputTokens + other.outputTokens,
        };
        return cost(usage([both])) >= cost(usage([one]));
      }),
    );
  });

  test('rounding does not drift: off by at most half, to even, over many small requests', () => {
    let charged = 0n;
    let exactTimes20 = 0n;
    for (let tokens = 1; tokens <= 4_000; tokens++) {
      // A batch in the US on the cheapest cache read: 5.5 nano-USD a token.
      const asked = usage([turn('claude-haiku-5-5', { cacheReadTokens: tokens })], {
        inferenceGeo: 'us',
        serviceTier: 'batch',
      });
      charged += cost(asked);
      exactTimes20 += BigInt(tokens) * 110n;
    }
    const off = charged * 20n - exactTimes20;
    expect(off < 20n && off > -20n).toBe(true);
  });
});
