import { expect, test } from 'vitest';
import type { PaceView } from '#console-api/advice/contract';
import { isYoung, lastsShorter, lengthOf } from './runway-words.ts';

test.each([
  [0, 'none'],
  [1, '1 s'],
  [59, '59 s'],
  [60, '1 min'],
  [7_322, '2 h 2 min'],
  [3_601, '1 h'],
  [86_400 * 2 + 3_600 * 3 + 120, '2 d 3 h'],
])('%i seconds are %s', (seconds, words) => {
  expect(lengthOf(seconds)).toBe(words);
});

const pace = (days: number, until: string | null): PaceView => ({
  ...{ days, from: '2026-11-14T12:00:00Z', spent_usd: '7', per_day_usd: '1' },
  runway: {
    ...{ state: until === null ? 'used_up' : 'lasts', until, ends_by: 'spending', days: 1 },
    expires_unused_usd: '0',
  },
});

test('the short pace is told only if it ends the credit a day sooner', () => {
  const week = pace(7, '2026-12-03T12:00:00Z');
  expect(lastsShorter(pace(3, '2026-11-25T12:00:00Z'), week)).toBe(true);
  expect(lastsShorter(pace(3, '2026-12-03T00:00:00Z'), week)).toBe(false);
  expect(lastsShorter(pace(3, '2026-12-09T00:00:00Z'), week)).toBe(false);
  expect(lastsShorter(pace(3, null), pace(7, null))).toBe(false);
});

test('a pace of fewer days than it is meant to be over says since when', () => {
  expect(isYoung(pace(7, null), '2026-11-21T12:00:00Z')).toBe(false);
  expect(isYoung(pace(7, null), '2026-11-20T12:00:00Z')).toBe(true);
});
