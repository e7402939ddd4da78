import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Audience } from '#gateway/audience';
import { keptAwake } from '#gateway/keep-awake';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const reading = { pause() {}, resume() {}, abort() {} };
const PING = 'event: ping\ndata: {"type": "ping"}\n\n';

function world() {
  const written: string[] = [];
  let gone = false;
  const audience: Audience = {
    get gone() {
      return gone;
    },
    ...{ deserted: false, joined: false, joinable: true },
    onGone() {},
    onReturn() {},
    join() {},
    send() {},
    begin() {},
    write: (chunk) => void written.push(chunk.toString()),
    end() {},
    breakOff() {},
  };
  function leave(left: boolean): void {
    gone = left;
  }
  return { client: keptAwake(audience, reading, 1_000), written, leave };
}

test('a stream that is silent gets a ping each time the wait has passed', () => {
  const { client, written } = world();
  client.begin(200, {});
  vi.advanceTimersByTime(999);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  client.write('event: a\ndata: 1\n\n', reading);
  vi.advanceTimersByTime(2_000);
  expect(written).toEqual([PING, 'event: a\ndata: 1\n\n', PING, PING]);
});

test('a stream that flows gets none', () => {
  const { client, written } = world();
  for (let event = 0; event < 5; event++) {
    vi.advanceTimersByTime(999);
    client.write('data: 1\n\n', reading);
  }
  expect(written).toHaveLength(5);
});

test.each([
  ['inside a line', ['data: 1\n\nda'], 0],
  ['between the lines of an event', ['event: a\n'], 0],
  ['between the two bytes of a line break', ['data: 1\r\n\r'], 0],
  ['after the end of an event in two chunks', ['data: 1\n', '\n'], 1],
  ['after an event that ends in CRLF', ['data: 1\r\n\r\n'], 1],
  ['after an event that ends in CR', ['data: 1\r\r'], 1],
  ['after bytes one by one', [...'data: 1\r\n\r\n'], 1],
  ['inside a character', [Buffer.from('data: ü').subarray(0, 7)], 0],
])('%s: %j, %i pings', (_name, chunks, pings) => {
  const { client, written } = world();
  for (const chunk of chunks) client.write(chunk, reading);
  vi.advanceTimersByTime(1_000);
  expect(written.filter((text) => text === PING)).toHaveLength(pings);
});

test.each(['end', 'breakOff'] as const)('nothing follows %s', (how) => {
  const { client, written } = world();
  client[how]();
  client.write('late\n\n', reading);
  vi.advanceTimersByTime(10_000);
  expect(written).toEqual(['late\n\n']);
  expect(vi.getTimerCount()).toBe(0);
});

test('while nobody is there no ping is sent; for a client that comes back they go on', () => {
  const { written, leave } = world();
  leave(true);
  vi.advanceTimersByTime(5_000);
  expect(written).toEqual([]);
  leave(false);
  vi.advanceTimersByTime(1_000);
  expect(written).toEqual([PING]);
});
