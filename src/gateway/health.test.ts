import { describe, expect, test } from 'vitest';
import {
  admits,
  FRESH,
  HEALTH_STEPS,
  type Health,
  type HealthState,
  heard,
  probing,
  type Sign,
} from '#gateway/health';

const SIGNS: readonly Sign[] = ['well', 'failed', 'key_refused', 'unknown'];

const after = (signs: readonly Sign[], nowMs = 0): Health =>
  signs.reduce((health, sign) => heard(health, sign, false, nowMs), FRESH);
const opened = after(Array<Sign>(5).fill('failed'));

test('five failures in a row open the breaker, four and an answer do not', () => {
  expect(after(['failed', 'failed', 'failed', 'failed']).state).toBe('closed');
  expect(after(['failed', 'failed', 'failed', 'failed', 'well', 'failed']).state).toBe('closed');
  expect(opened.state).toBe('open');
});

test('an upstream that fails every second call is opened too, once twenty are known', () => {
  const half = Array.from({ length: 20 }, (_, at): Sign => (at % 2 === 0 ? 'well' : 'failed'));
  expect(after(half.slice(0, 19)).state).toBe('closed');
  expect(after(half).state).toBe('open');
  const third = Array.from({ length: 60 }, (_, at): Sign => (at % 3 === 0 ? 'failed' : 'well'));
  expect(after(third).state).toBe('closed');
});

test('a refused key opens it at once, for a minute', () => {
  const refused = after(['key_refused']);
  expect(refused.state).toBe('open');
  expect(admits(refused, 59_999)).toBe('no');
  expect(admits(refused, 60_000)).toBe('probe');
});

test('an open one is left alone for ten seconds, then probed by one call', () => {
  expect(admits(FRESH, 0)).toBe('yes');
  expect(admits(opened, 9_999)).toBe('no');
  expect(admits(opened, 10_000)).toBe('probe');
  const probed = probing(opened, 10_000);
  expect(probed.state).toBe('half_open');
  expect(admits(probed, 10_001)).toBe('no');
  // A probe that says nothing must not keep it out for ever.
  expect(admits(probed, 40_000)).toBe('probe');
});

test('a probe that is answered closes it and forgets; one that fails doubles the wait', () => {
  expect(heard(probing(opened, 10_000), 'well', true, 11_000)).toEqual(FRESH);
  let health = opened;
  const waits: number[] = [];
  for (let nowMs = 0; waits.length < 7; ) {
    nowMs = health.waitUntilMs;
    health = heard(probing(health, nowMs), 'failed', true, nowMs);
    waits.push((health.waitUntilMs - nowMs) / 1_000);
  }
  expect(waits).toEqual([20, 40, 80, 160, 300, 300, 300]);
});

test('a probe that was given up lets the next call probe at once', () => {
  const health = heard(probing(opened, 10_000), 'unknown', true, 12_000);
  expect(health.state).toBe('open');
  expect(admits(health, 12_000)).toBe('probe');
});

test('calls that began before it opened have no say in the probe', () => {
  const probed = probing(opened, 10_000);
  for (const sign of SIGNS) expect(heard(probed, sign, false, 10_500)).toBe(probed);
  for (const sign of SIGNS) expect(heard(opened, sign, false, 5_000)).toBe(opened);
});

describe('the table', () => {
  const states: Readonly<Record<HealthState, Health>> = {
    closed: after(['failed', 'failed', 'failed', 'failed']),
    open: opened,
    half_open: probing(opened, 10_000),
  };
  test.each([
    ['closed', 'well', 'closed'],
    ['closed', 'failed', 'open'],
    ['closed', 'key_refused', 'open'],
    ['closed', 'unknown', 'closed'],
    ['open', 'well', 'open'],
    ['open', 'failed', 'open'],
    ['open', 'key_refused', 'open'],
    ['open', 'unknown', 'open'],
    ['half_open', 'well', 'closed'],
    ['half_open', 'failed', 'open'],
    ['half_open', 'key_refused', 'open'],
    ['half_open', 'unknown', 'open'],
  ] as const)('%s, %s: %s', (from, sign, to) => {
    expect(HEALTH_STEPS[from][sign](states[from], 20_000).state).toBe(to);
  });
});
