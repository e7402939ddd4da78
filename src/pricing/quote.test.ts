import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ADMITTED_AT, anyBook, anyTerms, MODELS } from '#test/random-prices';
import { boundHold } from './bound.ts';
import { bundledBook } from './bundled-book.ts';
import { type QuoteRequest, quote } from './quote.ts';
import { rate } from './rate.ts';

const book = bundledBook();
const ask = (more: object = {}) => ({
  model: 'claude-opus-5',
  max_tokens: 1_000,
  inference_geo: 'global',
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});
const bytesOf = (body: unknown) => Buffer.byteLength(JSON.stringify(body) ?? '');
const quoteOf = (body: unknown, more: Partial<QuoteRequest> = {}) =>
  quote(book, { body, bodyBytes: bytesOf(body), at: ADMITTED_AT, ...more });
function quoted(body: unknown, more: Partial<QuoteRequest> = {}) {
  const answer = quoteOf(body, more);
  if (answer.outcome !== 'quoted') throw new Error(JSON.stringify(answer));
  return answer;
}
const turnOf = (body: unknown, more: Partial<QuoteRequest> = {}) =>
  quoted(body, more).expectedUsage.iterations[0];

describe('what is expected', () => {
  test('the counted input and the expected output, line by line', () => {
    const answer = quoted(ask({ expected_output_tokens: 200 }), { inputTokens: 8 });
    expect(answer).toMatchObject({
      model: 'claude-opus-5',
      expected: 8n * 5_000n + 200n * 25_000n,
    });
    expect(answer.lines.map(({ kind, units }) => [kind, units])).toEqual([
      ['input', 8n],
      ['output', 200n],
    ]);
  });

  test('without a count and an expectation: all the body can become, and max_tokens', () => {
    const answer = quoted(ask());
    expect(answer.expected).toBe(answer.hold);
    expect(turnOf(ask())).toMatchObject({
      inputTokens: bytesOf(ask()) + 1_000,
      outputTokens: 1_000,
    });
  });

  test('null is no expectation', () => {
    expect(turnOf(ask({ expected_output_tokens: null }))?.outputTokens).toBe(1_000);
  });

  test('a prompt to be cached is written, at the longest lifetime asked for', () => {
    const cached = (ttl: string) => ask({ cache_control: { type: 'ephemeral', ttl } });
    expect(turnOf(cached('5m'), { inputTokens: 700 })).toMatchObject({
      inputTokens: 0,
      cacheWrite5mTokens: 700,
    });
    expect(turnOf(cached('1h'), { inputTokens: 700 })).toMatchObject({
      inputTokens: 0,
      cacheWrite1hTokens: 700,
    });
  });

  test('speed and region as asked', () => {
    expect(quoted(ask({ speed: 'fast', inference_geo: 'us' })).expectedUsage).toMatchObject({
      speed: 'fast',
      inferenceGeo: 'us',
    });
    expect(quoted(ask({ inference_geo: undefined })).expectedUsage.inferenceGeo).toBe('global');
  });

  test('a discount is in the expected amount, in the hold, and told apart from the list', () => {
    const factor = { numerator: 1n, denominator: 2n };
    const appliesTo = new Set(['input', 'output'] as const);
    const terms = [{ model: null, factor, appliesTo, from: new Date(0), until: null }];
    const [atList, discounted] = [quoted(ask()), quoted(ask(), { terms })];
    expect(discounted.expected * 2n).toBe(atList.expected);
    expect(discounted.expectedAtList).toBe(atList.expected);
    expect(discounted.hold).toBeLessThan(atList.hold);
  });
});

describe('the hold', () => {
  test('is the one the request will take: the field that only a quote has is no input', () => {
    const held = boundHold(book, ask(), bytesOf(ask()), ADMITTED_AT);
    for (const expected of [0, 7, 1_000]) {
      expect(held).toMatchObject({
        amount: quoted(ask({ expected_output_tokens: expected })).hold,
      });
    }
  });

  test('is never below what is expected, however high the count', () => {
    expect(turnOf(ask(), { inputTokens: 500_000 })?.inputTokens).toBe(bytesOf(ask()) + 1_000);
  });
});

describe('what cannot be quoted', () => {
  test.each<[string, unknown]>([
    ['more than max_tokens', 1_001],
    ['less than nothing', -1],
    ['a fraction', 1.5],
    ['text', '200'],
    ['a list', [200]],
    ['yes', true],
  ])('an expected output of %s', (_name, expected) => {
    expect(quoteOf(ask({ expected_output_tokens: expected }))).toEqual({
      outcome: 'invalid_request',
      message: 'expected_output_tokens: Input should be a whole number from 0 to max_tokens (1000)',
    });
  });

  test('what cannot be held', () => {
    expect(quoteOf(null).outcome).toBe('invalid_request');
    expect(quoteOf(ask({ max_tokens: undefined }))).toMatchObject({
      message: 'max_tokens: Field required',
    });
    expect(quoteOf(ask({ model: 'nobody' }))).toEqual({
      outcome: 'model_not_priced',
      model: 'nobody',
    });
    expect(quoteOf(ask({ tools: [{ type: 'oracle_20271231' }] }))).toEqual({
      outcome: 'tool_cost_unbounded',
      tool: 'oracle_20271231',
      missing: 'nothing',
    });
  });
});

test('for any book and discounts: expected is the rate of the usage told, and within the hold', () => {
  const request = fc.record({
    model: fc.constantFrom(...MODELS),
    max_tokens: fc.nat(64_000),
    speed: fc.constantFrom(undefined, 'fast'),
    inference_geo: fc.constantFrom(undefined, 'us', 'global'),
    cache_control: fc.constantFrom(undefined, { type: 'ephemeral' }, { ttl: '1h' }),
    inputTokens: fc.option(fc.nat(300_000), { nil: undefined }),
    bodyBytes: fc.nat(300_000),
  });
  fc.assert(
    fc.property(anyBook, anyTerms, request, (prices, terms, asked) => {
      const { inputTokens, bodyBytes, ...body } = asked;
      const at = ADMITTED_AT;
      const answer = quote(prices, { body, bodyBytes, at, terms, inputTokens });
      if (answer.outcome !== 'quoted') return answer.outcome === 'invalid_request';
      const rated = rate(prices, answer.expectedUsage, at, terms);
      return (
        rated.outcome === 'rated' &&
        rated.amount === answer.expected &&
        answer.expected <= answer.hold &&
        answer.expected <= answer.expectedAtList
      );
    }),
    { numRuns: 500 },
  );
});
