import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitAtFinalEvent, sseScanner, UNREAD } from './sse.ts';

const events = [
  ['message_start', '{"type":"message_start","message":{"model":"claude-opus-5"}}'],
  ['ping', '{"type":"ping"}'],
  ['content_block_delta', '{"type":"content_block_delta","delta":{"text":"Grüße 🌍 event: x"}}'],
  ['message_delta', '{"type":"message_delta","usage":{"output_tokens":15}}'],
  ['message_stop', '{"type":"message_stop"}'],
] as const;
const seen = events.map(([type, data]) => [
  type,
  type.startsWith('content') || type === 'ping' ? UNREAD : data,
]);
const stream = (eol: string): Buffer =>
  Buffer.from(
    events
      .map(([type, data]) => `event: ${type}${eol}: comment${eol}data: ${data}${eol}${eol}`)
      .join(''),
  );

function relay(chunks: readonly Buffer[]) {
  const heard: string[][] = [];
  const scanner = sseScanner((type, data) => heard.push([type, data]));
  const sent: Buffer[] = [];
  let held: Buffer = Buffer.alloc(0);
  for (const chunk of chunks) {
    const { holdFrom } = scanner.push(chunk);
    if (held.length > 0) expect(held.length + (holdFrom ?? 0)).toBe(0);
    const split = splitAtFinalEvent(held, chunk, holdFrom);
    sent.push(split.release);
    held = split.held;
  }
  return { heard, sent: Buffer.concat(sent), held };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const marks = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
  const starts = [0, ...marks];
  return starts.map((start, index) => bytes.subarray(start, marks[index] ?? bytes.length));
}

describe('F44: however a stream is cut, the same events and the same bytes', () => {
  test.each([['\n'], ['\r\n'], ['\r']])('one-byte chunks with line end %j', (eol) => {
    const bytes = stream(eol);
    const result = relay(Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1)));
    expect(result.heard).toEqual(seen);
    expect(Buffer.concat([result.sent, result.held])).toEqual(bytes);
  });

  test('any cuts, also inside characters', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(10_000), { maxLength: 12 }),
        (eol, places) => {
          const bytes = stream(eol);
          const result = relay(cut(bytes, places));
          expect(result.heard).toEqual(seen);
          expect(Buffer.concat([result.sent, result.held])).toEqual(bytes);
          // Replayed alone, what has left must not contain a finished final event.
          const before = relay([result.sent]).heard.map(([type]) => type);
          expect(before).not.toContain('message_stop');
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the final event waits', () => {
  test('in one chunk it is cut exactly at the start of its block', () => {
    const bytes = stream('\n');
    const result = relay([bytes]);
    expect(result.held.toString()).toMatch(/^event: message_stop\n/);
    expect(result.sent.toString()).toMatch(/"output_tokens":15\}\}\n\n$/);
  });

  test('without an event line, the type in the data decides', () => {
    const result = relay([
      Buffer.from('data: {"type":"ping"}\n\ndata: {"type":"message_stop"}\n\n'),
    ]);
    expect(result.heard.map(([type]) => type)).toEqual(['ping', 'message_stop']);
    expect(result.held.toString()).toBe('data: {"type":"message_stop"}\n\n');
  });

  test('text that only mentions the final event does not wait', () => {
    const text =
      'event: content_block_delta\ndata: {"text":"message_stop\\n\\nevent: message_stop"}\n\n';
    expect(relay([Buffer.from(text)]).held.length).toBe(0);
  });

  test('what follows the final event waits with it', () => {
    const tail = Buffer.from('event: ping\ndata: {}\n\n');
    const result = relay([stream('\n'), tail]);
    expect(result.held.toString()).toContain('event: ping');
  });
});

test('an event too large to be metered is dropped, the stream goes on', () => {
  const huge = `event: message_start\ndata: "${'x'.repeat(3_000_000)}"\n\n`;
  const bytes = Buffer.concat([Buffer.from(huge), stream('\n')]);
  expect(relay(cut(bytes, [500_000, 900_000, 2_000_000])).heard[0]).toEqual([
    'message_start',
    UNREAD,
  ]);
  expect(relay([bytes]).heard).toHaveLength(6);
});
