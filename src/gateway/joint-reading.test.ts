import { expect, test } from 'vitest';
import { jointReading } from './joint-reading.ts';

function world() {
  const told: string[] = [];
  const [client, hold] = jointReading({
    pause: () => void told.push('pause'),
    resume: () => void told.push('resume'),
    abort: (reason) => void told.push(reason),
  });
  return { told, client, hold };
}

test('an upstream that two have stopped is read on once both let it', () => {
  for (const [first, second] of [
    ['client', 'hold'],
    ['hold', 'client'],
  ] as const) {
    const reading = world();
    reading.client.pause();
    reading.hold.pause();
    reading[first].resume();
    expect(reading.told).toEqual(['pause']);
    reading[second].resume();
    expect(reading.told).toEqual(['pause', 'resume']);
  }
});

test('stopping twice is stopping once, and so is letting it go', () => {
  const { told, client, hold } = world();
  client.pause();
  client.pause();
  hold.resume();
  client.resume();
  client.resume();
  expect(told).toEqual(['pause', 'resume']);
});

test('either may give it up', () => {
  const { told, client, hold } = world();
  client.abort('one');
  hold.abort('other');
  expect(told).toEqual(['one', 'other']);
});
