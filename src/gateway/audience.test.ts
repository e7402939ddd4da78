import { describe, expect, test } from 'vitest';
import { type Audience, audienceOf } from './audience.ts';
import type { Client } from './client.ts';
import { replayIn, replayRoom } from './replay.ts';
import type { Reading } from './upstream.ts';

const room = (callBytes = 1_000, nodeBytes = 100_000) => replayRoom({ callBytes, nodeBytes });

/** A client that writes down what it is told and reads as slowly as it is told to. */
function recorder() {
  const said: string[] = [];
  const notices: (() => void)[] = [];
  let gone = false;
  let pace: Reading | undefined;
  const client: Client = {
    get gone() {
      return gone;
    },
    onGone(notice) {
      if (gone) notice();
      else notices.push(notice);
    },
    send: (status, _headers, body) => void said.push(`send ${status} ${body}`),
    begin: (status) => void said.push(`begin ${status}`),
    write(chunk, reading) {
      said.push(chunk.toString());
      pace = reading;
    },
    end: () => void said.push('end'),
    breakOff: () => void said.push('break'),
  };
  return {
    client,
    said,
    slow: () => pace?.pause(),
    fast: () => pace?.resume(),
    leave() {
      gone = true;
      for (const notice of notices) notice();
    },
  };
}

function upstream() {
  const calls: string[] = [];
  const reading: Reading = {
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    abort: () => void calls.push('abort'),
  };
  const write = (audience: Audience, text: string) => audience.write(Buffer.from(text), reading);
  return { calls, write };
}

describe('an audience', () => {
  test('gives who joins all that was sent, and then the rest', () => {
    const [first, second] = [recorder(), recorder()];
    const audience = audienceOf(first.client, room());
    const { write } = upstream();
    audience.begin(200, {});
    write(audience, 'a');
    write(audience, 'b');
    audience.join(second.client);
    write(audience, 'c');
    audience.end();
    const all = ['begin 200', 'a', 'b', 'c', 'end'];
    expect(second.said).toEqual(all);
    expect(first.said).toEqual(all);
    expect(audience.joined).toBe(true);
    expect(audience.deserted).toBe(false);
  });

  test('gives who joins before the answer the answer, whole or as a stream', () => {
    const [first, second] = [recorder(), recorder()];
    const audience = audienceOf(first.client, room());
    audience.join(second.client);
    expect(second.said).toEqual([]);
    audience.send(200, {}, 'whole');
    expect(second.said).toEqual(['send 200 whole']);
    expect(audience.joinable).toBe(false);
  });

  test('is gone when the last has left, and back when one returns', () => {
    const clients = [recorder(), recorder(), recorder()];
    const [first, second, third] = clients;
    if (!first || !second || !third) throw new Error('three clients');
    const audience = audienceOf(first.client, room());
    const told: string[] = [];
    audience.onGone(() => told.push('gone'));
    audience.onReturn(() => told.push('back'));
    audience.join(second.client);
    first.leave();
    expect([audience.gone, told]).toEqual([false, []]);
    second.leave();
    expect([audience.gone, audience.deserted, told]).toEqual([true, true, ['gone']]);
    audience.join(third.client);
    expect([audience.gone, audience.deserted, told]).toEqual([false, true, ['gone', 'back']]);
    third.leave();
    expect(told).toEqual(['gone', 'back', 'gone']);
  });

  test('whose newcomer has already left again is as it was before', () => {
    const [first, second] = [recorder(), recorder()];
    const audience = audienceOf(first.client, room());
    const told: string[] = [];
    audience.onGone(() => told.push('gone'));
    audience.onReturn(() => told.push('back'));
    first.leave();
    second.leave();
    audience.join(second.client);
    expect([audience.gone, told]).toEqual([true, ['gone', 'back', 'gone']]);
  });

  test('reads on when the slowest reads on', () => {
    const [first, second] = [recorder(), recorder()];
    const audience = audienceOf(first.client, room());
    const { calls, write } = upstream();
    audience.begin(200, {});
    write(audience, 'a');
    audience.join(second.client);
    first.slow();
    second.slow();
    expect(calls).toEqual(['pause']);
    first.fast();
    first.fast();
    expect(calls).toEqual(['pause']);
    second.fast();
    expect(calls).toEqual(['pause', 'resume']);
  });

  test('cannot be joined when more was sent than is kept, or when it is over', () => {
    const audience = audienceOf(recorder().client, room(2));
    const { write } = upstream();
    audience.begin(200, {});
    write(audience, 'ab');
    expect(audience.joinable).toBe(true);
    write(audience, 'c');
    expect(audience.joinable).toBe(false);
    const ended = audienceOf(recorder().client, room());
    ended.breakOff();
    expect(ended.joinable).toBe(false);
  });

  test('keeps nothing once it is over', () => {
    const shared = room();
    for (const end of ['end', 'breakOff'] as const) {
      const audience = audienceOf(recorder().client, shared);
      upstream().write(audience, 'abc');
      expect(shared.usedBytes).toBeGreaterThan(0);
      audience[end]();
      upstream().write(audience, 'late');
      expect(shared.usedBytes).toBe(0);
    }
  });
});

describe('a replay', () => {
  test('is the bytes that were sent, in order, however many pieces', () => {
    const replay = replayIn(room(1_000_000, 10_000_000));
    const sent: Buffer[] = [];
    for (let index = 0; index < 1_000; index += 1) {
      const size = index % 97 === 0 ? 5_000 : 1 + (index % 13);
      const chunk = Buffer.alloc(size, index % 251);
      sent.push(chunk);
      replay.keep(chunk);
    }
    expect(Buffer.concat(replay.chunks()).equals(Buffer.concat(sent))).toBe(true);
    expect(replay.chunks().length).toBeLessThan(150);
  });

  test('of many calls takes no more than all may have, and gives back all it took', () => {
    const shared = room(4_000, 10_000);
    const replays = Array.from({ length: 20 }, () => replayIn(shared));
    for (let round = 0; round < 200; round += 1) {
      for (const replay of replays) replay.keep(Buffer.alloc(19));
      expect(shared.usedBytes).toBeLessThanOrEqual(10_000);
    }
    expect(replays.filter(({ whole }) => whole).length).toBeLessThan(20);
    for (const replay of replays) replay.drop();
    expect(shared.usedBytes).toBe(0);
  });
});
