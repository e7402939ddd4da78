import { expect, test } from 'vitest';
import { NANOS_PER_USD } from '#kernel/money';
import { type CreditLook, type CreditState, stepCredit } from './credit-state.ts';

const usd = (cents: number): bigint => BigInt(cents) * 10_000_000n;
const look = (state: CreditState, cents: number, more: Partial<CreditLook> = {}): CreditLook => ({
  ...{ state, credit: usd(cents), outAt: 0n, mark: 5n * NANOS_PER_USD },
  ...{ refused: false, moved: true },
  ...more,
});

test('each change is told once, by what it is', () => {
  const told = (of: CreditLook) => [stepCredit(of).state, stepCredit(of).tell];
  expect(told(look('new', 0, { moved: false }))).toEqual(['new', null]);
  expect(told(look('new', 0))).toEqual(['out', 'out_of_credit']);
  expect(told(look('new', 300))).toEqual(['low', null]);
  expect(told(look('new', 900))).toEqual(['fine', null]);
  expect(told(look('fine', 499))).toEqual(['low', 'low_balance']);
  expect(told(look('fine', 500))).toEqual(['fine', null]);
  expect(told(look('low', 549))).toEqual(['low', null]);
  expect(told(look('low', 550))).toEqual(['fine', null]);
  expect(told(look('low', 0))).toEqual(['out', 'out_of_credit']);
  expect(told(look('low', -1))).toEqual(['out', 'out_of_credit']);
  expect(told(look('low', 99, { refused: true }))).toEqual(['out', 'out_of_credit']);
  expect(told(look('low', 100, { refused: true }))).toEqual(['low', null]);
  expect(told(look('out', 99))).toEqual(['out', null]);
  expect(told(look('out', 100))).toEqual(['low', 'credit_recovered']);
  expect(told(look('out', 500))).toEqual(['fine', 'credit_recovered']);
  expect(told(look('out', 150, { outAt: usd(80) }))).toEqual(['out', null]);
  expect(told(look('fine', 1, { mark: null }))).toEqual(['fine', null]);
});

test('the next band never has its own credit outside, so looking ends', () => {
  const states: CreditState[] = ['new', 'fine', 'low', 'out'];
  for (const state of states) {
    for (const mark of [null, 1n, usd(1), usd(500), usd(100_000)]) {
      for (const cents of [-500, -1, 0, 1, 50, 99, 100, 101, 499, 500, 549, 550, 551, 99_999]) {
        for (const refused of [true, false]) {
          const one = look(state, cents, { mark, refused, outAt: usd(50) });
          const { band, state: next, tell } = stepCredit(one);
          const inside =
            (band.below === null || one.credit >= band.below) &&
            (band.from === null || one.credit < band.from);
          expect(inside, `${state} ${cents} ${mark} ${refused}`).toBe(true);
          expect(band.below !== null || band.from !== null).toBe(true);
          // Looked at once more without a change: nothing is told twice.
          const { outAt } = stepCredit(one);
          if (tell !== null) expect(stepCredit({ ...one, state: next, outAt }).tell).toBeNull();
        }
      }
    }
  }
});
