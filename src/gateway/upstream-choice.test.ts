import { expect, test } from 'vitest';
import { FRESH, type Health, probing } from '#gateway/health';
import { type Candidate, choose, serves, type UpstreamSpec } from '#gateway/upstream-choice';
import { AT_BOOK_COST } from '#gateway/upstream-fleet';
import type { Entropy } from '#kernel/ids';

const spec = (name: string, weight: number, models?: readonly string[]): UpstreamSpec => ({
  ...{ name, weight, models, url: 'http://127.0.0.1', key: 'k', costShare: AT_BOOK_COST },
});
const candidate = (name: string, weight: number, health: Health = FRESH): Candidate => ({
  spec: spec(name, weight),
  health,
});
const OPEN: Health = { ...FRESH, state: 'open', waitUntilMs: 10_000 };

/** Numbers spread evenly over what four bytes hold: the same draws in every run. */
function evenly(draws: number): Entropy {
  let drawn = 0;
  return {
    bytes(count) {
      const bytes = Buffer.alloc(count);
      bytes.writeUInt32BE(Math.floor(((drawn + 0.5) / draws) * 2 ** 32));
      drawn += 1;
      return bytes;
    },
    nowMs: () => 0,
  };
}

function tally(candidates: readonly Candidate[], first = true, nowMs = 0): Record<string, number> {
  const entropy = evenly(1_000);
  const counts: Record<string, number> = {};
  for (let call = 0; call < 1_000; call++) {
    const name = choose(candidates, first, nowMs, entropy)?.chosen.spec.name ?? 'nobody';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test('healthy upstreams share the calls by their weights', () => {
  const three = [candidate('a', 7), candidate('b', 2), candidate('c', 1)];
  expect(tally(three)).toEqual({ a: 700, b: 200, c: 100 });
});

test('one that is open gets no call while another is healthy', () => {
  const three = [candidate('a', 7, OPEN), candidate('b', 2), candidate('c', 2)];
  expect(tally(three)).toEqual({ b: 500, c: 500 });
});

test('when its time has passed, the next call is its probe', () => {
  const two = [candidate('a', 1), candidate('b', 1, OPEN)];
  expect(choose(two, true, 9_999, evenly(1))).toMatchObject({ probe: false });
  expect(choose(two, true, 10_000, evenly(1))).toMatchObject({ chosen: two[1], probe: true });
  const probed = [candidate('a', 1), candidate('b', 1, probing(OPEN, 10_000))];
  expect(tally(probed, true, 10_001)).toEqual({ a: 1_000 });
});

test('a standby of weight 0 is asked where no other can be', () => {
  expect(tally([candidate('spare', 0), candidate('a', 1)])).toEqual({ a: 1_000 });
  expect(tally([candidate('spare', 0), candidate('a', 1, OPEN)])).toEqual({ spare: 1_000 });
});

test('where all are ailing a first attempt is still made, a further one is not', () => {
  const two = [candidate('a', 3, OPEN), candidate('b', 1, OPEN)];
  expect(tally(two)).toEqual({ a: 750, b: 250 });
  expect(tally(two, false)).toEqual({ nobody: 1_000 });
  expect(tally([candidate('spare', 0, OPEN)])).toEqual({ spare: 1_000 });
  expect(choose([], true, 0, evenly(1))).toBeUndefined();
});

test.each([
  [undefined, 'claude-opus-5', true],
  [['claude-opus-5'], 'claude-opus-5', true],
  [['claude-opus-5'], 'claude-opus-5-5', false],
  [['claude-haiku-*', 'claude-opus-*'], 'claude-opus-5-5', true],
  [['claude-haiku-*'], 'claude-opus-5', false],
  [['*'], 'anything', true],
  [[], 'claude-opus-5', false],
])('an upstream for %j asked for %s: %s', (models, model, expected) => {
  expect(serves(spec('a', 1, models), model)).toBe(expected);
});
