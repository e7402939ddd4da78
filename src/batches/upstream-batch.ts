import { isObject } from '#kernel/json';
import { isCount } from '#metering/wire';

/** How many items of a batch stand where. */
export interface BatchCounts {
  readonly processing: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly canceled: number;
  readonly expired: number;
}

/** A batch as the upstream describes it. */
export interface UpstreamBatch {
  readonly id: string;
  readonly status: 'in_progress' | 'canceling' | 'ended';
  readonly counts: BatchCounts;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
  readonly cancelInitiatedAt: Date | null;
  readonly archivedAt: Date | null;
}

const STATUSES = ['in_progress', 'canceling', 'ended'] as const;
/** It becomes part of a path. */
const ID_SHAPE = /^[A-Za-z0-9_-]{1,200}$/;
const COUNT_MAX = 2_147_483_647;

/** Undefined if it cannot be what the upstream says of a batch. */
export function readUpstreamBatch(value: unknown): UpstreamBatch | undefined {
  if (!isObject(value) || typeof value.id !== 'string' || !ID_SHAPE.test(value.id))
    return undefined;
  const status = STATUSES.find((known) => known === value.processing_status);
  const counts = countsOf(value.request_counts);
  const createdAt = timeOf(value.created_at);
  const expiresAt = timeOf(value.expires_at);
  if (status === undefined || counts === undefined || !createdAt || !expiresAt) return undefined;
  return {
    ...{ id: value.id, status, counts, createdAt, expiresAt },
    endedAt: timeOf(value.ended_at),
    cancelInitiatedAt: timeOf(value.cancel_initiated_at),
    archivedAt: timeOf(value.archived_at),
  };
}

function countsOf(value: unknown): BatchCounts | undefined {
  if (!isObject(value)) return undefined;
  const { processing, succeeded, errored, canceled, expired } = value;
  if (!isNumber(processing) || !isNumber(succeeded) || !isNumber(errored)) return undefined;
  if (!isNumber(canceled) || !isNumber(expired)) return undefined;
  return { processing, succeeded, errored, canceled, expired };
}

const isNumber = (value: unknown): value is number => isCount(value) && value <= COUNT_MAX;

function timeOf(value: unknown): Date | null {
  const time = typeof value === 'string' ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? null : time;
}

/** `broken`: they did not come, or not to their end. `gone`: the upstream has none any more. */
export type ResultsRead = 'whole' | 'broken' | 'gone';

/** What batches need of the upstream. Nothing here throws: an answer that cannot be read is none. */
export interface BatchUpstream {
  read(upstreamId: string): Promise<UpstreamBatch | undefined>;
  cancel(upstreamId: string): Promise<UpstreamBatch | undefined>;
  /** Hands on the results in parts, each once the one before was taken. */
  results(upstreamId: string, take: (part: Buffer) => Promise<void>): Promise<ResultsRead>;
}
