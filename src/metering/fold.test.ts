import { describe, expect, test } from 'vitest';
import type { ModelUsage } from '#kernel/usage';
import { type Expectation, type Folded, foldMessage, streamFold } from './fold.ts';

const opus = 'claude-opus-5';
const sonnet = 'claude-sonnet-5';
const expectation: Expectation = {
  model: opus,
  outputTokensMax: 1_000,
  contextWindowOf: (model) => (model === opus || model === sonnet ? 200_000 : undefined),
};
const ok = { input_tokens: 25, output_tokens: 15 };

const message = (usage: unknown, more: object = {}) => ({
  type: 'message',
  model: opus,
  content: [{ type: 'text', text: 'Hi' }],
  stop_reason: 'end_turn',
  usage,
  ...more,
});
const fold = (usage: unknown, more: object = {}): Folded =>
  foldMessage(message(usage, more), expectation);

const turn = (counts: Partial<ModelUsage>): ModelUsage => ({
  model: opus,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  ...counts,
});
const iterationsOf = (folded: Folded) => folded.usage?.iterations;

describe('F30–F34: usage that cannot be believed is not charged (S12)', () => {
  test.each<[string, unknown]>([
    ['F30: absent', undefined],
    ['F30: null', null],
    ['F30: a list', [1]],
    ['F30: output absent', { input_tokens: 25 }],
    ['F31: negative', { input_tokens: -1, output_tokens: 15 }],
    ['F31: negative cache', { ...ok, cache_read_input_tokens: -5 }],
    ['F31: float', { input_tokens: 25, output_tokens: 1.5 }],
    ['F31: string', { input_tokens: '25', output_tokens: 15 }],
    ['F31: null count', { input_tokens: null, output_tokens: 15 }],
    ['F31: not a number', { input_tokens: Number.NaN, output_tokens: 15 }],
    ['F31: 2^63', { input_tokens: 2 ** 63, output_tokens: 15 }],
    ['F31: negative searches', { ...ok, server_tool_use: { web_search_requests: -1 } }],
    ['F31: a million searches', { ...ok, server_tool_use: { web_search_requests: 1e6 } }],
    ['F34: more input than the window', { input_tokens: 200_001, output_tokens: 15 }],
    ['F34: more cache than the window', { ...ok, cache_read_input_tokens: 200_000 }],
    ['F34: more output than max_tokens', { input_tokens: 25, output_tokens: 1_001 }],
    [
      'S16: split above its total',
      {
        ...ok,
        cache_creation_input_tokens: 9,
        cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 5 },
      },
    ],
    ['S15: an unknown speed', { ...ok, speed: 'warp' }],
    ['S15: an unknown region', { ...ok, inference_geo: 'moon' }],
    ['S15: an unknown tier', { ...ok, service_tier: 'flex' }],
    ['S5: a broken iteration', { ...ok, iterations: [{ type: 'message', input_tokens: 1 }] }],
  ])('%s', (_name, usage) => {
    expect(fold(usage)).toMatchObject({ rule: 'S12', chargeable: false, usage: null });
  });
});

describe('usage that can be believed', () => {
  test('S1: a plain answer', () => {
    expect(fold(ok)).toEqual({
      rule: 'S1',
      chargeable: true,
      model: opus,
      usage: {
        iterations: [turn({ inputTokens: 25, outputTokens: 15 })],
        webSearches: 0,
        speed: 'standard',
        inferenceGeo: 'global',
        serviceTier: 'standard',
      },
    });
  });

  test('F35: an explicit zero is a value', () => {
    expect(fold({ input_tokens: 0, output_tokens: 0 })).toMatchObject({ rule: 'S1' });
  });

  test('S14: a pre-warm is complete without content', () => {
    const warm = message(
      { input_tokens: 3, output_tokens: 0, cache_creation_input_tokens: 900 },
      {
        content: [],
        stop_reason: 'max_tokens',
      },
    );
    const folded = foldMessage(warm, { ...expectation, outputTokensMax: 0 });
    expect(folded.rule).toBe('S14');
    expect(iterationsOf(folded)).toEqual([turn({ inputTokens: 3, cacheWrite5mTokens: 900 })]);
  });

  test('S15: what was served is what counts', () => {
    const served = { ...ok, speed: 'fast', inference_geo: 'us', service_tier: 'batch' };
    expect(fold(served, { model: sonnet })).toMatchObject({
      model: sonnet,
      usage: { speed: 'fast', inferenceGeo: 'us', serviceTier: 'batch' },
    });
  });

  test.each([
    ['a split', 10, { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 }, 4, 6],
    ['a rest', 12, { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 }, 6, 6],
    ['no split', 10, null, 10, 0],
    ['no total', null, { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 }, 4, 6],
  ])('S16: cache writes with %s', (_name, total, split, w5m, w1h) => {
    const folded = fold({ ...ok, cache_creation_input_tokens: total, cache_creation: split });
    expect(iterationsOf(folded)).toEqual([
      turn({ inputTokens: 25, outputTokens: 15, cacheWrite5mTokens: w5m, cacheWrite1hTokens: w1h }),
    ]);
  });

  test('S17: a tool loop without iterations may read the window once per turn', () => {
    const usage = { ...ok, input_tokens: 590_000, server_tool_use: { web_search_requests: 2 } };
    expect(fold(usage)).toMatchObject({ rule: 'S1', usage: { webSearches: 2 } });
  });
});

describe('S5: iterations', () => {
  const part = (type: string, more: object = {}) => ({ type, ...ok, ...more });

  test('are summed instead of the top level, each at its model', () => {
    const iterations = [
      part('compaction'),
      part('message'),
      part('advisor_message', { model: sonnet }),
    ];
    expect(iterationsOf(fold({ input_tokens: 1, output_tokens: 1, iterations }))).toEqual([
      turn({ inputTokens: 25, outputTokens: 15 }),
      turn({ inputTokens: 25, outputTokens: 15 }),
      turn({ inputTokens: 25, outputTokens: 15, model: sonnet }),
    ]);
  });

  test('an empty list is no list', () => {
    expect(iterationsOf(fold({ ...ok, iterations: [] }))).toHaveLength(1);
  });

  test('F48: a hop that declined without output is free, one with output is not', () => {
    const silent = part('message', { output_tokens: 0 });
    const fallback = part('fallback_message', { model: sonnet });
    const free = fold({ ...ok, iterations: [silent, fallback] }, { model: sonnet });
    expect(iterationsOf(free)?.map((one) => one.model)).toEqual([sonnet]);
    const paid = fold({ ...ok, iterations: [part('message'), fallback] }, { model: sonnet });
    expect(iterationsOf(paid)?.map((one) => one.model)).toEqual([opus, sonnet]);
  });

  test('F48: a sticky fallback is charged at the model that answered', () => {
    const usage = { ...ok, iterations: [part('fallback_message', { model: sonnet })] };
    expect(iterationsOf(fold(usage, { model: sonnet }))?.[0]?.model).toBe(sonnet);
  });

  test('F36: an unknown type is charged at its model, or not at all', () => {
    const known = fold({ ...ok, iterations: [part('dream', { model: sonnet })] });
    expect(iterationsOf(known)?.[0]?.model).toBe(sonnet);
    expect(fold({ ...ok, iterations: [part('dream')] }).rule).toBe('S12');
    expect(fold({ ...ok, iterations: [part('dream', { model: 'nobody' })] }).rule).toBe('S12');
  });

  test('F37: an unknown model in the answer is not free in silence', () => {
    expect(fold(ok, { model: 'claude-unheard-of' })).toMatchObject({
      rule: 'S12',
      reason: 'the model has no price',
    });
  });
});

describe('F48: refusals of JSON answers', () => {
  test.each([[[]], [[{ type: 'text', text: '' }]], [[{ type: 'fallback' }]]])(
    'nothing delivered costs nothing: %j',
    (content) => {
      const folded = fold(ok, { stop_reason: 'refusal', content });
      expect(folded).toMatchObject({ rule: 'S3', chargeable: false });
      expect(iterationsOf(folded)).toHaveLength(1);
    },
  );

  test('after output it costs the normal rates', () => {
    expect(fold(ok, { stop_reason: 'refusal' })).toMatchObject({ rule: 'S4', chargeable: true });
  });
});

test('F42: what is not a message is not charged', () => {
  for (const body of [null, 'html', [], {}, { type: 'error', error: {} }]) {
    expect(foldMessage(body)).toMatchObject({ rule: 'S8', chargeable: false });
  }
});

type Event = readonly [type: string, data?: unknown];
const start = (usage: unknown = { input_tokens: 25, output_tokens: 1 }): Event => [
  'message_start',
  { type: 'message_start', message: { type: 'message', model: opus, usage } },
];
const text: Event = ['content_block_delta', null];
const delta = (usage: unknown, stop_reason: string | null = 'end_turn'): Event => [
  'message_delta',
  { type: 'message_delta', delta: { stop_reason }, usage },
];
const stop: Event = ['message_stop', { type: 'message_stop' }];
const error: Event = ['error', { type: 'error', error: { type: 'overloaded_error' } }];

function play(events: readonly Event[], how: 'complete' | 'truncated' = 'complete'): Folded {
  const stream = streamFold(expectation);
  for (const [type, data] of events) stream.event(type, data);
  return stream.end(how);
}

describe('streams', () => {
  test.each<[string, Event[], string, number | undefined]>([
    ['S2: complete', [start(), text, delta({ output_tokens: 15 }), stop], 'S2', 15],
    ['S9: cut after the final usage', [start(), text, delta({ output_tokens: 15 })], 'S9', 15],
    ['S8: cut before it', [start(), text], 'S8', 1],
    [
      'S8: a delta without a stop_reason',
      [start(), text, delta({ output_tokens: 9 }, null)],
      'S8',
      9,
    ],
    ['S8: nothing came', [], 'S8', undefined],
    ['F39: an error event after text', [start(), text, error], 'S7', 1],
    [
      'F48: refusal before output',
      [start(), delta({ output_tokens: 3 }, 'refusal'), stop],
      'S3',
      3,
    ],
    [
      'F48: refusal after output',
      [start(), text, delta({ output_tokens: 3 }, 'refusal'), stop],
      'S4',
      3,
    ],
    [
      'F43: start twice',
      [
        start(),
        start({ input_tokens: 9_999, output_tokens: 1 }),
        text,
        delta({ output_tokens: 15 }),
        stop,
      ],
      'S2',
      15,
    ],
    [
      'F43: two deltas, cumulative',
      [start(), text, delta({ output_tokens: 10 }, null), delta({ output_tokens: 15 }), stop],
      'S2',
      15,
    ],
    [
      'F43: a broken delta after the final one',
      [start(), text, delta({ output_tokens: 15 }), delta({ output_tokens: -1 }), stop],
      'S2',
      15,
    ],
    [
      'F43: events after stop',
      [start(), text, delta({ output_tokens: 15 }), stop, delta({ output_tokens: 900 }), error],
      'S2',
      15,
    ],
    [
      'F32: a final decrease',
      [start(), text, delta({ output_tokens: 20 }, null), delta({ output_tokens: 15 }), stop],
      'S2',
      15,
    ],
    [
      'F35: explicit zeros',
      [start({ input_tokens: 0, output_tokens: 0 }), text, delta({ output_tokens: 0 }), stop],
      'S2',
      0,
    ],
    ['F30: no usage', [start(null), text, delta(undefined), stop], 'S12', undefined],
    ['F30: usage at the start only', [start(), text, delta(undefined), stop], 'S12', undefined],
    ['F30: stop without a delta', [start(), text, stop], 'S12', undefined],
    [
      'F31: a negative final count',
      [start(), text, delta({ output_tokens: -15 }), stop],
      'S12',
      undefined,
    ],
    [
      'F31: believable first, broken at the end',
      [start(), text, delta({ output_tokens: 10 }, null), delta({ output_tokens: 1.5 }), stop],
      'S12',
      undefined,
    ],
    [
      'F34: more than max_tokens',
      [start(), text, delta({ output_tokens: 1_001 }), stop],
      'S12',
      undefined,
    ],
    ['no message_start', [text, delta({ ...ok }), stop], 'S12', undefined],
  ])('%s', (_name, events, rule, output) => {
    const folded = play(events);
    expect(folded.rule).toBe(rule);
    expect(iterationsOf(folded)?.[0]?.outputTokens).toBe(output);
  });

  test('fields of the delta replace those of the start only when present and non-null', () => {
    const folded = play([
      start({
        input_tokens: 25,
        output_tokens: 1,
        cache_read_input_tokens: 7,
        cache_creation_input_tokens: 6,
        service_tier: 'standard',
        inference_geo: 'us',
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 6 },
      }),
      text,
      delta({
        input_tokens: null,
        cache_read_input_tokens: 8,
        output_tokens: 15,
        server_tool_use: { web_search_requests: 1 },
      }),
      stop,
    ]);
    expect(folded.usage).toMatchObject({ inferenceGeo: 'us', webSearches: 1 });
    expect(iterationsOf(folded)).toEqual([
      turn({ inputTokens: 25, outputTokens: 15, cacheReadTokens: 8, cacheWrite1hTokens: 6 }),
    ]);
  });

  test('a cut stream says so, and whether the final event was seen', () => {
    const stream = streamFold();
    for (const [type, data] of [start(), text]) stream.event(type, data);
    expect(stream.stopSeen()).toBe(false);
    expect(stream.end('truncated')).toMatchObject({ rule: 'S8', reason: 'the stream was cut' });
    stream.event('message_stop', null);
    expect(stream.stopSeen()).toBe(true);
  });

  test('F48: iterations in the final delta decide, at each model', () => {
    const iterations = [
      { type: 'message', model: opus, ...ok, output_tokens: 0 },
      { type: 'fallback_message', model: sonnet, ...ok },
    ];
    const folded = play([start(), text, delta({ output_tokens: 15, iterations }), stop]);
    expect(iterationsOf(folded)?.map((one) => one.model)).toEqual([sonnet]);
  });
});

describe('a model name that cannot be stored is never recorded (S12)', () => {
  test.each(['a\u0000b', '\ud800', 'tab\tbed', '', 'x'.repeat(201)])('%j', (name) => {
    // Without an expectation: no price book vouches for the name.
    const named = foldMessage(message(ok, { model: name }));
    expect(named).toMatchObject({ rule: 'S12', chargeable: false, model: null, usage: null });
    const inside = foldMessage(message({ iterations: [{ type: 'message', model: name, ...ok }] }));
    expect(inside).toMatchObject({ rule: 'S12', chargeable: false, model: opus, usage: null });
  });
});
