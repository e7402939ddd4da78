import { describe, expect, test } from 'vitest';
import {
  attempt,
  block,
  delta,
  type Event,
  error,
  expectation,
  ok,
  ping,
  play,
  sonnet,
  start,
  stop,
  text,
} from '#test/wire-answers';
import { streamFold } from './fold.ts';

const final = delta({ output_tokens: 15 });
const plain = [start(), text, final, stop];
const refusal = delta({ output_tokens: 3 }, 'refusal');
const opening = (type: string, more: object = {}): Event => block({ type, ...more });

describe('each ending of a stream has its rule, and the output it is priced by', () => {
  test.each<[string, Event[], string, number | undefined]>([
    ['S2: complete', plain, 'S2', 15],
    ['S2: pings anywhere', plain.flatMap((event) => [ping, event, ping]), 'S2', 15],
    ['S9: cut after the final usage', [start(), text, final], 'S9', 15],
    ['S8: cut before it', [start(), text], 'S8', 1],
    [
      'S8: a delta without a stop_reason',
      [start(), text, delta({ output_tokens: 9 }, null)],
      'S8',
      9,
    ],
    ['S8: nothing came', [], 'S8', undefined],
    ['S8: pings alone', [ping, ping], 'S8', undefined],
    ['S7: F39: an error event after text', [start(), text, error], 'S7', 1],
    ['S7: F39: an error event at once', [error], 'S7', undefined],
    ['S7: F39: an error event after the final usage', [start(), text, final, error], 'S7', 15],
    ['S3: F48: a refusal before output', [start(), refusal, stop], 'S3', 3],
    [
      'S3: F48: a refusal after an empty frame',
      [start(), opening('text', { text: '' }), opening('fallback'), refusal, stop],
      'S3',
      3,
    ],
    ['S3: F48: a refusal cut before its last event', [start(), refusal], 'S3', 3],
    ['S4: F48: a refusal after output', [start(), text, refusal, stop], 'S4', 3],
    [
      'S4: F48: a refusal after a block that came whole',
      [start(), opening('redacted_thinking'), refusal, stop],
      'S4',
      3,
    ],
    [
      'F43: start twice',
      [start(), start({ input_tokens: 9_999, output_tokens: 1 }), text, final, stop],
      'S2',
      15,
    ],
    [
      'F43: two deltas, running totals',
      [start(), text, delta({ output_tokens: 10 }, null), final, stop],
      'S2',
      15,
    ],
    ['F43: the final delta twice', [start(), text, final, final, stop], 'S2', 15],
    [
      'F43: a broken delta after the final one',
      [start(), text, final, delta({ output_tokens: -1 }), stop],
      'S2',
      15,
    ],
    [
      'F43: two final deltas that differ: the last valid one',
      [start(), text, delta({ output_tokens: 10 }), final, stop],
      'S2',
      15,
    ],
    ['F43: events after stop', [...plain, delta({ output_tokens: 900 }), error], 'S2', 15],
    ['F43: stop twice', [...plain, stop], 'S2', 15],
    [
      'F32: a final decrease',
      [start(), text, delta({ output_tokens: 20 }, null), final, stop],
      'S2',
      15,
    ],
    [
      'F32: below what the start said',
      [start({ input_tokens: 25, output_tokens: 20 }), text, final, stop],
      'S2',
      15,
    ],
    [
      'F32: a decrease to less than nothing',
      [start(), text, delta({ output_tokens: 20 }, null), delta({ output_tokens: -5 }), stop],
      'S12',
      undefined,
    ],
    [
      'F35: explicit zeros',
      [start({ input_tokens: 0, output_tokens: 0 }), text, delta({ output_tokens: 0 }), stop],
      'S2',
      0,
    ],
    ['F30: no usage', [start(null), text, delta(undefined), stop], 'S12', undefined],
    ['F30: usage at the start only', [start(), text, delta(undefined), stop], 'S12', undefined],
    [
      'F30: a delta that tells no output',
      [start(), text, delta({ input_tokens: 25 }), stop],
      'S12',
      undefined,
    ],
    [
      'F30: a usage that is text',
      [start(), text, delta('output_tokens=15'), stop],
      'S12',
      undefined,
    ],
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
      'F31: broken first, believable at the end',
      [start(), text, delta({ output_tokens: -1 }, null), final, stop],
      'S2',
      15,
    ],
    [
      'F34: more than max_tokens',
      [start(), text, delta({ output_tokens: 1_001 }), stop],
      'S12',
      undefined,
    ],
    [
      'F34: a broken start',
      [start({ input_tokens: 200_001, output_tokens: 1 }), text, final, stop],
      'S12',
      undefined,
    ],
    ['F42: no message_start', [text, delta({ ...ok }), stop], 'S12', undefined],
    [
      'F42: an event without data',
      [['message_start', null], text, ['message_delta', null], stop],
      'S12',
      undefined,
    ],
  ])('%s', (_name, events, rule, output) => {
    const folded = play(events);
    expect(folded.rule).toBe(rule);
    expect(folded.usage?.iterations[0]?.outputTokens).toBe(output);
    expect(folded.chargeable).toBe(['S2', 'S4', 'S9'].includes(rule));
  });

  test('S14: a pre-warm has input and cache only', () => {
    const warm = { input_tokens: 3, cache_creation_input_tokens: 900, output_tokens: 0 };
    const events = [start(warm), delta({ output_tokens: 0 }, 'max_tokens'), stop];
    const folded = play(events, 'complete', { ...expectation, outputTokensMax: 0 });
    expect(folded).toMatchObject({ rule: 'S14', chargeable: true });
    expect(folded.usage?.iterations).toEqual([
      attempt({ inputTokens: 3, cacheWrite5mTokens: 900 }),
    ]);
  });

  test('F43: a second start changes neither the model nor a count', () => {
    const again: Event = [
      'message_start',
      { type: 'message_start', message: { model: sonnet, usage: { ...ok, input_tokens: 9_999 } } },
    ];
    expect(play([start(), again, text, final, stop])).toEqual(play(plain));
  });

  test('a cut stream says so, and whether the final event was seen', () => {
    const stream = streamFold();
    for (const [type, data] of [start(), text]) stream.event(type, data);
    expect(stream.stopSeen()).toBe(false);
    expect(stream.end('truncated')).toMatchObject({ rule: 'S8', reason: 'the stream was cut' });
    stream.event('message_stop', null);
    expect(stream.stopSeen()).toBe(true);
  });
});

describe('counts in a stream are running totals: they replace each other', () => {
  const known = {
    input_tokens: 25,
    output_tokens: 1,
    cache_read_input_tokens: 7,
    cache_creation_input_tokens: 6,
    service_tier: 'standard',
    inference_geo: 'us',
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 6 },
  };
  const told = { inputTokens: 25, outputTokens: 15, cacheReadTokens: 7, cacheWrite1hTokens: 6 };

  test.each<[string, unknown, unknown, object]>([
    ['legacy: the delta tells the output alone', known, { output_tokens: 15 }, told],
    [
      'legacy: a start without cache fields',
      ok,
      { output_tokens: 15 },
      { inputTokens: 25, outputTokens: 15 },
    ],
    [
      'legacy: a total of cache writes without their split',
      { ...ok, cache_creation_input_tokens: 6 },
      { output_tokens: 15 },
      { inputTokens: 25, outputTokens: 15, cacheWrite5mTokens: 6 },
    ],
    ['now: the delta tells all of it again', known, { ...known, output_tokens: 15 }, told],
    [
      'null and absence leave what was known',
      known,
      { input_tokens: null, cache_read_input_tokens: null, output_tokens: 15 },
      told,
    ],
    [
      'a later value replaces an earlier one, also a zero',
      known,
      { input_tokens: 0, cache_read_input_tokens: 8, output_tokens: 15 },
      { ...told, inputTokens: 0, cacheReadTokens: 8 },
    ],
    [
      'S16: a total that grew beyond the split of the start',
      known,
      { cache_creation_input_tokens: 10, output_tokens: 15 },
      { ...told, cacheWrite5mTokens: 4 },
    ],
    [
      'what only the delta tells',
      { input_tokens: 25, output_tokens: 1 },
      { input_tokens: 30, cache_creation_input_tokens: 4, output_tokens: 15 },
      { inputTokens: 30, outputTokens: 15, cacheWrite5mTokens: 4 },
    ],
  ])('%s', (_name, first, last, counts) => {
    const folded = play([start(first), text, delta(last), stop]);
    expect(folded.rule).toBe('S2');
    expect(folded.usage?.iterations).toEqual([attempt(counts)]);
  });

  test('S16: a total that shrank below the split of the start contradicts itself', () => {
    const last = delta({ cache_creation_input_tokens: 5, output_tokens: 15 });
    expect(play([start(known), text, last, stop]).rule).toBe('S12');
  });

  test('S15: the start says where it runs, the end how often it searched', () => {
    const last = delta({ output_tokens: 15, server_tool_use: { web_search_requests: 1 } });
    const folded = play([start(known), text, last, stop]);
    expect(folded.usage).toMatchObject({ inferenceGeo: 'us', webSearches: 1 });
  });

  test('the model is that of the start, which may not be the one asked for', () => {
    const served: Event = [
      'message_start',
      { type: 'message_start', message: { model: sonnet, usage: ok } },
    ];
    expect(play([served, text, final, stop])).toMatchObject({ rule: 'S2', model: sonnet });
  });
});
