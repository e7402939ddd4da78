import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nanos } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { ADMITTED_AT, anyBook, anyTerms, MODELS, WINDOW_TOKENS } from '#test/random-prices';
import { boundHold } from './bound.ts';
import { rate } from './rate.ts';
import { coverOf, outputCovered, type Slices, slicesOf } from './slice.ts';

const anyRequest = fc.record({
  model: fc.constantFrom(...MODELS),
  max_tokens: fc.integer({ min: 1, max: 64_000 }),
  speed: fc.constantFrom(undefined, 'standard', 'fast'),
  inference_geo: fc.constantFrom(undefined, 'us', 'global'),
  cache_control: fc.constantFrom(
    undefined,
    { type: 'ephemeral' },
    { type: 'ephemeral', ttl: '1h' },
  ),
  fallbacks: fc.array(fc.record({ model: fc.constantFrom(...MODELS) }), { maxLength: 2 }),
  thinking: fc.constantFrom(
    undefined,
    { type: 'adaptive' },
    { type: 'disabled' },
    { type: 'enabled', budget_tokens: 2_000 },
  ),
  messages: fc.constant([]),
});
type Asked = typeof anyRequest extends fc.Arbitrary<infer T> ? T : never;

const anyBytes = fc.nat(300_000);
type Book = typeof anyBook extends fc.Arbitrary<infer T> ? T : never;
type Terms = typeof anyTerms extends fc.Arbitrary<infer T> ? T : never;

function slicesFor(book: Book, terms: Terms, asked: Asked, bytes: number): Slices | undefined {
  const bound = boundHold(book, asked, bytes, ADMITTED_AT, terms);
  if (bound.outcome !== 'bounded') return undefined;
  return slicesOf(book, asked, bytes, ADMITTED_AT, terms, 0, bound.amount);
}

const HIDDEN = { none: 8_192, adaptive: 8_192, disabled: 0, enabled: 2_000 } as const;

/** One answer by that many output tokens in all, shared out among the attempts. */
function usageOf(
  choose: <T>(from: fc.Arbitrary<T>) => T,
  asked: Asked,
  bytes: number,
  out: number,
) {
  let left = out;
  const models = [asked.model, ...asked.fallbacks.map(({ model }) => model)];
  const iterations = models.map((model, index) => {
    const outputTokens = index === models.length - 1 ? left : choose(fc.nat(left));
    left -= outputTokens;
    const prompt = Math.min(bytes, WINDOW_TOKENS);
    const cached = choose(fc.nat(prompt));
    const writes = asked.cache_control === undefined ? 0 : cached;
    const long = asked.cache_control !== undefined && 'ttl' in asked.cache_control ? writes : 0;
    return {
      ...{ model, kind: 'message' as const, billed: true, outputTokens },
      inputTokens: prompt - cached,
      cacheReadTokens: cached - writes,
      cacheWrite5mTokens: writes - long,
      cacheWrite1hTokens: long,
    };
  });
  return {
    iterations,
    ...{ webSearches: 0, codeExecutionSeconds: 0, sessionMilliseconds: 0 },
    speed: asked.speed === 'fast' && choose(fc.boolean()) ? 'fast' : 'standard',
    inferenceGeo: asked.inference_geo !== 'global' && choose(fc.boolean()) ? 'us' : 'global',
    serviceTier: 'standard',
  } satisfies Usage;
}

test('H5: what is held for so much output is no less than any charge for it, for any book', () => {
  let compared = 0;
  fc.assert(
    fc.property(anyBook, anyTerms, anyRequest, anyBytes, fc.gen(), (...all) => {
      const [book, terms, asked, bytes, gen] = all;
      const slices = slicesFor(book, terms, asked, bytes);
      if (slices === undefined) return true;
      const seen = gen(() => fc.nat(asked.max_tokens));
      const kind = asked.thinking?.type ?? 'none';
      const hidden = gen(() => fc.nat(HIDDEN[kind]));
      const usage = usageOf(
        (from) => gen(() => from),
        asked,
        bytes,
        Math.min(seen + hidden, asked.max_tokens),
      );
      const rated = rate(book, usage, ADMITTED_AT, terms);
      if (rated.outcome !== 'rated') return true;
      compared++;
      return rated.amount <= coverOf(slices, seen);
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
  expect(compared).toBeGreaterThan(100);
});

test('more output is never held for with less, nor with more than the whole bound', () => {
  fc.assert(
    fc.property(
      anyBook,
      anyTerms,
      anyRequest,
      anyBytes,
      fc.nat(70_000),
      fc.nat(9_000),
      (...all) => {
        const [book, terms, asked, bytes, tokens, more] = all;
        const slices = slicesFor(book, terms, asked, bytes);
        if (slices === undefined) return true;
        const [less, grown] = [coverOf(slices, tokens), coverOf(slices, tokens + more)];
        return slices.fixed <= less && less <= grown && grown <= slices.full;
      },
    ),
    { numRuns: 300 },
  );
});

test('an amount covers as much output as it says, and not a token more', () => {
  fc.assert(
    fc.property(anyBook, anyTerms, anyRequest, anyBytes, fc.nat(9_999), (...all) => {
      const [book, terms, asked, bytes, share] = all;
      const slices = slicesFor(book, terms, asked, bytes);
      if (slices === undefined) return true;
      const amount = nanos((slices.full * BigInt(share)) / 10_000n);
      const covered = outputCovered(slices, amount);
      if (amount >= slices.full) return covered === Number.POSITIVE_INFINITY;
      const enough = covered < 0 || coverOf(slices, covered) <= amount;
      return enough && coverOf(slices, Math.max(0, covered + 1)) > amount;
    }),
    { numRuns: 300 },
  );
});
