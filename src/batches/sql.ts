import type { Statement } from '#db/pool';
import { type BatchEvent, type BatchState, EVENTS, OPEN_STATES } from './states.ts';
import type { UpstreamBatch } from './upstream-batch.ts';

export interface BatchRow {
  readonly organization_id: string;
  readonly id: string;
  readonly workspace_id: string;
  readonly api_key_id: string;
  readonly state: BatchState;
  readonly upstream: string | null;
  readonly upstream_id: string | null;
  readonly items: number;
  readonly price_epoch: bigint;
  readonly admitted_at: Date;
  readonly processing: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly canceled: number;
  readonly expired: number;
  readonly created_at: Date | null;
  readonly expires_at: Date | null;
  readonly ended_at: Date | null;
  readonly cancel_initiated_at: Date | null;
  readonly archived_at: Date | null;
  /** Its holds lapse before the next look but one. */
  readonly lease_is_short: boolean;
  /** Long after its end nothing was heard of it. */
  readonly overdue: boolean;
  /** When its results stop being there, if that time has come. */
  readonly results_ended_at: Date | null;
}

export interface ItemRow {
  readonly number: number;
  readonly custom_id: string;
  readonly model: string;
  readonly output_tokens_max: number;
  readonly settled: boolean;
  readonly withheld: boolean;
}

export interface NewBatchRow {
  readonly organizationId: string;
  readonly id: string;
  readonly workspaceId: string;
  readonly apiKeyId: string;
  readonly upstream: string;
  readonly items: number;
  readonly priceEpoch: bigint;
  readonly admittedAt: Date;
}

/** Longer than a maker can take that still lives. */
const CREATING_SECONDS = 1_200;
/** How long after its last hour the upstream may stay silent about a batch. */
const OVERDUE = `interval '48 hours'`;

/** From its creation on, by the upstream's clock: as long as the public API keeps them. */
const RESULTS_END = `coalesce(b.created_at, b.made_at) + interval '29 days'`;
/** Whoever began to read results in time has read them by then. */
const PURGED_AFTER = `interval '30 days'`;

const BATCH = `b.*, b.leased_until < bursar.real_now() + interval '12 hours' AS lease_is_short,
  coalesce(b.expires_at, b.made_at + interval '24 hours') + ${OVERDUE} < bursar.real_now() AS overdue,
  CASE WHEN ${RESULTS_END} <= bursar.real_now() THEN ${RESULTS_END} END AS results_ended_at`;

export const insertBatch = (b: NewBatchRow): Statement => ({
  text: `INSERT INTO batches.batches (organization_id, id, workspace_id, api_key_id, state, items,
      processing, price_epoch, admitted_at, leased_until, look_at, upstream)
    VALUES ($1, $2, $3, $4, 'creating', $5, $5, $6, $7, bursar.real_now(),
      bursar.real_now() + make_interval(secs => $8), $9)`,
  values: [
    ...[b.organizationId, b.id, b.workspaceId, b.apiKeyId, b.items, b.priceEpoch, b.admittedAt],
    ...[CREATING_SECONDS, b.upstream],
  ],
});

export const insertItems = (
  organizationId: string,
  batchId: string,
  columns: readonly [
    numbers: number[],
    customIds: string[],
    models: string[],
    outputTokensMax: number[],
  ],
): Statement => ({
  text: `INSERT INTO batches.items (organization_id, batch_id, number, custom_id, model,
      output_tokens_max)
    SELECT $1, $2, * FROM unnest($3::integer[], $4::text[], $5::text[], $6::integer[])`,
  values: [organizationId, batchId, ...columns],
});

/** Takes a batch to where the event leads; no row if it cannot happen any more. */
export const transition = (
  organizationId: string,
  id: string,
  event: BatchEvent,
  lookInSeconds: number,
): Statement => ({
  text: `UPDATE batches.batches AS b
      SET state = $4, look_at = bursar.real_now() + make_interval(secs => $5)
    WHERE organization_id = $1 AND id = $2 AND state = ANY ($3) RETURNING ${BATCH}`,
  values: [organizationId, id, EVENTS[event].from, EVENTS[event].to, lookInSeconds],
});

/** The upstream has taken it; its holds have just been kept for `leaseMs`. */
export const accept = (
  organizationId: string,
  id: string,
  upstreamId: string,
  leaseMs: number,
): Statement => ({
  text: `UPDATE batches.batches AS b
      SET state = $3, upstream_id = $4, look_at = bursar.real_now(),
          leased_until = bursar.real_now() + make_interval(secs => $5 / 1000.0)
    WHERE organization_id = $1 AND id = $2 AND state = ANY ($6) RETURNING ${BATCH}`,
  values: [organizationId, id, EVENTS.accepted.to, upstreamId, leaseMs, EVENTS.accepted.from],
});

/** Notes what the upstream says. It never counts for a batch that is past its end. */
export const observe = (organizationId: string, id: string, seen: UpstreamBatch): Statement => ({
  text: `UPDATE batches.batches AS b
      SET processing = $3, succeeded = $4, errored = $5, canceled = $6, expired = $7,
          created_at = $8, expires_at = $9, ended_at = $10, cancel_initiated_at = $11,
          archived_at = $12
    WHERE organization_id = $1 AND id = $2 AND state IN ('in_progress', 'canceling')
    RETURNING ${BATCH}`,
  values: [
    ...[organizationId, id, seen.counts.processing, seen.counts.succeeded, seen.counts.errored],
    ...[seen.counts.canceled, seen.counts.expired, seen.createdAt, seen.expiresAt, seen.endedAt],
    ...[seen.cancelInitiatedAt, seen.archivedAt],
  ],
});

/** Of nothing that was given up there is a result: all of it has expired. */
export const expireAll = (organizationId: string, id: string): Statement => ({
  text: `UPDATE batches.batches SET processing = 0, succeeded = 0, errored = 0, canceled = 0,
      expired = items, ended_at = coalesce(ended_at, bursar.real_now())
    WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id],
});

export const kept = (organizationId: string, id: string, leaseMs: number): Statement => ({
  text: `UPDATE batches.batches
      SET leased_until = bursar.real_now() + make_interval(secs => $3 / 1000.0)
    WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id, leaseMs],
});

/**
 * Open batches whose time to be looked at has come, each to one process. The next look is the
 * further away the older a batch is; settling takes as long as it takes.
 */
export const claimDue = (limit: number): Statement => ({
  text: `UPDATE batches.batches AS b
      SET look_at = bursar.real_now() + CASE WHEN b.state IN ('ended', 'abandoning')
        THEN interval '1 minute'
        ELSE least(interval '5 minutes',
          greatest(interval '5 seconds', (bursar.real_now() - b.made_at) / 10)) END
     FROM (SELECT organization_id, id FROM batches.batches
            WHERE state = ANY ('{${OPEN_STATES.join()}}') AND look_at <= bursar.real_now()
            ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
    WHERE b.organization_id = due.organization_id AND b.id = due.id RETURNING ${BATCH}`,
  values: [limit],
});

/** One that customers can see: the upstream has taken it, and nobody deleted it. */
const SEEN = `b.upstream_id IS NOT NULL AND b.state <> 'deleted'`;

export const batchOf = (organizationId: string, workspaceId: string, id: string): Statement => ({
  text: `SELECT ${BATCH} FROM batches.batches b
    WHERE organization_id = $1 AND workspace_id = $2 AND id = $3 AND ${SEEN}`,
  values: [organizationId, workspaceId, id],
});

/** For operators: whatever became of it, by its id alone. */
export const anyBatch = (id: string): Statement => ({
  text: `SELECT ${BATCH} FROM batches.batches b WHERE id = $1`,
  values: [id],
});

/** For operators: the newest of an organization, in all its workspaces and in every state. */
export const newestBatches = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${BATCH} FROM batches.batches b
    WHERE organization_id = $1 ORDER BY id DESC LIMIT $2`,
  values: [organizationId, limit],
});

export interface PageAsked {
  readonly limit: number;
  readonly beforeId: string | null;
  readonly afterId: string | null;
}

/** Newest first. `after` means older ones, as in the public API; one more than asked, if there is. */
export const pageOf = (
  organizationId: string,
  workspaceId: string,
  page: PageAsked,
): Statement => ({
  text: `SELECT * FROM (SELECT ${BATCH} FROM batches.batches b
      WHERE organization_id = $1 AND workspace_id = $2 AND ${SEEN}
        AND ($3::text IS NULL OR id < $3) AND ($4::text IS NULL OR id > $4)
      ORDER BY ${page.beforeId === null ? 'id DESC' : 'id'} LIMIT $5) AS found ORDER BY id DESC`,
  values: [organizationId, workspaceId, page.afterId, page.beforeId, page.limit + 1],
});

/** Found one by one: a list of names must never be a reason to read all items of a batch. */
export const itemsNamed = (
  organizationId: string,
  batchId: string,
  customIds: string[],
): Statement => ({
  name: 'batches.items_named',
  text: `SELECT number, custom_id, model, output_tokens_max, settled, withheld
    FROM batches.items_named($1, $2, $3)`,
  values: [organizationId, batchId, customIds],
});

export const unsettledItems = (
  organizationId: string,
  batchId: string,
  above: number,
  limit: number,
): Statement => ({
  text: `SELECT number, custom_id, model, output_tokens_max, settled, withheld FROM batches.items
    WHERE organization_id = $1 AND batch_id = $2 AND number > $3 AND NOT settled
    ORDER BY number LIMIT $4`,
  values: [organizationId, batchId, above, limit],
});

/** `withheld` are those of the numbers that the ledger can never take. No reading takes it back. */
export const markSettled = (
  organizationId: string,
  batchId: string,
  numbers: number[],
  withheld: number[],
): Statement => ({
  name: 'batches.mark_settled',
  text: 'SELECT batches.mark_settled($1, $2, $3, $4)',
  values: [organizationId, batchId, numbers, withheld],
});

export const deleteItems = (organizationId: string, batchId: string): Statement => ({
  text: 'DELETE FROM batches.items WHERE organization_id = $1 AND batch_id = $2',
  values: [organizationId, batchId],
});

/** One batch of which nothing is to be kept any more, locked against whoever else purges. */
export const claimPurge: Statement = {
  text: `SELECT b.organization_id, b.id FROM batches.batches b
    WHERE state IN ('settled', 'abandoned') AND purged_at IS NULL
      AND made_at + ${PURGED_AFTER} <= bursar.real_now()
      AND coalesce(created_at, made_at) + ${PURGED_AFTER} <= bursar.real_now()
    ORDER BY made_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
};

export const purgeItems = (organizationId: string, batchId: string, limit: number): Statement => ({
  // By where they lie: a list of numbers would be looked for one by one, perhaps in all of them.
  text: `DELETE FROM batches.items WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM batches.items WHERE organization_id = $1 AND batch_id = $2 LIMIT $3))
    RETURNING 1`,
  values: [organizationId, batchId, limit],
});

export const notePurged = (organizationId: string, batchId: string): Statement => ({
  text: `UPDATE batches.batches SET purged_at = bursar.real_now()
    WHERE organization_id = $1 AND id = $2 AND purged_at IS NULL`,
  values: [organizationId, batchId],
});
