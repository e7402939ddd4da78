import { expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { quarantineBreaker } from './breaker.ts';

const MINUTE_MS = 60_000;

function world() {
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'));
  return { clock, breaker: quarantineBreaker(clock) };
}

test('the third quarantine within five minutes refuses the model, and no other', () => {
  const { clock, breaker } = world();
  expect(breaker.note('a')).toBe(false);
  clock.advance(2 * MINUTE_MS);
  expect(breaker.note('a')).toBe(false);
  expect(breaker.open('a')).toBe(false);
  clock.advance(2 * MINUTE_MS);
  expect(breaker.note('a')).toBe(true);
  expect(breaker.open('a')).toBe(true);
  expect(breaker.open('b')).toBe(false);
});

test('three quarantines further apart refuse nothing', () => {
  const { clock, breaker } = world();
  for (let count = 0; count < 6; count++) {
    expect(breaker.note('a')).toBe(false);
    clock.advance(2.5 * MINUTE_MS);
  }
  expect(breaker.open('a')).toBe(false);
});

test('a refused model is offered again five minutes after its last quarantine', () => {
  const { clock, breaker } = world();
  for (let count = 0; count < 3; count++) breaker.note('a');
  clock.advance(4 * MINUTE_MS);
  expect(breaker.note('a')).toBe(true);
  clock.advance(5 * MINUTE_MS - 1);
  expect(breaker.open('a')).toBe(true);
  clock.advance(1);
  expect(breaker.open('a')).toBe(false);
  expect(breaker.note('a')).toBe(false);
});
