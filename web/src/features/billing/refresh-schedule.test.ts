import { describe, expect, it } from 'vitest';
import { REFRESH_AT_SECONDS, waitBefore } from './refresh-schedule.ts';

describe('asking after a payment', () => {
  it('the first question is asked at once and the last after thirty seconds', () => {
    expect(waitBefore(0, 0)).toBe(0);
    expect(waitBefore(9, 20_000)).toBe(10_000);
    expect(waitBefore(REFRESH_AT_SECONDS.length, 30_000)).toBeUndefined();
  });

  it('a slow answer does not push later questions back', () => {
    expect(waitBefore(3, 1_600)).toBe(400);
    expect(waitBefore(3, 9_000)).toBe(0);
  });
});
