import type { ApiKeyId, OrganizationId, RequestId, WorkspaceId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { RequestRecord } from '#metering/record';
import type { LimitLevel } from '#orgs/spend-limits';

/** Asks for `amount` to be promised to one request. Idempotent by `requestId`. */
export interface HoldCommand {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly apiKeyId: ApiKeyId;
  readonly workspaceId: WorkspaceId;
  readonly amount: NanoUsd;
}

/** Asks for an open hold to be raised to `toAmount` in all. Idempotent: asking twice is asking once. */
export interface ExtendCommand {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly toAmount: NanoUsd;
}

/** Not enough for what was asked. `required` is the whole amount the hold would have had. */
export interface CreditRefused {
  readonly outcome: 'insufficient_credit' | 'in_debt';
  readonly available: NanoUsd;
  readonly required: NanoUsd;
}

/** The tightest of the limits that would have been passed (money rule 7). */
export interface LimitReached {
  readonly outcome: 'limit_reached';
  readonly level: LimitLevel;
  /** The organization, workspace or key that is limited. */
  readonly subjectId: string;
  /** When the month that is counted ends, by business time. */
  readonly liftsAt: Date;
}

/** What was true when a hold was taken or refused, by the statement that did. */
export interface AsOf {
  /** Of the prices in force (`catalog`). */
  readonly epoch: bigint;
  /** Business time. */
  readonly now: Date;
}

export type HoldOutcome =
  | (({ readonly outcome: 'held'; readonly available: NanoUsd } | CreditRefused | LimitReached) & {
      readonly asOf: AsOf;
    })
  | {
      readonly outcome:
        | 'key_revoked'
        | 'key_expired'
        | 'organization_suspended'
        | 'already_resolved'
        | 'ledger_unavailable';
    };

export type ExtendOutcome =
  | { readonly outcome: 'held'; readonly available: NanoUsd }
  | CreditRefused
  | LimitReached
  /** hold_expired: its lease has passed (H4); what was promised may be promised to others by now. */
  | {
      readonly outcome: 'already_resolved' | 'hold_expired' | 'unknown_hold' | 'ledger_unavailable';
    };

/** Ends a hold once: `settle` charges `cost`, `void` charges nothing whatever `cost` says. */
export interface SettleCommand {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly resolution: 'settle' | 'void';
  readonly cost: NanoUsd;
  readonly record: RequestRecord;
  /** When the answer was delivered, if it is booked later (from the journal); now if absent. */
  readonly happenedAt?: Date;
}

export type SettleOutcome =
  | {
      readonly outcome: 'settled' | 'voided';
      readonly charged: NanoUsd;
      readonly available: NanoUsd;
      /** late: the lease had passed (H4). overrun: cost above what could be charged (S13). */
      readonly flags: readonly ('late' | 'overrun')[];
    }
  /** Resolved before, perhaps by this very command whose answer was lost: what it charged. */
  | { readonly outcome: 'already_resolved'; readonly charged: NanoUsd; readonly available: NanoUsd }
  /** rejected: the database can never take this command. Its hold is left to lapse. */
  | { readonly outcome: 'unknown_hold' | 'rejected' | 'ledger_unavailable' };
