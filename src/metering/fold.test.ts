import { describe, expect, test } from 'vitest';
import { attempt, expectation, fold, message, ok, opus, sonnet } from '#test/wire-answers';
import { foldMessage } from './fold.ts';

const split = (short: unknown, long: unknown) => ({
  cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
});
const tools = (counts: unknown) => ({ ...ok, server_tool_use: counts });

describe('usage that cannot be believed is not charged, and never a credit (S12)', () => {
  test.each<[string, unknown]>([
    ['F30: absent', undefined],
    ['F30: null', null],
    ['F30: a list', [1]],
    ['F30: text', 'input_tokens=25'],
    ['F30: empty', {}],
    ['F30: input absent', { output_tokens: 15 }],
    ['F30: output absent', { input_tokens: 25 }],
    ['F31: negative input', { input_tokens: -1, output_tokens: 15 }],
    ['F31: negative output', { input_tokens: 25, output_tokens: -15 }],
    ['F31: negative cache reads', { ...ok, cache_read_input_tokens: -5 }],
    ['F31: negative cache writes', { ...ok, cache_creation_input_tokens: -5 }],
    ['F31: a negative split', { ...ok, cache_creation_input_tokens: 5, ...split(10, -5) }],
    ['F31: a fraction', { input_tokens: 25, output_tokens: 1.5 }],
    ['F31: text', { input_tokens: '25', output_tokens: 15 }],
    ['F31: null', { input_tokens: null, output_tokens: 15 }],
    ['F31: true', { input_tokens: true, output_tokens: 15 }],
    ['F31: not a number', { input_tokens: Number.NaN, output_tokens: 15 }],
    ['F31: infinite', { input_tokens: 25, output_tokens: Number.POSITIVE_INFINITY }],
    ['F31: 2^53', { input_tokens: 2 ** 53, output_tokens: 15 }],
    ['F31: 2^63', { input_tokens: 2 ** 63, output_tokens: 15 }],
    ['F31: a split that is a list', { ...ok, cache_creation: [5] }],
    ['F31: a split that is no count', { ...ok, ...split('5', 0) }],
    ['F31: tools that are no object', tools(3)],
    ['F31: negative searches', tools({ web_search_requests: -1 })],
    ['F31: half a search', tools({ web_search_requests: 0.5 })],
    ['F31: negative fetches', tools({ web_fetch_requests: -1 })],
    ['F31: executions as text', tools({ code_execution_requests: '1' })],
    ['F34: a million searches', tools({ web_search_requests: 1_000_000 })],
    ['F34: as many uses in all', tools({ web_search_requests: 5_000, web_fetch_requests: 5_000 })],
    ['F34: more input than the window', { input_tokens: 200_001, output_tokens: 15 }],
    ['F34: more cache reads', { ...ok, cache_read_input_tokens: 200_000 }],
    ['F34: more cache writes', { ...ok, cache_creation_input_tokens: 200_000 }],
    ['F34: more output than max_tokens', { input_tokens: 25, output_tokens: 1_001 }],
    ['S16: a split above its total', { ...ok, cache_creation_input_tokens: 9, ...split(5, 5) }],
    ['S15: an unknown speed', { ...ok, speed: 'warp' }],
    ['S15: an unknown region', { ...ok, inference_geo: 'moon' }],
    ['S15: an unknown tier', { ...ok, service_tier: 'flex' }],
    ['S15: a tier that is a number', { ...ok, service_tier: 1 }],
  ])('%s', (_name, usage) => {
    const folded = fold(usage);
    expect(folded).toMatchObject({ rule: 'S12', chargeable: false, usage: null });
    expect(folded.chargeable ? '' : folded.reason).not.toBe('');
  });

  test('F34: what no model can do is implausible even where nothing is known of the request', () => {
    const huge = { input_tokens: 10_000_001, output_tokens: 15 };
    expect(foldMessage(message(huge)).rule).toBe('S12');
    expect(foldMessage(message({ input_tokens: 25, output_tokens: 10_000_001 })).rule).toBe('S12');
    expect(foldMessage(message({ ...ok, input_tokens: 10_000_000 })).rule).toBe('S1');
  });

  test('F37: an unknown model in the answer is not free in silence', () => {
    expect(fold(ok, { model: 'claude-unheard-of' })).toMatchObject({
      rule: 'S12',
      reason: 'the model has no price',
    });
  });
});

describe('usage that can be believed', () => {
  test('S1: a plain answer', () => {
    expect(fold(ok)).toEqual({
      rule: 'S1',
      chargeable: true,
      model: opus,
      usage: {
        iterations: [attempt({ inputTokens: 25, outputTokens: 15 })],
        webSearches: 0,
        codeExecutionSeconds: 0,
        sessionMilliseconds: 0,
        speed: 'standard',
        inferenceGeo: 'global',
        serviceTier: 'standard',
      },
    });
  });

  test('F35: an explicit zero is a value', () => {
    const folded = fold({ input_tokens: 0, output_tokens: 0 });
    expect(folded).toMatchObject({ rule: 'S1', usage: { iterations: [attempt({})] } });
  });

  test('F34: exactly the window and exactly max_tokens are believed', () => {
    const full = { input_tokens: 100_000, cache_read_input_tokens: 100_000, output_tokens: 1_000 };
    expect(fold(full).rule).toBe('S1');
  });

  test('S14: a pre-warm is complete without content, and has input and cache only', () => {
    const usage = { input_tokens: 3, output_tokens: 0, cache_creation_input_tokens: 900 };
    const warm = message(usage, { content: [], stop_reason: 'max_tokens' });
    const folded = foldMessage(warm, { ...expectation, outputTokensMax: 0 });
    expect(folded).toMatchObject({ rule: 'S14', chargeable: true });
    expect(folded.usage?.iterations).toEqual([
      attempt({ inputTokens: 3, cacheWrite5mTokens: 900 }),
    ]);
  });

  test.each<[string, object, object]>([
    ['nothing said', {}, { speed: 'standard', inferenceGeo: 'global', serviceTier: 'standard' }],
    ['nulls', { speed: null, inference_geo: null, service_tier: null }, { speed: 'standard' }],
    ['fast', { speed: 'fast' }, { speed: 'fast' }],
    ['in the US', { inference_geo: 'us' }, { inferenceGeo: 'us' }],
    ['anywhere', { inference_geo: 'global' }, { inferenceGeo: 'global' }],
    [
      'an old model, place not told',
      { inference_geo: 'not_available' },
      { inferenceGeo: 'global' },
    ],
    ['in a batch', { service_tier: 'batch' }, { serviceTier: 'batch' }],
    ['priority, at standard rates', { service_tier: 'priority' }, { serviceTier: 'standard' }],
  ])('S15: what was served is what counts: %s', (_name, wire, served) => {
    const folded = fold({ ...ok, ...wire }, { model: sonnet });
    expect(folded).toMatchObject({ rule: 'S1', model: sonnet, usage: served });
  });

  test.each<[string, object, number, number]>([
    ['a split', { cache_creation_input_tokens: 10, ...split(4, 6) }, 4, 6],
    ['a rest', { cache_creation_input_tokens: 12, ...split(4, 6) }, 6, 6],
    ['a total alone', { cache_creation_input_tokens: 10, cache_creation: null }, 10, 0],
    ['an older total alone', { cache_creation_input_tokens: 10 }, 10, 0],
    ['a split alone', { cache_creation_input_tokens: null, ...split(4, 6) }, 4, 6],
    ['half a split', { cache_creation_input_tokens: 10, ...split(null, 6) }, 4, 6],
    ['an empty split', { cache_creation_input_tokens: 10, cache_creation: {} }, 10, 0],
    ['a split of zeros', { cache_creation_input_tokens: 0, ...split(0, 0) }, 0, 0],
  ])('S16: cache writes with %s', (_name, wire, cacheWrite5mTokens, cacheWrite1hTokens) => {
    const counts = { inputTokens: 25, outputTokens: 15, cacheWrite5mTokens, cacheWrite1hTokens };
    expect(fold({ ...ok, ...wire }).usage?.iterations).toEqual([attempt(counts)]);
  });

  test('S17: searches have a price, fetches have none', () => {
    const folded = fold(tools({ web_search_requests: 3, web_fetch_requests: 2 }));
    expect(folded.usage?.webSearches).toBe(3);
    expect(folded.usage).not.toHaveProperty('unknown');
    expect(fold(tools(null)).usage?.webSearches).toBe(0);
  });

  test('S17: a tool loop without iterations may read the window once per turn', () => {
    const loop = { ...tools({ web_search_requests: 2 }), input_tokens: 600_000 };
    expect(fold(loop)).toMatchObject({ rule: 'S1', usage: { webSearches: 2 } });
    expect(fold({ ...loop, input_tokens: 600_001 }).rule).toBe('S12');
    const unheard = { ...tools({ dream_requests: 1 }), input_tokens: 400_000 };
    expect(fold(unheard).rule).toBe('S1');
  });

  test('thinking is a part of the output, not a count of its own', () => {
    const folded = fold({ ...ok, output_tokens_details: { thinking_tokens: 9 } });
    expect(folded.usage?.iterations[0]?.outputTokens).toBe(15);
    expect(folded.usage).not.toHaveProperty('unknown');
  });
});

describe('F48: refusals of JSON answers', () => {
  test.each<[string, unknown[]]>([
    ['no content', []],
    ['an empty text', [{ type: 'text', text: '' }]],
    ['a mark of a fallback', [{ type: 'fallback' }]],
    ['empty thinking', [{ type: 'thinking', thinking: '', signature: '' }]],
    ['what is no block', [null, 'text']],
  ])('S3: before any output it is free, though usage shows tokens: %s', (_name, content) => {
    const folded = fold(ok, { stop_reason: 'refusal', content });
    expect(folded).toMatchObject({ rule: 'S3', chargeable: false });
    expect(folded.usage?.iterations).toEqual([
      attempt({ inputTokens: 25, outputTokens: 15, billed: false }),
    ]);
  });

  test('S3: is free even where its usage cannot be believed', () => {
    const folded = fold({ input_tokens: -1 }, { stop_reason: 'refusal', content: [] });
    expect(folded).toMatchObject({ rule: 'S3', chargeable: false, usage: null });
  });

  test.each<[string, unknown]>([
    ['text', { type: 'text', text: 'No' }],
    ['thinking', { type: 'thinking', thinking: 'Hm', signature: '' }],
    ['thinking that is not shown', { type: 'thinking', thinking: '', signature: 'c2ln' }],
    ['a tool call', { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }],
  ])('S4: after output it costs the normal rates: %s', (_name, content) => {
    const folded = fold(ok, { stop_reason: 'refusal', content: [content] });
    expect(folded).toMatchObject({ rule: 'S4', chargeable: true });
    expect(folded.usage?.iterations[0]?.billed).toBe(true);
  });
});

test('F42: what is not a message is not charged', () => {
  for (const body of [null, 'html', [], {}, { type: 'error', error: {} }]) {
    expect(foldMessage(body)).toMatchObject({ rule: 'S8', chargeable: false });
  }
});

describe('a model name that cannot be stored is never recorded (S12)', () => {
  test.each(['a\u0000b', '\ud800', 'tab\tbed', '', 'x'.repeat(201), null, 7])('%j', (name) => {
    // Without an expectation: no price book vouches for the name.
    const named = foldMessage(message(ok, { model: name }));
    expect(named).toMatchObject({ rule: 'S12', chargeable: false, model: null, usage: null });
  });

  test('nor is a nameless answer charged whose iterations have names', () => {
    const usage = { ...ok, iterations: [{ type: 'message', model: sonnet, ...ok }] };
    expect(fold(usage, { model: null })).toMatchObject({ rule: 'S12', chargeable: false });
  });
});
