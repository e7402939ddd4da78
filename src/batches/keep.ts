import { keepHolds } from '#charging/lapse';
import { KEPT_AT_ONCE } from './hold-keeper.ts';
import { AT_ONCE, giveBackCommand } from './holds.ts';
import {
  type Batch,
  claimDue,
  closeAbandoned,
  itemRequestId,
  markSettled,
  moveBatch,
  noteBatch,
  noteKept,
  unsettledItems,
} from './records.ts';
import { type SettleDeps, settleBatch } from './settle.ts';

/**
 * How long the holds of a batch are kept without anybody renewing them. Whoever looks at the batch
 * renews them when half of it has passed, so they outlive the death of every process for half a day
 * and more; if nobody comes back, they lapse like any other (H4).
 */
export const BATCH_LEASE_MS = 86_400_000;
const LOOKED_AT_ONCE = 8;
/** Longer than most batches take to settle. Two at once would only do it twice. */
export const SETTLING_SECONDS = 60;

/** Looks at every batch that is due: keeps its holds, asks how it stands, settles it when it ended. */
export async function keepBatches(deps: SettleDeps): Promise<void> {
  const due = await claimDue(deps.pool, LOOKED_AT_ONCE);
  await Promise.all(
    due.map((batch) =>
      keepBatch(deps, batch).catch((error: unknown) => {
        // The next look tries again; the others must not wait for it.
        deps.alarm(batch, 'could not be looked after', { err: error });
      }),
    ),
  );
}

/** Does what is to be done about one batch now. */
export async function keepBatch(deps: SettleDeps, batch: Batch): Promise<void> {
  if (batch.state === 'abandoning') return await letGo(deps, batch);
  if (batch.state === 'creating') {
    const what = 'its maker is gone; it may run upstream, and nobody is charged for it';
    return await giveUp(deps, batch, what);
  }
  if (batch.leaseIsShort) await renewLease(deps, batch);
  if (deps.upstreamOf(batch) === undefined) {
    const what =
      'its upstream is not in the configuration: put it back; its holds are kept meanwhile';
    deps.alarm(batch, what, { upstream: batch.upstream });
  }
  const seen = await refreshed(deps, batch, SETTLING_SECONDS);
  const settled = seen.state === 'ended' ? await settleBatch(deps, seen) : undefined;
  // Given up only after it was asked for: it may be us who were away for so long.
  if (!batch.overdue || settled === 'settled' || settled === 'ledger_unavailable') return;
  await giveUp(deps, seen, 'nothing is heard of it long after its end; nobody is charged for it');
}

async function giveUp(deps: SettleDeps, batch: Batch, why: string): Promise<void> {
  deps.alarm(batch, why, { upstreamId: batch.upstreamId });
  const given = await moveBatch(deps.pool, batch, 'given_up');
  if (given !== undefined) await letGo(deps, given);
}

/**
 * The batch as the upstream sees it now, or as it was last seen where that does not answer. Whoever
 * goes on to settle one that has just ended asks the others to look `later`.
 */
export async function refreshed(
  deps: Pick<SettleDeps, 'pool' | 'upstreamOf'>,
  batch: Batch,
  laterSeconds = 0,
): Promise<Batch> {
  const running = batch.state === 'in_progress' || batch.state === 'canceling';
  if (!running || batch.upstreamId === null) return batch;
  const seen = await deps.upstreamOf(batch)?.read(batch.upstreamId);
  return seen === undefined ? batch : await noteBatch(deps.pool, batch, seen, laterSeconds);
}

async function renewLease(deps: SettleDeps, batch: Batch): Promise<void> {
  for await (const items of unsettledItems(deps.pool, batch, KEPT_AT_ONCE)) {
    const ids = items.map(({ number }) => itemRequestId(batch.id, number));
    await keepHolds(deps.pool, batch.organizationId, ids, BATCH_LEASE_MS);
  }
  await noteKept(deps.pool, batch, BATCH_LEASE_MS);
}

/** Gives every hold back that is left. Only then it is over, so a crash in between loses nothing. */
async function letGo(deps: SettleDeps, batch: Batch): Promise<void> {
  const { book } = await deps.pricesOf(batch);
  const given = {
    owner: batch,
    batchId: batch.id,
    priceVersion: book.version,
    startedAt: batch.admittedAt,
    rule: 'S8',
  } as const;
  for await (const items of unsettledItems(deps.pool, batch, AT_ONCE)) {
    const answers = await Promise.all(
      items.map((item) => deps.charging.settle(giveBackCommand(given, item))),
    );
    if (answers.some(({ outcome }) => outcome === 'ledger_unavailable')) return;
    await markSettled(
      deps.pool,
      batch,
      items.map(({ number }) => number),
    );
  }
  await closeAbandoned(deps.pool, batch);
}
