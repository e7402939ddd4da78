import type { ApiKeyId, WorkspaceId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { ChargeRule } from './rules.ts';
import { type PricedUsage, packUsage, type Repetition } from './stored-usage.ts';

/** What is kept about a finished request. Never a prompt, never an answer. */
export interface RequestRecord extends PricedUsage, Repetition {
  readonly apiKeyId: ApiKeyId;
  readonly workspaceId: WorkspaceId;
  /** The model that served, or the one asked for where nothing was served. */
  readonly model: string;
  readonly rule: ChargeRule;
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

/** Columns of the records of a batch, as `metering.record` takes them after the request ids. */
export type RecordColumns = readonly [
  apiKeyIds: readonly string[],
  workspaceIds: readonly string[],
  models: readonly string[],
  rules: readonly string[],
  usages: readonly (string | null)[],
  priceVersions: readonly string[],
  statuses: readonly (number | null)[],
  disconnected: readonly boolean[],
  estimated: readonly boolean[],
  quarantined: readonly boolean[],
  startedAt: readonly string[],
];

export const recordColumns = (records: readonly RequestRecord[]): RecordColumns => [
  records.map((r) => r.apiKeyId),
  records.map((r) => r.workspaceId),
  records.map((r) => r.model),
  records.map((r) => r.rule),
  records.map(packUsage),
  records.map((r) => r.priceVersion),
  records.map((r) => r.upstreamStatus),
  records.map((r) => r.clientDisconnected),
  records.map((r) => r.estimated),
  records.map((r) => r.quarantined),
  records.map((r) => r.startedAt.toISOString()),
];
