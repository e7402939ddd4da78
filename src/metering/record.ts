import type { ApiKeyId, WorkspaceId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { Usage } from '#kernel/usage';

/** Rules of money.md 5, as told to customers in docs/what-is-charged.md. */
export type ChargeRule =
  | 'S1'
  | 'S2'
  | 'S3'
  | 'S4'
  | 'S6'
  | 'S7'
  | 'S8'
  | 'S9'
  | 'S11'
  | 'S12'
  | 'S14';

/** What is kept about a finished request. Never a prompt, never an answer. */
export interface RequestRecord {
  readonly apiKeyId: ApiKeyId;
  readonly workspaceId: WorkspaceId;
  /** The model that served, or the one asked for where nothing was served. */
  readonly model: string;
  readonly rule: ChargeRule;
  readonly usage: Usage | null;
  readonly priceVersion: string;
  readonly startedAt: Date;
  readonly clientDisconnected: boolean;
  readonly estimated: boolean;
  /** The upstream's numbers could not be believed (S12): nothing charged, a person must look. */
  readonly quarantined: boolean;
  readonly upstreamStatus: number | null;
  /** Price of known usage that the customer is not charged for (S7, S8); else 0. */
  readonly lossUsage: NanoUsd;
}

/** The row as `metering.record` in migration 0006 reads it. */
export const recordRow = (record: RequestRecord): string =>
  JSON.stringify({
    key: record.apiKeyId,
    workspace: record.workspaceId,
    model: record.model,
    rule: record.rule,
    usage: record.usage,
    price_version: record.priceVersion,
    status: record.upstreamStatus,
    disconnected: record.clientDisconnected,
    estimated: record.estimated,
    quarantined: record.quarantined,
    started_at: record.startedAt.toISOString(),
  });
