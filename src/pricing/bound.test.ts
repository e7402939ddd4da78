import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Usage } from '#kernel/usage';
import type { ModelPrice } from './book.ts';
import { type Bound, boundHold } from './bound.ts';
import { bundledBook } from './bundled-book.ts';
import { rate } from './rate.ts';

const book = bundledBook();
const now = new Date('2026-11-21T00:00:00Z');
const USD = 1_000_000_000n;

function boundOf(body: unknown, bodyBytes?: number): Bound {
  return boundHold(book, body, bodyBytes ?? Buffer.byteLength(JSON.stringify(body) ?? ''), now);
}
function amountOf(body: unknown, bodyBytes?: number): bigint {
  const bound = boundOf(body, bodyBytes);
  if (bound.outcome !== 'bounded') throw new Error(JSON.stringify(bound));
  return bound.amount;
}
const ask = (more: object = {}) => ({
  model: 'claude-opus-5',
  max_tokens: 1_000,
  inference_geo: 'global',
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});
/** The plain request of 9,000 bytes under other prices of its model. */
function boundAt(changed: (price: ModelPrice) => ModelPrice): Bound {
  const priceOf = (model: string, at: Date): ModelPrice | undefined => {
    const price = book.priceOf(model, at);
    return price === undefined ? undefined : changed(price);
  };
  return boundHold({ ...book, priceOf }, ask(), 9_000, now);
}
const withBlock = (block: object) => ask({ messages: [{ role: 'user', content: [block] }] });
/** Of Opus 5: the whole window at the input rate, and 1,000 tokens of output. */
const wholeWindow = 5n * USD + USD / 40n;

describe('H1: the dearest way the request can go', () => {
  test('bytes and added prompts at the input rate, max_tokens at the output rate', () => {
    expect(amountOf(ask(), 9_000)).toBe(10_000n * 5_000n + 1_000n * 25_000n);
    expect(boundOf(ask())).toMatchObject({ model: 'claude-opus-5', outputTokensMax: 1_000 });
  });

  test.each<[string, object, bigint]>([
    ['a 5-minute cache write', { cache_control: { type: 'ephemeral' } }, 6_250n],
    ['a 1-hour cache write', { cache_control: { type: 'ephemeral', ttl: '1h' } }, 10_000n],
    [
      'a cache write of unknown length',
      { cache_control: { type: 'ephemeral', ttl: '9d' } },
      10_000n,
    ],
  ])('%s', (_name, mark, rateNanos) => {
    const expected = 10_000n * rateNanos + 1_000n * 25_000n;
    expect(amountOf(ask(mark), 9_000)).toBe(expected);
    expect(amountOf(withBlock({ type: 'text', text: '', ...mark }), 9_000)).toBe(expected);
  });

  test('the region costs more unless "global" was asked for', () => {
    const plain = amountOf(ask(), 9_000);
    expect(amountOf(ask({ inference_geo: 'us' }), 9_000) * 10n).toBe(plain * 11n);
    expect(amountOf(ask({ inference_geo: undefined }), 9_000) * 10n).toBe(plain * 11n);
    const haiku = { model: 'claude-haiku-4-5' };
    expect(amountOf(ask({ ...haiku, inference_geo: null }), 9_000)).toBe(
      amountOf(ask(haiku), 9_000),
    );
  });

  test('fast mode costs its multiple', () => {
    expect(amountOf(ask({ speed: 'fast' }), 9_000)).toBe(2n * amountOf(ask(), 9_000));
  });

  test('the dearer band counts as soon as it can be reached', () => {
    const haiku = ask({ model: 'claude-haiku-5-5' });
    expect(amountOf(haiku, 99_000)).toBe(100_000n * 100n + 1_000n * 500n);
    expect(amountOf(haiku, 99_001)).toBe(100_001n * 500n + 1_000n * 2_500n);
  });

  test('a chain of fallbacks is the sum of its attempts', () => {
    const fallbacks = [{ model: 'claude-sonnet-5', max_tokens: 2_000 }];
    const sonnet = 10_000n * 2_000n + 2_000n * 10_000n;
    expect(amountOf(ask({ fallbacks }), 9_000)).toBe(amountOf(ask(), 9_000) + sonnet);
    expect(boundOf(ask({ fallbacks }))).toMatchObject({ outputTokensMax: 2_000 });
  });

  test('a fallback is as fast as the request; the speed that is served is one for all', () => {
    const plain = amountOf(ask(), 9_000);
    const withFallback = (speed: object, entry: object) =>
      amountOf(ask({ ...speed, fallbacks: [{ model: 'claude-opus-5', ...entry }] }), 9_000);
    expect(withFallback({}, {})).toBe(2n * plain);
    expect(withFallback({ speed: 'fast' }, {})).toBe(4n * plain);
    // An answer reports one speed, and every attempt in it is charged at that one.
    expect(withFallback({ speed: 'fast' }, { speed: 'standard' })).toBe(4n * plain);
    expect(withFallback({}, { speed: 'fast' })).toBe(4n * plain);
  });

  test('all that a model can give may be asked for', () => {
    expect(boundOf(ask({ max_tokens: 128_000 }))).toMatchObject({ outputTokensMax: 128_000 });
  });

  test('the dearest band counts, not the last one', () => {
    const higherBand = (nanosPerMillion: bigint) => {
      const rates = {
        input: nanosPerMillion,
        cacheWrite5m: nanosPerMillion,
        cacheWrite1h: nanosPerMillion,
        cacheRead: nanosPerMillion,
        output: nanosPerMillion,
      };
      return boundAt((price) => ({
        ...price,
        bands: [price.bands[0], { promptTokensAbove: 10, rates }],
      }));
    };
    expect(higherBand(1n)).toMatchObject({ amount: amountOf(ask(), 9_000) });
    expect(higherBand(100n * USD)).toMatchObject({ amount: 11_000n * 100_000n });
  });

  test('a hold of a million dollars is the largest', () => {
    const million = 1_000_000n * USD;
    const costing = (output: bigint) =>
      boundAt((price) => {
        const unused = { input: 0n, cacheRead: 0n, cacheWrite5m: 0n, cacheWrite1h: 0n };
        const rates = { ...unused, output: output * 1_000n };
        return { ...price, bands: [{ promptTokensAbove: 0, rates }] };
      });
    expect(costing(million)).toMatchObject({ outcome: 'bounded', amount: million });
    expect(costing(million + 1n)).toMatchObject({ outcome: 'invalid_request' });
  });

  test('S14: a pre-warm holds its input only', () => {
    expect(amountOf(ask({ max_tokens: 0 }), 9_000)).toBe(10_000n * 5_000n);
  });
});

describe('H3: what the body does not show is bounded by the context window', () => {
  test.each<[string, object]>([
    ['a text longer than the window', ask({ system: 'x'.repeat(1_100_000) })],
    ['an image by address', withBlock({ type: 'image', source: { type: 'url', url: 'a' } })],
    ['a stored file', withBlock({ type: 'document', source: { type: 'file', file_id: 'f' } })],
    [
      'a PDF',
      withBlock({
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'AA' },
      }),
    ],
    ['a source nobody knows', withBlock({ type: 'document', source: { type: 'telepathy' } })],
    [
      'a PDF inside a tool result',
      withBlock({
        type: 'tool_result',
        content: [
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'AA' },
          },
        ],
      }),
    ],
    ['an upload to a container', withBlock({ type: 'container_upload', file_id: 'f' })],
    ['a container', ask({ container: 'c' })],
  ])('%s', (_name, body) => {
    expect(amountOf(body)).toBe(wholeWindow);
  });

  test('an image counts by its maximum, however long its base64 is', () => {
    const image = (data: string) =>
      withBlock({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });
    expect(amountOf(image('A'.repeat(3_000_000)))).toBe(amountOf(image('')));
    expect(amountOf(image(''))).toBeGreaterThan(10_000n * 5_000n);
  });

  test('text dressed as an image inside tool input keeps its length', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'word '.repeat(100_000) };
    const input = { content: [{ type: 'image', source }], role: 'user' };
    const block = { type: 'tool_use', id: 'a', name: 'b', input };
    expect(amountOf(withBlock(block))).toBeGreaterThan(500_000n * 5_000n);
  });

  test('a schema may name a property "source" without costing a window', () => {
    const tools = [{ name: 't', input_schema: { properties: { source: { type: 'string' } } } }];
    expect(amountOf(ask({ tools }))).toBeLessThan(wholeWindow / 10n);
  });

  test('what may be written out longer than it was sent is counted longer', () => {
    const withInput = (input: object) =>
      amountOf(withBlock({ type: 'tool_use', id: 'a', name: 'b', input }), 9_000);
    expect(withInput({ a: 'éé' }) - withInput({ a: '' })).toBe(12n * 5_000n);
    expect(withInput({ a: 1e15 })).toBeGreaterThan(withInput({ a: '' }));
  });

  test('encrypted text counts twice its length', () => {
    const thinking = (signature: string) =>
      amountOf(withBlock({ type: 'thinking', thinking: '', signature }), 9_000);
    expect(thinking('A'.repeat(500)) - thinking('')).toBe(1_000n * 5_000n);
  });
});

describe('H2: loops the client does not see need a cap', () => {
  const search = { type: 'web_search_20250305', name: 'web_search' };
  const defined = { type: 'tool_addition', tool: { type: 'tool_definition', definition: search } };

  const capped = 'web_search_20250305';
  const uses = (value: unknown) => ask({ tools: [{ ...search, max_uses: value }] });

  test.each<[string, object, string, string]>([
    ['a search without max_uses', ask({ tools: [search] }), capped, 'max_uses'],
    ['max_uses 0', uses(0), capped, 'max_uses_in_range'],
    ['max_uses as text', uses('5'), capped, 'max_uses_in_range'],
    ['an absurd max_uses', uses(2 ** 52), capped, 'max_uses_in_range'],
    [
      'the advisor',
      ask({ tools: [{ type: 'advisor_20260301', max_uses: 1 }] }),
      'advisor_20260301',
      'model_and_max_uses',
    ],
    [
      'code execution',
      ask({ tools: [{ type: 'code_execution_20260521', max_uses: 1 }] }),
      'code_execution_20260521',
      'nothing',
    ],
    [
      'an unknown tool',
      ask({ tools: [{ type: 'oracle_20271231', max_uses: 1 }] }),
      'oracle_20271231',
      'nothing',
    ],
    ['an MCP server', ask({ mcp_servers: [{ url: 'a' }] }), 'mcp_servers', 'nothing'],
    ['a continued thread', ask({ thread: { type: 'continue' } }), 'thread', 'nothing'],
    ['a tool defined in a message', withBlock(defined), capped, 'max_uses'],
  ])('%s is refused, and what would help is named', (_name, body, tool, missing) => {
    expect(boundOf(body)).toEqual({ outcome: 'tool_cost_unbounded', tool, missing });
  });

  test('tools the client runs need none', () => {
    const types = ['custom', 'bash_20250124', 'text_editor_20250728', 'memory_20250818'];
    const tools = [{ name: 'mine', input_schema: {} }, ...types.map((type) => ({ type }))];
    expect(boundOf(ask({ tools })).outcome).toBe('bounded');
  });

  test('each use may bring a whole window and an answer, and costs its fee', () => {
    const capped = ask({ tools: [{ ...search, max_uses: 3 }] });
    const first = amountOf(capped, 9_000) - 3n * wholeWindow - 30_000_000n;
    expect(first).toBeGreaterThan(0n);
    expect(first).toBeLessThan(USD / 10n);
    const another = ask({ tools: [{ ...search, max_uses: 4 }] });
    expect(amountOf(another, 9_000) - amountOf(capped, 9_000)).toBe(wholeWindow + 10_000_000n);
  });

  test('compaction is a turn of its own', () => {
    const body = ask({ context_management: { edits: [{ type: 'compact_20260112' }] } });
    expect(amountOf(body) - amountOf(ask())).toBeGreaterThan(5n * USD + 128_000n * 25_000n);
  });
});

describe('F49h: what cannot be priced as the upstream reads it is refused', () => {
  test.each<[string, unknown, string]>([
    ['no body', null, 'JSON object'],
    ['no model', { max_tokens: 1 }, 'model: Field required'],
    ['no max_tokens', { model: 'claude-opus-5' }, 'max_tokens: Field required'],
    ['text', ask({ max_tokens: '5' }), 'valid integer'],
    ['a fraction', ask({ max_tokens: 1.5 }), 'valid integer'],
    ['infinity', ask({ max_tokens: Number.POSITIVE_INFINITY }), 'valid integer'],
    ['beyond exact numbers', ask({ max_tokens: 2 ** 53 }), 'valid integer'],
    ['negative', ask({ max_tokens: -1 }), 'greater than or equal to 0'],
    [
      'more than the model gives',
      ask({ max_tokens: 128_001 }),
      'max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for ' +
        'claude-opus-5',
    ],
    ['a stream that is no yes or no', ask({ stream: 'yes' }), 'stream: Input should be'],
    ['an unknown region', ask({ inference_geo: 'moon' }), 'inference_geo'],
    ['an unknown speed', ask({ speed: 'warp' }), 'speed'],
    ['fast without a price', ask({ model: 'claude-opus-5-5', speed: 'fast' }), 'speed'],
    ['a model that is no text', ask({ model: 5 }), 'model: Input should be a valid string'],
    ['fallbacks nobody named', ask({ fallbacks: 'default' }), 'name the fallback models'],
    ['fallbacks that are no models', ask({ fallbacks: ['claude-opus-5'] }), 'list of objects'],
    ['tools that are no list', ask({ tools: {} }), 'tools'],
    [
      'more than can be held',
      ask({
        fallbacks: Array.from({ length: 4_000 }, () => ({
          model: 'claude-fable-5-1',
        })),
        tools: [{ type: 'web_search_20250305', max_uses: 1_000 }],
      }),
      'could cost more',
    ],
  ])('%s', (_name, body, text) => {
    const bound = boundOf(body, 1_000);
    expect(bound).toEqual({ outcome: 'invalid_request', message: expect.stringContaining(text) });
  });

  test.each([['claude-mythos-preview'], ['claude-opus-4-1'], ['nobody']])(
    'a model without a price: %s',
    (model) => {
      expect(boundOf(ask({ model }))).toEqual({ outcome: 'model_not_priced', model });
      expect(boundOf(ask({ fallbacks: [{ model }] }))).toEqual({
        outcome: 'model_not_priced',
        model,
      });
    },
  );
});

test('no usage within the bytes and max_tokens costs more than its hold', () => {
  const cacheControls = [undefined, { type: 'ephemeral' }, { type: 'ephemeral', ttl: '1h' }];
  fc.assert(
    fc.property(
      fc.constantFrom(...book.models(now)),
      fc.constantFrom(...cacheControls),
      fc.constantFrom('us', 'global', undefined),
      fc.boolean(),
      fc.nat(300_000),
      fc.nat(64_000),
      fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(100)),
      (price, cache, geo, wantsFast, bytes, maxTokens, shares) => {
        const fast = wantsFast && price.fast !== null;
        const body = {
          model: price.model,
          max_tokens: maxTokens,
          inference_geo: geo,
          speed: fast ? 'fast' : 'standard',
          ...(cache === undefined ? {} : { cache_control: cache }),
        };
        const bound = boundHold(book, body, bytes, now);
        if (bound.outcome !== 'bounded') return false;
        const [input, read, write5m, write1h] = shares;
        const parts = [input, read, cache ? write5m : 0, cache?.ttl === '1h' ? write1h : 0];
        const all = parts.reduce((sum, part) => sum + part, 0) || 1;
        const prompt = Math.min(bytes, price.contextWindow);
        const [
          inputTokens = 0,
          cacheReadTokens = 0,
          cacheWrite5mTokens = 0,
          cacheWrite1hTokens = 0,
        ] = parts.map((part) => Math.floor((prompt * part) / all));
        const usage: Usage = {
          iterations: [
            {
              model: price.model,
              kind: 'message',
              billed: true,
              inputTokens,
              cacheReadTokens,
              cacheWrite5mTokens,
              cacheWrite1hTokens,
              outputTokens: maxTokens,
            },
          ],
          webSearches: 0,
          codeExecutionSeconds: 0,
          sessionMilliseconds: 0,
          speed: fast ? 'fast' : 'standard',
          inferenceGeo: geo === 'global' ? 'global' : 'us',
          serviceTier: 'standard',
        };
        const rated = rate(book, usage, now);
        return rated.outcome === 'rated' && rated.amount <= bound.amount;
      },
    ),
    { numRuns: 1_000 },
  );
});
