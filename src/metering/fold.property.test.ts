import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Event,
  expectation,
  foldBytes,
  message,
  ok,
  opus,
  part,
  ping,
  play,
  sonnet,
  sse,
  streamOf,
} from '#test/wire-answers';
import { foldBatchItem } from './batch-item.ts';
import { type Folded, foldMessage, streamFold } from './fold.ts';

const count = fc.oneof(fc.nat(900), fc.nat(250_000));
const nonsense = fc.oneof(
  fc.constantFrom(-1, 1.5, 2 ** 53, 2 ** 63, '25', true, [], {}),
  fc.integer({ max: -1 }),
);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3 });
const cache = {
  cache_read_input_tokens: optional(count),
  cache_creation_input_tokens: optional(count),
  cache_creation: optional(
    fc.record({ ephemeral_5m_input_tokens: fc.nat(9), ephemeral_1h_input_tokens: fc.nat(9) }),
  ),
};
const iteration = fc.record(
  {
    type: fc.constantFrom('message', 'fallback_message', 'compaction', 'advisor_message', 'dream'),
    model: fc.constantFrom(opus, sonnet, null),
    input_tokens: count,
    output_tokens: fc.oneof(fc.constant(0), count),
    ...cache,
  },
  { requiredKeys: ['type', 'input_tokens', 'output_tokens'] },
);
const usage = fc.record(
  {
    input_tokens: fc.oneof({ weight: 9, arbitrary: count }, { weight: 1, arbitrary: nonsense }),
    output_tokens: fc.oneof(
      { weight: 9, arbitrary: fc.nat(1_001) },
      { weight: 1, arbitrary: nonsense },
    ),
    ...cache,
    server_tool_use: optional(
      fc.record({ web_search_requests: fc.nat(9), dream_requests: fc.nat(9) }),
    ),
    iterations: optional(fc.array(iteration, { maxLength: 4 })),
    speed: fc.constantFrom('standard', 'fast', null, 'warp'),
    inference_geo: fc.constantFrom('us', 'global', null),
    service_tier: fc.constantFrom('standard', 'priority', 'batch', null),
    audio_tokens: count,
  },
  { requiredKeys: ['input_tokens', 'output_tokens'] },
);
const piece = fc.oneof(
  fc.record({ type: fc.constant('text'), text: fc.constantFrom('', 'Grüße 🌍', 'event: error') }),
  fc.record({
    type: fc.constant('thinking'),
    thinking: fc.constantFrom('', 'Hm'),
    signature: fc.constant(''),
  }),
  fc.record({ type: fc.constantFrom('tool_use', 'fallback', 'redacted_thinking') }),
);
const answer = fc
  .record({
    model: fc.constantFrom(opus, sonnet, 'nobody'),
    stop_reason: fc.constantFrom('end_turn', 'max_tokens', 'refusal', 'pause_turn'),
    content: fc.array(piece, { maxLength: 3 }),
    usage,
  })
  .map(({ usage: counts, ...rest }) => message(counts, rest));

/** Apart from the one difference there is: S1 is what S2 is to a stream. */
const comparable = ({ rule, chargeable, model, usage: counts }: Folded) => ({
  rule: rule === 'S1' ? 'S2' : rule,
  chargeable,
  model,
  usage: counts,
});

describe('an answer is metered by what it says, not by how it comes', () => {
  test('as JSON and as a stream it costs the same', () => {
    const charged = { yes: 0, no: 0 };
    fc.assert(
      fc.property(answer, (whole) => {
        const folded = foldMessage(whole, expectation);
        expect(comparable(play(streamOf(whole)))).toEqual(comparable(folded));
        charged[folded.chargeable ? 'yes' : 'no'] += 1;
      }),
      { numRuns: 2_000 },
    );
    // Both happen often enough to mean something.
    expect(Math.min(charged.yes, charged.no)).toBeGreaterThan(100);
  });

  test('F43, F44: cut anywhere, with pings in between and every event twice', () => {
    const extras = fc.array(fc.constantFrom('ping', 'twice', 'no'), { maxLength: 12 });
    fc.assert(
      fc.property(
        answer,
        extras,
        fc.array(fc.nat(5_000), { maxLength: 8 }),
        (whole, more, cuts) => {
          const events = streamOf(whole);
          const noisy = events.flatMap((event, index): Event[] => {
            // What comes after the last event is not part of the answer, so it is not doubled here.
            const extra = more[index] ?? 'no';
            return extra === 'no' ? [event] : [extra === 'twice' ? event : ping, event];
          });
          expect(foldBytes(sse(noisy), cuts)).toEqual(play(events));
        },
      ),
      { numRuns: 600 },
    );
  });

  test('running totals in between change nothing about the last one', () => {
    fc.assert(
      fc.property(answer, fc.array(fc.nat(1_000), { maxLength: 5 }), (whole, totals) => {
        const events = streamOf(whole);
        const growing = totals.map(
          (output_tokens): Event => [
            'message_delta',
            { type: 'message_delta', delta: {}, usage: { output_tokens } },
          ],
        );
        const last = events.length - 2;
        const withTotals = [...events.slice(0, last), ...growing, ...events.slice(last)];
        const folded = play(events);
        // Without a believable last total an earlier one must not take its place.
        const withTotalsFolded = play(withTotals);
        if (folded.rule !== 'S12') expect(withTotalsFolded).toEqual(folded);
        else expect(withTotalsFolded.chargeable).toBe(false);
      }),
    );
  });
});

describe('S12: no broken count is ever charged', () => {
  const places = [
    ['input_tokens'],
    ['output_tokens'],
    ['cache_read_input_tokens'],
    ['cache_creation_input_tokens'],
    ['cache_creation', 'ephemeral_5m_input_tokens'],
    ['cache_creation', 'ephemeral_1h_input_tokens'],
    ['server_tool_use', 'web_search_requests'],
  ] as const;

  test('wherever it stands, at the top or in an attempt', () => {
    const whole = {
      ...ok,
      cache_read_input_tokens: 1,
      cache_creation_input_tokens: 2,
      cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 1 },
      server_tool_use: { web_search_requests: 1 },
    };
    const broken = (place: readonly string[], value: unknown): object => {
      const copy: Record<string, unknown> = structuredClone(whole);
      const [outer = '', inner] = place;
      if (inner === undefined) copy[outer] = value;
      else copy[outer] = { ...Object(copy[outer]), [inner]: value };
      return copy;
    };
    fc.assert(
      fc.property(fc.constantFrom(...places), nonsense, (place, value) => {
        const top = foldMessage(message(broken(place, value)), expectation);
        expect(top).toMatchObject({ rule: 'S12', chargeable: false, usage: null });
        if (place[0] === 'server_tool_use') return;
        const iterations = [part('message'), { type: 'compaction', ...broken(place, value) }];
        const inside = foldMessage(message({ ...ok, iterations }), expectation);
        expect(inside).toMatchObject({ rule: 'S12', chargeable: false, usage: null });
      }),
    );
  });
});

const MARK = 'SECRETMARK';
/** Any JSON, with a mark in every text and every name. */
const marked = fc.json({ stringUnit: 'grapheme-ascii' }).map((text) => {
  const mark = (value: unknown): unknown => {
    if (typeof value === 'string') return `${MARK}${value}`;
    if (Array.isArray(value)) return value.map(mark);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [`${MARK}${k}`, mark(v)]));
  };
  return mark(JSON.parse(text));
});

describe('whatever an upstream sends', () => {
  const anything = fc.oneof(fc.jsonValue(), usage, fc.constant(undefined));
  const anyEvent = fc.tuple(
    fc.constantFrom(
      ...['message_start', 'content_block_start', 'content_block_delta', 'message_delta'],
      ...['message_stop', 'error', 'ping', 'new_event', ''],
    ),
    fc.oneof(
      anything,
      fc.record({ message: fc.record({ model: anything, usage: anything }) }),
      fc.record({ delta: fc.record({ stop_reason: anything }), usage: anything }),
      fc.record({ content_block: anything }),
    ),
  );

  test('the fold never throws', () => {
    fc.assert(
      fc.property(anything, fc.array(anyEvent, { maxLength: 8 }), (body, events) => {
        for (const allowed of [undefined, expectation]) {
          foldMessage(body, allowed);
          foldMessage({ type: 'message', model: opus, usage: body, content: body }, allowed);
          foldBatchItem(body);
          foldBatchItem({ custom_id: 'a', result: body });
          foldBatchItem({ custom_id: 'a', result: { type: 'succeeded', message: body } });
          const stream = streamFold(allowed);
          for (const [type, data] of events) stream.event(type, data);
          stream.end('complete');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('nothing of a content block is in what it means for the bill', () => {
    fc.assert(
      fc.property(answer, fc.array(marked, { maxLength: 3 }), marked, (whole, blocks, other) => {
        const content = [...blocks, { type: 'text', text: MARK }, { type: MARK, ...Object(other) }];
        const said = {
          ...whole,
          content,
          id: MARK,
          stop_sequence: MARK,
          stop_details: { explanation: MARK, other },
          container: other,
        };
        const results = [
          foldMessage(said, expectation),
          play(streamOf(said)),
          play(streamOf(said).slice(0, -2)),
          foldBytes(sse(streamOf(said)), [17, 400]),
          foldBatchItem({ custom_id: 'a', result: { type: 'succeeded', message: said } }),
          foldBatchItem({ custom_id: 'a', result: { type: 'errored', error: said } }),
        ];
        expect(JSON.stringify(results)).not.toContain(MARK);
      }),
    );
  });

  test('nor is any text that stands among the counts, nor the name of what is no message', () => {
    fc.assert(
      fc.property(marked, (other) => {
        const usageWithText = { ...ok, note: other, fallback_credit: { status: other } };
        const results = [
          foldMessage(message({ ...usageWithText, speed: MARK }), expectation),
          foldMessage(message({ ...usageWithText, cache_creation: MARK }), expectation),
          foldMessage({ type: MARK, usage: other }, expectation),
        ];
        expect(JSON.stringify(results)).not.toContain(`"${MARK}`);
      }),
    );
  });
});
