import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  adjusted,
  fullLevel,
  type Level,
  msUntil,
  PER_MINUTE_MAX,
  refilled,
  ruleOf,
  unitsIn,
} from './bucket.ts';

test('60 a minute are 60 at once and then one a second', () => {
  const rule = ruleOf(60);
  const empty = adjusted(rule, fullLevel(rule, 0), -60);
  expect(unitsIn(empty)).toBe(0);
  expect(msUntil(rule, empty, 1)).toBe(1_000);
  expect(unitsIn(refilled(rule, empty, 999))).toBe(0);
  expect(unitsIn(refilled(rule, empty, 1_000))).toBe(1);
  expect(unitsIn(refilled(rule, empty, 30_000))).toBe(30);
  expect(unitsIn(refilled(rule, empty, 3_600_000))).toBe(60);
});

test('with a burst of one second, 60 a minute act as one a second', () => {
  const rule = ruleOf(60, 1);
  expect(unitsIn(fullLevel(rule, 0))).toBe(1);
  expect(unitsIn(refilled(rule, fullLevel(rule, 0), 60_000))).toBe(1);
});

test('a debt is at most one capacity, and time that goes back changes nothing', () => {
  const rule = ruleOf(100);
  const deep = adjusted(rule, fullLevel(rule, 5_000), -100_000);
  expect(unitsIn(deep)).toBe(-100);
  expect(msUntil(rule, deep, 1)).toBe(60_600);
  expect(refilled(rule, deep, 1)).toEqual(deep);
});

test('what can never fit waits until the bucket is full', () => {
  const rule = ruleOf(10);
  expect(msUntil(rule, fullLevel(rule, 0), 1_000)).toBe(0);
  expect(msUntil(rule, adjusted(rule, fullLevel(rule, 0), -5), 1_000)).toBe(30_000);
});

test('however time is cut up, the same is refilled, in whole numbers', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: PER_MINUTE_MAX }), steps, (perMinute, times) => {
      const rule = ruleOf(perMinute);
      const empty: Level = { scaled: 0, atMs: 0 };
      let [now, level] = [0, empty];
      for (const ms of times) {
        now += ms;
        level = refilled(rule, level, now + 0.5);
        expect(Number.isSafeInteger(level.scaled)).toBe(true);
      }
      expect(level.scaled).toBe(refilled(rule, empty, now).scaled);
    }),
  );
});

test('the wait that is named is enough, and not a millisecond too long', () => {
  const units = fc.integer({ min: 1, max: 1_000 });
  fc.assert(
    fc.property(units, units, units, (perMinute, used, wanted) => {
      const rule = ruleOf(perMinute);
      const level = adjusted(rule, fullLevel(rule, 0), -used);
      const wait = msUntil(rule, level, wanted);
      const fits = Math.min(wanted, rule.capacity);
      expect(unitsIn(refilled(rule, level, wait))).toBeGreaterThanOrEqual(fits);
      if (wait > 0) expect(unitsIn(refilled(rule, level, wait - 1))).toBeLessThan(fits);
    }),
  );
});
