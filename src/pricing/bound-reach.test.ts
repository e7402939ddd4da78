import { describe, expect, test } from 'vitest';
import type { ModelUsage, Usage } from '#kernel/usage';
import { type ModelPrice, type PriceBook, priceBook, type Terms, TOKEN_KINDS } from './book.ts';
import { boundHold } from './bound.ts';
import { bundledBook } from './bundled-book.ts';
import { rate } from './rate.ts';

const book = bundledBook();
const now = new Date('2026-11-21T00:00:00Z');
const BYTES = 9_000;
/** Of the plain request: 9,000 bytes and 1,000 tokens of added prompts, and 1,000 of output. */
const plain = 10_000n * 5_000n + 1_000n * 25_000n;
const window = 1_000_000n * 5_000n;

const ask = (more: object = {}) => ({
  model: 'claude-opus-5',
  max_tokens: 1_000,
  inference_geo: 'global',
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});
function amountOf(body: unknown, prices: PriceBook = book, terms: Terms = []): bigint {
  const bound = boundHold(prices, body, BYTES, now, terms);
  if (bound.outcome !== 'bounded') throw new Error(JSON.stringify(bound));
  return bound.amount;
}
const changed = (change: Partial<ModelPrice>): PriceBook =>
  priceBook(
    'changed',
    book.fees,
    book.rows.map((row) => ({ ...row, ...change })),
  );

describe('H2: an adviser is bounded where the request caps it', () => {
  const advisor = { type: 'advisor_20260301', name: 'advisor', model: 'claude-opus-4-8' };
  const advised = (more: object) => ask({ tools: [{ ...advisor, ...more }] });

  test('each use is a turn of the adviser and brings another turn of the model', () => {
    const [one, two] = [1, 2].map((max_uses) => amountOf(advised({ max_uses })));
    const advice = window + 128_000n * 25_000n;
    expect((two ?? 0n) - (one ?? 0n)).toBe(advice + window + 1_000n * 25_000n);
  });

  test('its own limit bounds its output', () => {
    const limitedTo = (max_tokens: unknown) => amountOf(advised({ max_uses: 1, max_tokens }));
    expect(limitedTo(3_000) - limitedTo(2_000)).toBe(1_000n * 25_000n);
    expect(limitedTo(500_000)).toBe(limitedTo(128_000));
    expect(limitedTo('few')).toBeGreaterThan(limitedTo(127_000));
  });

  test.each<[string, object]>([
    ['without a cap', {}],
    ['without a name', { max_uses: 1, model: undefined }],
    ['with an absurd cap', { max_uses: 100_000 }],
  ])('%s it is refused', (_name, more) => {
    expect(boundHold(book, advised(more), BYTES, now)).toEqual({
      outcome: 'tool_cost_unbounded',
      tool: 'advisor_20260301',
      missing: 'model_and_max_uses',
    });
  });

  test('an adviser without a price is refused like any model', () => {
    const body = advised({ max_uses: 1, model: 'claude-mythos-preview' });
    expect(boundHold(book, body, BYTES, now)).toEqual({
      outcome: 'model_not_priced',
      model: 'claude-mythos-preview',
    });
  });
});

describe('the prices of the organization and of the way of serving', () => {
  const always = { from: new Date('2026-01-01T00:00:00Z'), until: null };
  const half = { numerator: 1n, denominator: 2n };
  const flat = (nanosPerToken: bigint) => {
    const nanos = nanosPerToken * 1_000_000n;
    const rates = { input: nanos, cacheWrite5m: nanos, cacheWrite1h: nanos, cacheRead: nanos };
    return [{ promptTokensAbove: 0, rates: { ...rates, output: nanos } }] as const;
  };

  test('a discount makes the hold smaller by as much as the charge', () => {
    const terms = [{ model: null, factor: half, appliesTo: new Set(TOKEN_KINDS), ...always }];
    expect(amountOf(ask(), book, terms) * 2n).toBe(plain);
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 1 };
    const [atList, discounted] = [[], terms].map((some) =>
      amountOf(ask({ tools: [search] }), book, some),
    );
    // The fee is not discounted, so it is in both.
    expect((atList ?? 0n) - 10_000_000n).toBe(((discounted ?? 0n) - 10_000_000n) * 2n);
  });

  test('a discount on input alone leaves the cache reads to count', () => {
    const factor = { numerator: 1n, denominator: 100n };
    const terms = [{ model: null, factor, appliesTo: new Set(['input'] as const), ...always }];
    expect(amountOf(ask(), book, terms)).toBe(10_000n * 500n + 1_000n * 25_000n);
  });

  test('explicit fast rates are held for, and so is standard where it is dearer', () => {
    const explicit = (nanos: bigint) => [
      { speed: 'fast', region: null, tier: null, bands: flat(nanos) } as const,
    ];
    const dear = changed({ fast: null, explicit: explicit(100_000n) });
    expect(amountOf(ask({ speed: 'fast' }), dear)).toBe(11_000n * 100_000n);
    const cheap = changed({ fast: null, explicit: explicit(1n) });
    expect(amountOf(ask({ speed: 'fast' }), cheap)).toBe(plain);
  });

  test('explicit rates in the US count unless the request rules the US out', () => {
    const us = [{ speed: null, region: 'us', tier: null, bands: flat(90_000n) } as const];
    expect(amountOf(ask({ inference_geo: undefined }), changed({ explicit: us }))).toBe(
      11_000n * 90_000n,
    );
    expect(amountOf(ask(), changed({ explicit: us }))).toBe(plain);
  });

  test('fast mode that nobody asked for is not held for: it would be an overrun (S13)', () => {
    expect(amountOf(ask())).toBe(plain);
    expect(amountOf(ask({ speed: 'standard' }))).toBe(plain);
  });
});

test('turns that are reported as one are held for at the band of their sum', () => {
  const haiku = { model: 'claude-haiku-5-5' };
  const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 1 };
  const held = amountOf(ask({ ...haiku, tools: [search] }));
  const turn: ModelUsage = {
    ...haiku,
    kind: 'message',
    billed: true,
    inputTokens: 9_000 + 1_000_000,
    outputTokens: 2_000,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
  };
  const usage: Usage = {
    iterations: [turn],
    webSearches: 1,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: 'standard',
    inferenceGeo: 'global',
    serviceTier: 'standard',
  };
  const rated = rate(book, usage, now);
  expect(rated).toMatchObject({ amount: 1_009_000n * 500n + 2_000n * 2_500n + 10_000_000n });
  expect(rated.outcome === 'rated' && rated.amount <= held).toBe(true);
});
