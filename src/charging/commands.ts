import type { ApiKeyId, OrganizationId, RequestId, WorkspaceId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { RequestRecord } from '#metering/record';

/** Asks for `amount` to be promised to one request. Idempotent by `requestId`. */
export interface HoldCommand {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly apiKeyId: ApiKeyId;
  readonly workspaceId: WorkspaceId;
  readonly amount: NanoUsd;
}

export type HoldOutcome =
  | { readonly outcome: 'held'; readonly available: NanoUsd }
  | {
      readonly outcome: 'insufficient_credit' | 'in_debt';
      readonly available: NanoUsd;
      readonly required: NanoUsd;
    }
  | {
      readonly outcome:
        | 'key_revoked'
        | 'key_expired'
        | 'organization_suspended'
        | 'already_resolved'
        | 'ledger_unavailable';
    };

/** Ends a hold once: `settle` charges `cost`, `void` charges nothing whatever `cost` says. */
export interface SettleCommand {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly resolution: 'settle' | 'void';
  readonly cost: NanoUsd;
  readonly record: RequestRecord;
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
