import type {
  CreditRefused,
  ExtendCommand,
  ExtendOutcome,
  HoldCommand,
  HoldOutcome,
  LimitReached,
  SettleOutcome,
} from '#charging/commands';
import type * as sql from '#charging/sql';
import { assert, Fault } from '#kernel/assert';
import { type NanoUsd, nanos } from '#kernel/money';

/** Stands for the row of a command that the store did not answer. */
export const UNANSWERED: sql.PlacedRow = {
  outcome: 'ledger_unavailable',
  available_nanos: 0n,
  limit_level: null,
  limit_subject: null,
  limit_lifts_at: null,
  price_epoch: 0n,
  business_now: new Date(0),
};

type Promised =
  | { readonly outcome: 'held'; readonly available: NanoUsd }
  | CreditRefused
  | LimitReached
  | { readonly outcome: 'already_resolved' | 'ledger_unavailable' };

/** The answers that holding and extending share; undefined if the row is none of them. */
function promised(row: sql.PlacedRow, required: NanoUsd): Promised | undefined {
  const available = nanos(row.available_nanos);
  switch (row.outcome) {
    case 'held':
      return { outcome: 'held', available };
    case 'insufficient_credit':
    case 'in_debt':
      return { outcome: row.outcome, available, required };
    case 'limit_reached': {
      const { limit_level: level, limit_subject: subjectId, limit_lifts_at: liftsAt } = row;
      assert(
        level !== null && subjectId !== null && liftsAt !== null,
        'a limit that refuses is named',
      );
      return { outcome: row.outcome, level, subjectId, liftsAt };
    }
    case 'already_resolved':
    case 'ledger_unavailable':
      return { outcome: row.outcome };
    default:
      return undefined;
  }
}

/** A row of `charging.place_batch` for a hold. */
export function holdOutcome(command: HoldCommand, row: sql.PlacedRow): HoldOutcome {
  const shared = promised(row, command.amount);
  switch (shared?.outcome) {
    case 'held':
    case 'insufficient_credit':
    case 'in_debt':
    case 'limit_reached':
      return { ...shared, asOf: { epoch: row.price_epoch, now: row.business_now } };
    case 'already_resolved':
    case 'ledger_unavailable':
      return shared;
    case undefined:
      break;
  }
  switch (row.outcome) {
    case 'key_revoked':
    case 'key_expired':
    case 'organization_suspended':
      return { outcome: row.outcome };
    default:
      throw new Fault(`charging.place_batch answered ${row.outcome} to a hold`);
  }
}

export function extendOutcome(command: ExtendCommand, row: sql.PlacedRow): ExtendOutcome {
  const shared = promised(row, command.toAmount);
  if (shared !== undefined) return shared;
  switch (row.outcome) {
    case 'unknown_hold':
    case 'hold_expired':
      return { outcome: row.outcome };
    default:
      throw new Fault(`charging.place_batch answered ${row.outcome} to an extension`);
  }
}

export function settleOutcome(row: sql.SettledRow): SettleOutcome {
  switch (row.outcome) {
    case 'settled':
    case 'voided': {
      const flags: ('late' | 'overrun')[] = [];
      if (row.late) flags.push('late');
      if (row.overrun_nanos > 0n) flags.push('overrun');
      return {
        outcome: row.outcome,
        charged: nanos(row.charged_nanos),
        available: nanos(row.available_nanos),
        flags,
      };
    }
    case 'already_resolved':
      return {
        outcome: row.outcome,
        charged: nanos(row.charged_nanos),
        available: nanos(row.available_nanos),
      };
    case 'unknown_hold':
      return { outcome: row.outcome };
    default:
      throw new Fault(`charging.settle_batch answered ${row.outcome}`);
  }
}
