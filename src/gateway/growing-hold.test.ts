import { expect, test } from 'vitest';
import type { ExtendOutcome } from '#charging/commands';
import { manualClock } from '#kernel/clock';
import { nanos } from '#kernel/money';
import type { Slices } from '#pricing/slice';
import { growingHold } from './growing-hold.ts';
import { LEAST_TOKENS, SLICE_TOKENS } from './hold-rungs.ts';

/** A token costs a nano-USD, so that amounts are tokens. */
const slices: Slices = {
  fixed: nanos(0n),
  perToken: { numerator: 1n, denominator: 1n },
  hiddenTokens: 0,
  full: nanos(100_000n),
};
const slice = BigInt(SLICE_TOKENS);

function world(room: bigint, answers: ExtendOutcome[] = []) {
  const asked: bigint[] = [];
  let held = slice;
  const clock = manualClock(new Date('2026-11-21T12:00:00Z'));
  const hold = growingHold({
    ...{ slices, amount: nanos(held), clock, patienceMs: 1_000, onFailure: () => {} },
    async extend(toAmount) {
      asked.push(toAmount);
      const answer = answers.shift();
      if (answer !== undefined) return answer;
      const available = nanos(room - held);
      if (toAmount > room) {
        return { outcome: 'insufficient_credit', available, required: toAmount };
      }
      held = toAmount;
      return { outcome: 'held', available: nanos(room - toAmount) };
    },
  });
  const pay = (more: bigint): void => {
    room += more;
  };
  return { hold, asked, clock, pay };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('the next slice is asked for when half of this one is left, once', async () => {
  const { hold, asked } = world(100_000n);
  hold.lookAhead(SLICE_TOKENS / 2 - 1);
  expect(asked).toEqual([]);
  hold.lookAhead(SLICE_TOKENS / 2);
  hold.lookAhead(SLICE_TOKENS / 2 + 1);
  await settled();
  expect(asked).toEqual([slice + slice / 2n]);
  expect(hold.amount).toBe(slice + slice / 2n);
});

test('nothing is asked for beyond the whole bound', async () => {
  const { hold, asked } = world(200_000n);
  expect(await hold.raise(slices.full, 99_000)).toBeUndefined();
  hold.lookAhead(99_999);
  await settled();
  expect(asked).toEqual([100_000n]);
});

test('where a slice is refused, all there is will do, and then no more is asked ahead', async () => {
  const room = slice + 2_000n;
  const { hold, asked } = world(room);
  hold.lookAhead(SLICE_TOKENS - LEAST_TOKENS);
  await settled();
  expect(asked).toEqual([2n * slice - BigInt(LEAST_TOKENS), room]);
  expect(hold.amount).toBe(room);
  hold.lookAhead(SLICE_TOKENS);
  await settled();
  expect(asked).toHaveLength(2);
});

test('a stream that has used up what is held asks again, and goes on if credit was bought', async () => {
  const { hold, pay } = world(slice);
  expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toMatchObject({
    outcome: 'insufficient_credit',
  });
  pay(50_000n);
  expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toBeUndefined();
  expect(hold.amount).toBe(2n * slice + 10n);
});

test('under a limit, which does not say how much is left, the least is tried too', async () => {
  const liftsAt = new Date('2026-12-01T00:00:00Z');
  const limit = { outcome: 'limit_reached', level: 'workspace', subjectId: 'w', liftsAt } as const;
  const { hold, asked } = world(100_000n, [limit]);
  expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toBeUndefined();
  expect(asked).toEqual([2n * slice + 10n, slice + 10n]);
});

test('what is asked for already is waited for, not asked for again', async () => {
  const { hold, asked } = world(100_000n);
  hold.lookAhead(SLICE_TOKENS);
  expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toBeUndefined();
  expect(asked).toHaveLength(1);
});

test('a store that is back in time is no reason to end a stream; one that is not, is', async () => {
  const away = { outcome: 'ledger_unavailable' } as const;
  const back = world(100_000n, [away, away]);
  expect(await back.hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toBeUndefined();
  const refusing = growingHold({
    ...{ slices, amount: nanos(slice), clock: back.clock, patienceMs: 50, onFailure: () => {} },
    extend: () => new Promise(() => {}),
  });
  expect(await refusing.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toEqual(away);
});

test.each(['in_debt', 'hold_expired', 'already_resolved', 'unknown_hold'] as const)(
  '%s is the end of it',
  async (outcome) => {
    const amounts = { available: nanos(0n), required: nanos(1n) };
    const refusal = outcome === 'in_debt' ? { outcome, ...amounts } : { outcome };
    const { hold, asked } = world(100_000n, [refusal]);
    expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toEqual(refusal);
    expect([asked.length, hold.amount]).toEqual([1, slice]);
  },
);

test('a broken lane is an answer', async () => {
  const failures: unknown[] = [];
  const clock = manualClock(new Date('2026-11-21T12:00:00Z'));
  const hold = growingHold({
    ...{ slices, amount: nanos(slice), clock, patienceMs: 50 },
    onFailure: (error) => failures.push(error),
    extend: () => Promise.reject(new Error('broken')),
  });
  expect(await hold.raise(nanos(slice + 10n), SLICE_TOKENS + 10)).toEqual({
    outcome: 'ledger_unavailable',
  });
  expect(failures).toHaveLength(1);
});
