import type { Db, Pool } from '#db/pool';
import { Fault } from '#kernel/assert';
import {
  type ApiKeyId,
  type BatchId,
  ID_PREFIXES,
  type OrganizationId,
  parseId,
  type RequestId,
  type WorkspaceId,
} from '#kernel/ids';
import { bindCreation, type CreationClaim } from './creation-keys.ts';
import * as sql from './sql.ts';
import type { BatchEvent, BatchState } from './states.ts';
import type { BatchCounts, UpstreamBatch } from './upstream-batch.ts';

/** A message batch of one workspace, as kept here. */
export interface Batch {
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly apiKeyId: ApiKeyId;
  readonly id: BatchId;
  readonly state: BatchState;
  /** The upstream it was made at, by its operator's name; null is the first there is. */
  readonly upstream: string | null;
  /** Its name there. */
  readonly upstreamId: string | null;
  readonly items: number;
  readonly priceEpoch: bigint;
  /** Business time by which every item is priced. */
  readonly admittedAt: Date;
  readonly counts: BatchCounts;
  readonly createdAt: Date | null;
  readonly expiresAt: Date | null;
  readonly endedAt: Date | null;
  readonly cancelInitiatedAt: Date | null;
  readonly archivedAt: Date | null;
  /** Its holds must be kept alive now. */
  readonly leaseIsShort: boolean;
  readonly overdue: boolean;
  /** Since when its results are not to be had any more, if so. */
  readonly resultsEndedAt: Date | null;
}

/** One request of a batch, without its content. */
export interface BatchItem {
  /** Its place in the creation, from 0. */
  readonly number: number;
  readonly customId: string;
  readonly model: string;
  readonly outputTokensMax: number;
}

export interface KnownItem extends BatchItem {
  readonly settled: boolean;
  /** The ledger can never take it: its result is given to nobody. */
  readonly withheld: boolean;
}

/** Who made a batch. */
export type BatchOwner = Pick<Batch, 'organizationId' | 'workspaceId' | 'apiKeyId'>;

export interface NewBatch extends BatchOwner {
  readonly id: BatchId;
  readonly upstream: string;
  readonly priceEpoch: bigint;
  readonly admittedAt: Date;
  readonly items: readonly BatchItem[];
  /** The Idempotency-Key that it is made under. */
  readonly claim?: CreationClaim | undefined;
}

const INSERTED_AT_ONCE = 5_000;

/**
 * The request that pays for an item: its hold, its charge and its receipt have this id. It follows
 * from the batch and the place of the item, so that whoever settles it, however often, means one.
 */
export function itemRequestId(batchId: BatchId, number: number): RequestId {
  const id = parseId(
    'request',
    `${ID_PREFIXES.request}${batchId.slice(ID_PREFIXES.batch.length)}_${number}`,
  );
  if (id === undefined) throw new Fault(`odd batch id ${batchId}`);
  return id;
}

/**
 * Writes a batch and its items, all or nothing, before the upstream is asked. False, and nothing is
 * written, if its Idempotency-Key has become another's.
 */
export async function recordBatch(pool: Pool, batch: NewBatch): Promise<boolean> {
  const { organizationId, id, items, claim } = batch;
  return await pool.transaction(async (tx) => {
    // First, so that whoever wants the key waits until it is known what it stands for.
    if (claim !== undefined && !(await bindCreation(tx, claim, id))) return false;
    await tx.query(sql.insertBatch({ ...batch, items: items.length }));
    for (let from = 0; from < items.length; from += INSERTED_AT_ONCE) {
      const part = items.slice(from, from + INSERTED_AT_ONCE);
      await tx.query(
        sql.insertItems(organizationId, id, [
          part.map((item) => item.number),
          part.map((item) => item.customId),
          part.map((item) => item.model),
          part.map((item) => item.outputTokensMax),
        ]),
      );
    }
    return true;
  });
}

type Named = Pick<Batch, 'organizationId' | 'id'>;

/** Undefined if the event cannot happen to it any more. */
export async function moveBatch(
  db: Db,
  { organizationId, id }: Named,
  event: Exclude<BatchEvent, 'accepted'>,
  lookInSeconds = 0,
): Promise<Batch | undefined> {
  const [row] = await db.query<sql.BatchRow>(
    sql.transition(organizationId, id, event, lookInSeconds),
  );
  return row && read(row);
}

/** The upstream has taken it under this name; its holds were kept for `leaseMs` a moment ago. */
export async function acceptBatch(
  db: Db,
  { organizationId, id }: Named,
  upstreamId: string,
  leaseMs: number,
): Promise<Batch | undefined> {
  const [row] = await db.query<sql.BatchRow>(sql.accept(organizationId, id, upstreamId, leaseMs));
  return row && read(row);
}

/** Notes what the upstream says of a batch, and that it has ended if so: to be settled then. */
export async function noteBatch(
  db: Db,
  batch: Batch,
  seen: UpstreamBatch,
  settledInSeconds = 0,
): Promise<Batch> {
  const { organizationId, id, workspaceId } = batch;
  const [row] = await db.query<sql.BatchRow>(sql.observe(organizationId, id, seen));
  // Somebody else saw it end in the meantime: what is kept is newer than what was seen.
  if (row === undefined) return (await findBatch(db, { organizationId, workspaceId }, id)) ?? batch;
  if (seen.status === 'in_progress') return read(row);
  const event = seen.status === 'ended' ? 'ended' : 'cancel_asked';
  return (await moveBatch(db, batch, event, settledInSeconds)) ?? read(row);
}

/** The upstream did not take it, and its holds have gone back. */
export async function closeRefused(pool: Pool, batch: Named): Promise<void> {
  await pool.transaction(async (tx) => {
    const closed = await moveBatch(tx, batch, 'refused');
    if (closed !== undefined) await tx.query(sql.deleteItems(batch.organizationId, batch.id));
  });
}

/** Every hold of a batch that was given up has gone back. */
export async function closeAbandoned(pool: Pool, batch: Named): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.query(sql.expireAll(batch.organizationId, batch.id));
    await moveBatch(tx, batch, 'abandoned');
  });
}

/** Forgets the items of a batch that its customer deleted; receipts stay. */
export async function deleteBatch(pool: Pool, batch: Named): Promise<boolean> {
  return await pool.transaction(async (tx) => {
    const gone = await moveBatch(tx, batch, 'deleted');
    if (gone !== undefined) await tx.query(sql.deleteItems(batch.organizationId, batch.id));
    return gone !== undefined;
  });
}

export async function noteKept(db: Db, batch: Named, leaseMs: number): Promise<void> {
  await db.query(sql.kept(batch.organizationId, batch.id, leaseMs));
}

/** Open batches that are due to be looked at, each to one process only. */
export async function claimDue(db: Db, limit: number): Promise<Batch[]> {
  return (await db.query<sql.BatchRow>(sql.claimDue(limit))).map(read);
}

/** A batch of this workspace that its customers can see. */
export async function findBatch(
  db: Db,
  owner: Pick<BatchOwner, 'organizationId' | 'workspaceId'>,
  id: string,
): Promise<Batch | undefined> {
  const { organizationId, workspaceId } = owner;
  const [row] = await db.query<sql.BatchRow>(sql.batchOf(organizationId, workspaceId, id));
  return row && read(row);
}

/** For operators: of whichever customer, also one that its customer cannot see. */
export async function findAnyBatch(db: Db, id: string): Promise<Batch | undefined> {
  const [row] = await db.query<sql.BatchRow>(sql.anyBatch(id));
  return row && read(row);
}

/** For operators: newest first, of all workspaces and in every state. */
export async function newestBatches(
  db: Db,
  organizationId: OrganizationId,
  limit: number,
): Promise<readonly Batch[]> {
  return (await db.query<sql.BatchRow>(sql.newestBatches(organizationId, limit))).map(read);
}

export interface BatchPage {
  readonly batches: readonly Batch[];
  readonly hasMore: boolean;
}

/** Newest first. */
export async function listBatches(
  db: Db,
  owner: Pick<BatchOwner, 'organizationId' | 'workspaceId'>,
  page: sql.PageAsked,
): Promise<BatchPage> {
  const { organizationId, workspaceId } = owner;
  const rows = await db.query<sql.BatchRow>(sql.pageOf(organizationId, workspaceId, page));
  const hasMore = rows.length > page.limit;
  const from = hasMore && page.beforeId !== null ? 1 : 0;
  return { batches: rows.slice(from, from + page.limit).map(read), hasMore };
}

export async function itemsNamed(
  db: Db,
  batch: Named,
  customIds: readonly string[],
): Promise<Map<string, KnownItem>> {
  const rows = await db.query<sql.ItemRow>(
    sql.itemsNamed(batch.organizationId, batch.id, [...customIds]),
  );
  return new Map(rows.map((row) => [row.custom_id, itemOf(row)]));
}

/** In parts of at most `limit`, in order; settled meanwhile or not. */
export async function* unsettledItems(
  db: Db,
  batch: Named,
  limit: number,
): AsyncGenerator<KnownItem[]> {
  for (let above = -1; ; ) {
    const rows = await db.query<sql.ItemRow>(
      sql.unsettledItems(batch.organizationId, batch.id, above, limit),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    above = last.number;
    yield rows.map(itemOf);
  }
}

/** `withheld`: those of them that the ledger can never take. */
export async function markSettled(
  db: Db,
  batch: Named,
  numbers: readonly number[],
  withheld: Iterable<number> = [],
): Promise<void> {
  if (numbers.length === 0) return;
  await db.query(sql.markSettled(batch.organizationId, batch.id, [...numbers], [...withheld]));
}

const itemOf = (row: sql.ItemRow): KnownItem => ({
  number: row.number,
  customId: row.custom_id,
  model: row.model,
  outputTokensMax: row.output_tokens_max,
  settled: row.settled,
  withheld: row.withheld,
});

function read(row: sql.BatchRow): Batch {
  const { processing, succeeded, errored, canceled, expired } = row;
  return {
    organizationId: stored(parseId('organization', row.organization_id)),
    workspaceId: stored(parseId('workspace', row.workspace_id)),
    apiKeyId: stored(parseId('apiKey', row.api_key_id)),
    id: stored(parseId('batch', row.id)),
    state: row.state,
    upstream: row.upstream,
    upstreamId: row.upstream_id,
    items: row.items,
    priceEpoch: row.price_epoch,
    admittedAt: row.admitted_at,
    counts: { processing, succeeded, errored, canceled, expired },
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
    cancelInitiatedAt: row.cancel_initiated_at,
    archivedAt: row.archived_at,
    leaseIsShort: row.lease_is_short,
    overdue: row.overdue,
    resultsEndedAt: row.results_ended_at,
  };
}

function stored<T>(id: T | undefined): T {
  if (id === undefined) throw new Fault('a stored batch has an odd id');
  return id;
}
