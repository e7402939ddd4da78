import { describe, expect, test } from 'vitest';
import type { ExtendCommand, HoldCommand } from '#charging/commands';
import { extendOutcome, holdOutcome, settleOutcome, UNANSWERED } from '#charging/outcomes';
import type { PlacedRow, SettledRow } from '#charging/sql';
import { type Id, type IdKind, newId } from '#kernel/ids';
import { nanos } from '#kernel/money';

const id = <K extends IdKind>(kind: K): Id<K> =>
  newId(kind, { bytes: (count) => new Uint8Array(count), nowMs: () => 0 });

const hold: HoldCommand = {
  organizationId: id('organization'),
  requestId: id('request'),
  apiKeyId: id('apiKey'),
  workspaceId: id('workspace'),
  amount: nanos(7n),
};
const extension: ExtendCommand = {
  organizationId: hold.organizationId,
  requestId: hold.requestId,
  toAmount: nanos(9n),
};
const placed = (outcome: string, more: Partial<PlacedRow> = {}): PlacedRow => ({
  ...UNANSWERED,
  available_nanos: 5n,
  price_epoch: 3n,
  business_now: new Date('2026-11-21T00:00:00Z'),
  ...more,
  outcome,
});
/** Which prices were in force, and when it was: they decide whether the bound was right. */
const asOf = { epoch: 3n, now: new Date('2026-11-21T00:00:00Z') };
const settled = (outcome: string, more: Partial<SettledRow> = {}): SettledRow => ({
  outcome,
  charged_nanos: 3n,
  overrun_nanos: 0n,
  late: false,
  available_nanos: 5n,
  ...more,
});

describe('what a hold is told', () => {
  test('that it holds, and what is left', () => {
    expect(holdOutcome(hold, placed('held'))).toEqual({ outcome: 'held', available: 5n, asOf });
    expect(extendOutcome(extension, placed('held'))).toEqual({ outcome: 'held', available: 5n });
  });

  test.each(['insufficient_credit', 'in_debt'] as const)('%s, with both amounts', (outcome) => {
    const told = { outcome, available: 5n, required: 7n, asOf };
    expect(holdOutcome(hold, placed(outcome))).toEqual(told);
    expect(extendOutcome(extension, placed(outcome))).toEqual({
      outcome,
      available: 5n,
      required: 9n,
    });
  });

  test('which limit it reached', () => {
    const liftsAt = new Date('2027-01-01T00:00:00Z');
    const named = { limit_level: 'workspace', limit_subject: 'wrkspc_1' } as const;
    const row = placed('limit_reached', { ...named, limit_lifts_at: liftsAt });
    const told = { outcome: 'limit_reached', level: 'workspace', subjectId: 'wrkspc_1', liftsAt };
    expect(holdOutcome(hold, row)).toEqual({ ...told, asOf });
    expect(extendOutcome(extension, row)).toEqual(told);
  });

  test.each([{ limit_level: 'workspace' as const }, { limit_subject: 'wrkspc_1' }])(
    'a limit without a name is a bug: %j',
    (named) => {
      expect(() => holdOutcome(hold, placed('limit_reached', named))).toThrow(
        'a limit that refuses is named',
      );
    },
  );

  test('that the store did not answer', () => {
    expect(holdOutcome(hold, UNANSWERED)).toEqual({ outcome: 'ledger_unavailable' });
    expect(extendOutcome(extension, UNANSWERED)).toEqual({ outcome: 'ledger_unavailable' });
    expect(UNANSWERED).toEqual({
      outcome: 'ledger_unavailable',
      available_nanos: 0n,
      limit_level: null,
      limit_subject: null,
      limit_lifts_at: null,
      price_epoch: 0n,
      business_now: new Date(0),
    });
  });

  test.each(['key_revoked', 'key_expired', 'organization_suspended', 'already_resolved'])(
    '%s',
    (outcome) => expect(holdOutcome(hold, placed(outcome))).toEqual({ outcome }),
  );

  test.each(['unknown_hold', 'hold_expired', 'already_resolved'])(
    '%s, of an extension',
    (outcome) => expect(extendOutcome(extension, placed(outcome))).toEqual({ outcome }),
  );

  test('an answer to something else is a bug', () => {
    expect(() => holdOutcome(hold, placed('unknown_hold'))).toThrow(
      'charging.place_batch answered unknown_hold to a hold',
    );
    expect(() => extendOutcome(extension, placed('key_revoked'))).toThrow(
      'charging.place_batch answered key_revoked to an extension',
    );
  });
});

describe('what a settlement is told', () => {
  test.each([
    [{}, []],
    [{ late: true }, ['late']],
    [{ overrun_nanos: 1n }, ['overrun']],
    [{ late: true, overrun_nanos: 1n }, ['late', 'overrun']],
  ])('its charge, and its flags: %o', (more, flags) => {
    for (const outcome of ['settled', 'voided']) {
      expect(settleOutcome(settled(outcome, more))).toEqual({
        outcome,
        charged: 3n,
        available: 5n,
        flags,
      });
    }
  });

  test('what was charged before', () => {
    expect(settleOutcome(settled('already_resolved'))).toEqual({
      outcome: 'already_resolved',
      charged: 3n,
      available: 5n,
    });
  });

  test('that there is no such hold', () => {
    expect(settleOutcome(settled('unknown_hold'))).toEqual({ outcome: 'unknown_hold' });
  });

  test('an unknown answer is a bug', () => {
    expect(() => settleOutcome(settled('held'))).toThrow('charging.settle_batch answered held');
  });
});
