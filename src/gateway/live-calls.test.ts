import { expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { type ApiKeyId, newId, type RequestId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import { audienceOf } from './audience.ts';
import type { Client } from './client.ts';
import { liveCalls } from './live-calls.ts';
import { type Asked, askedOf, RETRY_WITHIN_MS } from './repeats.ts';
import { REPLAY_LIMITS, replayRoom } from './replay.ts';
import type { LiveCall } from './turn.ts';

const key = newId('apiKey', systemEntropy);
const asked = (text = 'hi'): Asked =>
  askedOf('/v1/messages', { 'anthropic-version': '2023-06-01' }, Buffer.from(text));

/** A call whose client leaves when told to. */
function call(text?: string): LiveCall & { leave(): void } {
  const notices: (() => void)[] = [];
  const nothing = (): void => {};
  const client: Client = {
    gone: false,
    onGone: (notice) => void notices.push(notice),
    ...{ send: nothing, begin: nothing, write: nothing, end: nothing, breakOff: nothing },
  };
  return {
    requestId: newId('request', systemEntropy),
    asked: asked(text),
    audience: audienceOf(client, replayRoom(REPLAY_LIMITS)),
    finished: Promise.resolve(),
    leave() {
      for (const notice of notices) notice();
    },
  };
}

function world(endedMax?: number) {
  const clock = manualClock(new Date('2026-11-21T00:00:00Z'));
  const calls = liveCalls(clock, endedMax);
  const known = (text?: string, apiKeyId: ApiKeyId = key): [RequestId, string, number][] =>
    calls
      .earlier(apiKeyId, asked(text))
      .map(({ requestId, state, ageMs }) => [requestId, state, ageMs]);
  return { clock, calls, known };
}

test('a call is known while it runs, and afterwards only if its client has left', () => {
  const { clock, calls, known } = world();
  const [stayed, left] = [call('stayed'), call('left')];
  calls.enter(key, stayed);
  calls.enter(key, left);
  clock.advance(500);
  expect(known('stayed')).toEqual([[stayed.requestId, 'attended', 500]]);
  left.leave();
  expect(known('left')).toEqual([[left.requestId, 'deserted', 500]]);
  for (const { audience } of [stayed, left]) audience.end();
  expect(known('left')).toEqual([[left.requestId, 'forgotten', 500]]);
  calls.leave(key, stayed);
  calls.leave(key, left);
  expect(known('stayed')).toEqual([]);
  expect(known('left')).toEqual([[left.requestId, 'ended', 500]]);
  expect(calls.find(key, left.requestId)).toBeUndefined();
});

test('a client that leaves before it has read the end of its answer has left too', () => {
  const { calls, known } = world();
  const one = call();
  calls.enter(key, one);
  one.audience.end();
  calls.leave(key, one);
  one.leave();
  expect(known()).toEqual([[one.requestId, 'ended', 0]]);
});

test('no key learns of another key’s calls, whatever they ask', () => {
  const { calls, known } = world();
  const [running, ended] = [call(), call()];
  for (const one of [running, ended]) {
    calls.enter(key, one);
    one.leave();
  }
  calls.leave(key, ended);
  expect(known()).toHaveLength(2);
  const other = newId('apiKey', systemEntropy);
  expect(known(undefined, other)).toEqual([]);
  expect(calls.find(other, running.requestId)).toBeUndefined();
});

test('what has ended is remembered for as long as it may be retried, and in bounds', () => {
  const { clock, calls, known } = world(3);
  const texts = ['a', 'b', 'c', 'd', 'b'];
  const ended = texts.map((text) => {
    const one = call(text);
    calls.enter(key, one);
    one.leave();
    calls.leave(key, one);
    return one.requestId;
  });
  expect(texts.slice(0, 4).map((text) => known(text).map(([id]) => id))).toEqual([
    [],
    [ended[4]],
    [ended[2]],
    [ended[3]],
  ]);
  clock.advance(RETRY_WITHIN_MS + 1);
  known('b');
  expect(known('b')).toEqual([]);
});
