import { describe, expect, test } from 'vitest';
import type { Booking } from '#gateway/settlement';
import { nanos } from '#kernel/money';
import type { ChargeRule } from '#metering/rules';
import { type Cut, type CutFacts, cutDetails, cutOf } from './stream-cut.ts';

type Refusal = CutFacts['refusal'];

describe('what ended a stream of which no more is held for', () => {
  const customers: readonly Refusal[] = ['insufficient_credit', 'in_debt', 'limit_reached'];
  const ours: readonly Refusal[] = ['ledger_unavailable'];
  const lapsed: readonly Refusal[] = ['hold_expired', 'already_resolved', 'unknown_hold'];
  const rows: readonly [string, ChargeRule, boolean, readonly Refusal[], Cut][] = [
    ['it runs, and the credit is used up', 'S8', false, customers, 'charged'],
    ['it runs, and its hold is gone', 'S8', false, lapsed, 'charged'],
    ['it runs, and the ledger is away', 'S8', false, ours, 'free'],
    ['S8: it has broken off', 'S8', true, [...customers, ...lapsed, ...ours], 'failed'],
    ['S7: it has failed', 'S7', false, [...customers, ...lapsed, ...ours], 'failed'],
    ['S7: it has failed, and ended', 'S7', true, [...customers, ...lapsed, ...ours], 'failed'],
    ['it is complete', 'S2', true, customers, 'charged'],
    ['S9: it is complete but for its end', 'S9', true, customers, 'charged'],
    ['S12: it is complete, and nobody can believe it', 'S12', true, customers, 'charged'],
    ['it is complete, and the ledger is away', 'S2', true, ours, 'free'],
  ];
  test.each(rows)('%s', (_what, rule, ended, refusals, cut) => {
    for (const refusal of refusals)
      expect([refusal, cutOf({ rule, ended, refusal })]).toEqual([refusal, cut]);
  });
});

describe('the amounts that a stream ends with', () => {
  const details = { available_usd: '0', required_usd: '0.5', billing_url: 'http://b/' };
  const rest = { required_usd: '0.5', billing_url: 'http://b/' };
  const rows: readonly [string, Booking, object][] = [
    [
      'are those after it was settled',
      { outcome: 'booked', charged: nanos(100_000_000n), available: nanos(300_000_000n) },
      { available_usd: '0.3', charged_usd: '0.1', ...rest },
    ],
    ['are not known while that is journaled', { outcome: 'journaled' }, rest],
    ['nor if it could not be booked', { outcome: 'unbooked', why: 'ledger_unavailable' }, rest],
  ];
  test.each(rows)('%s', (_what, booking, told) => {
    expect(cutDetails(details, booking)).toEqual(told);
  });

  test('a limit that refuses says nothing of amounts', () => {
    const limit = { level: 'workspace', subject_id: 'wrkspc_1' };
    const booked = { outcome: 'booked', charged: nanos(1n), available: nanos(2n) } as const;
    expect(cutDetails(limit, booked)).toEqual(limit);
    expect(cutDetails(undefined, booked)).toBeUndefined();
  });
});
