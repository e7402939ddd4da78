import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entropy } from '#kernel/ids';
import {
  FAILING_SECONDS_MAX,
  JITTER_SHARE,
  RETRY_AFTER_SECONDS_MAX,
  RETRY_DELAYS_SECONDS,
  retryDelay,
  TRIES,
} from './schedule.ts';

const drawn = (...bytes: number[]): Entropy => ({
  bytes: () => Uint8Array.from(bytes),
  nowMs: () => 0,
});

test('a delivery is tried ten times within a little more than three days, ever less often', () => {
  const total = RETRY_DELAYS_SECONDS.reduce<number>((sum, delay) => sum + delay, 0);
  expect(TRIES).toBe(10);
  expect(total).toBe(75 * 3_600 + 35 * 60 + 5);
  expect([...RETRY_DELAYS_SECONDS].sort((a, b) => a - b)).toEqual([...RETRY_DELAYS_SECONDS]);
  // Whoever failed at every one of them has failed long enough to be told.
  expect(total).toBeGreaterThan(FAILING_SECONDS_MAX);
});

test('after the last try there is none', () => {
  expect(retryDelay(TRIES - 1, drawn(0, 0))).toBe(86_400);
  expect(retryDelay(TRIES, drawn(0, 0))).toBeUndefined();
  expect(retryDelay(TRIES + 5, drawn(0, 0))).toBeUndefined();
});

test('it is never sooner than planned or asked for, and at most a tenth later', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const tries = fc.integer({ min: 1, max: TRIES - 1 });
  const asked = fc.integer({ min: -5, max: 10 * RETRY_AFTER_SECONDS_MAX });
  fc.assert(
    fc.property(tries, asked, byte, byte, (failed, retryAfter, high, low) => {
      const delay = retryDelay(failed, drawn(high, low), retryAfter) ?? 0;
      const planned = RETRY_DELAYS_SECONDS[failed - 1] ?? 0;
      const least = Math.max(planned, Math.min(retryAfter, RETRY_AFTER_SECONDS_MAX));
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThan(least * (1 + JITTER_SHARE));
    }),
  );
});
