import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';
import { ANOMALY_MOVES, ANOMALY_STATES } from './states.ts';
import {
  allowedIn,
  FLOOR,
  findUnusual,
  isWorse,
  leastFloor,
  type Speed,
  type Spender,
  STILL,
  together,
  WINDOW_NAMES,
  WINDOWS,
  without,
} from './unusual.ts';

const usd = (text: string) => parseUsd(text) ?? ZERO;
const speed = (five: string, hour = five): Speed => ({ five_minutes: usd(five), hour: usd(hour) });

const NOBODY: Spender = {
  usual: STILL,
  ofOrganization: STILL,
  young: false,
  answeredLately: false,
  monthly: null,
};
const spender = (known: Partial<Spender>): Spender => ({ ...NOBODY, ...known });

const anyAmount = fc.bigInt({ min: 0n, max: 10n ** 15n }).map(nanos);
const anySpeed = fc
  .tuple(anyAmount, anyAmount)
  .map(([five, more]): Speed => ({ five_minutes: five, hour: nanos(five + more) }));
const anySpender: fc.Arbitrary<Spender> = fc.record({
  usual: anySpeed,
  ofOrganization: fc.option(anySpeed),
  young: fc.boolean(),
  answeredLately: fc.boolean(),
  monthly: fc.option(anyAmount),
});
const scaled = (of: Speed, by: bigint): Speed => ({
  five_minutes: nanos(of.five_minutes * by),
  hour: nanos(of.hour * by),
});
const RUNS = { numRuns: 2_000 };

describe('what is unusual', () => {
  test.each([
    ['nobody knows it, five dollars', speed('5'), {}, undefined],
    ['nobody knows it, more', speed('5.01'), {}, ['five_minutes', '5.01', '0', '5']],
    ['an hour of it', speed('5', '20.01'), {}, ['hour', '20.01', '0', '20']],
    ['three times as ever', speed('9'), { usual: speed('3') }, undefined],
    ['more', speed('9.01'), { usual: speed('3') }, ['five_minutes', '9.01', '3', '9']],
    ['a big key, more', speed('60', '90'), { usual: speed('30', '31') }, undefined],
    ['$25 a month', speed('2.51'), { monthly: usd('25') }, ['five_minutes', '2.51', '0', '2.5']],
    [
      '$25 a month, an hour',
      speed('1', '6.26'),
      { monthly: usd('25') },
      ['hour', '6.26', '0', '6.25'],
    ],
    ['$1 a month', speed('1'), { monthly: usd('1') }, undefined],
    ['nothing a month', speed('1.01'), { monthly: ZERO }, ['five_minutes', '1.01', '0', '1']],
    ['$1000 a month', speed('5'), { monthly: usd('1000') }, undefined],
    ['a new key', speed('30'), { young: true, ofOrganization: speed('10') }, undefined],
    ['an old key', speed('30'), { ofOrganization: speed('10') }, ['five_minutes', '30', '0', '5']],
    ['one key of a big customer', speed('50'), { ofOrganization: speed('500') }, undefined],
    ['ten times, resumed', speed('60'), { usual: speed('6'), answeredLately: true }, undefined],
    [
      'more, resumed',
      speed('60.01'),
      { usual: speed('6'), answeredLately: true },
      ['five_minutes', '60.01', '6', '60'],
    ],
  ] as const)('%s', (_, spent, known, expected) => {
    const found = findUnusual(spent, spender(known));
    if (expected === undefined) return expect(found).toBeUndefined();
    const [window, ...amounts] = expected;
    const [was, usual, allowed] = amounts.map(usd);
    return expect(found).toEqual({ window, spent: was, usual, allowed });
  });

  test('the operator moves the floors together', () => {
    expect(findUnusual(speed('49', '199'), NOBODY, usd('50'))).toBeUndefined();
    expect(findUnusual(speed('51'), NOBODY, usd('50'))?.window).toBe('five_minutes');
    expect(findUnusual(speed('49', '201'), NOBODY, usd('50'))?.window).toBe('hour');
  });
});

describe('of any speed and any history', () => {
  test('nothing below the least floor is unusual, so nobody is asked who is below it', () => {
    fc.assert(
      fc.property(anySpender, (one) => {
        for (const window of WINDOW_NAMES) {
          expect(allowedIn(window, one) >= leastFloor(FLOOR, window)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  test('nobody is disturbed for what they have done before', () => {
    fc.assert(
      fc.property(anySpender, (one) => {
        expect(findUnusual(one.usual, one)).toBeUndefined();
        expect(findUnusual(scaled(one.usual, 3n), one)).toBeUndefined();
      }),
      RUNS,
    );
  });

  test('spending more is never less unusual', () => {
    fc.assert(
      fc.property(anySpender, anySpeed, anySpeed, (one, some, more) => {
        if (findUnusual(some, one) === undefined) return;
        expect(findUnusual(together(some, more), one)).toBeDefined();
      }),
      RUNS,
    );
  });

  test('what is found is beyond what is allowed, and what is allowed covers what is usual', () => {
    fc.assert(
      fc.property(anySpender, anySpeed, (one, spent) => {
        const found = findUnusual(spent, one);
        if (found === undefined) return;
        expect(found.spent > found.allowed && found.allowed >= found.usual * 3n).toBe(true);
        expect(found.spent).toBe(spent[found.window]);
      }),
      RUNS,
    );
  });

  test('who is not new and has no big organization is found at the whole floor or sooner', () => {
    fc.assert(
      fc.property(anySpeed, fc.option(anyAmount), (spent, monthly) => {
        const beyond = WINDOW_NAMES.some((name) => spent[name] > FLOOR * WINDOWS[name].floors);
        if (beyond) expect(findUnusual(spent, spender({ monthly }))).toBeDefined();
      }),
      RUNS,
    );
  });

  test('a smaller limit never allows more', () => {
    fc.assert(
      fc.property(anySpender, anyAmount, anyAmount, (one, limit, more) => {
        for (const window of WINDOW_NAMES) {
          const small = allowedIn(window, { ...one, monthly: limit });
          const large: NanoUsd = allowedIn(window, { ...one, monthly: nanos(limit + more) });
          expect(small <= large).toBe(true);
        }
      }),
      RUNS,
    );
  });
});

test('speeds are added and taken apart exactly', () => {
  fc.assert(
    fc.property(anySpeed, anySpeed, (one, other) => {
      expect(without(together(one, other), other)).toEqual(one);
    }),
    RUNS,
  );
});

test('three times as bad is not worse, more is', () => {
  expect([isWorse(usd('30'), usd('10')), isWorse(usd('30.01'), usd('10'))]).toEqual([false, true]);
});

test('what a person has answered is over: only what passed opens again', () => {
  const leaving = ANOMALY_STATES.map((state) => [
    state,
    Object.values(ANOMALY_MOVES)
      .filter(({ from }) => from === state)
      .map(({ to }) => to),
  ]);
  expect(Object.fromEntries(leaving)).toEqual({
    open: ['acknowledged', 'resumed', 'passed'],
    ...{ acknowledged: [], resumed: [], passed: ['open'] },
  });
});
