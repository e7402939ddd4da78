import type { Pool } from '#db/pool';
import { forgetCreations } from './creation-keys.ts';
import * as sql from './sql.ts';

/** A statement that deletes all items of a batch would take seconds. */
const ITEMS_AT_ONCE = 10_000;
/** So that one turn ends; the next goes on. */
const PARTS_PER_TURN = 50;
const KEYS_PER_TURN = 10_000;

/**
 * Forgets what nobody may ask for any more: the items of batches whose results are no longer kept,
 * and Idempotency-Keys of which the day is over. Receipts, charges and the batches themselves stay.
 * Run late, twice, or by several processes at once it comes to the same: each part is one
 * transaction, which holds its batch alone.
 */
export async function purgeBatches(pool: Pool): Promise<void> {
  await forgetCreations(pool, KEYS_PER_TURN);
  for (let part = 0; part < PARTS_PER_TURN; part++) {
    if (!(await purgePart(pool, ITEMS_AT_ONCE))) return;
  }
}

/** False if there is nothing to purge, or others are at it. */
export async function purgePart(pool: Pool, limit: number): Promise<boolean> {
  return await pool.transaction(async (tx) => {
    const [due] = await tx.query<{ organization_id: string; id: string }>(sql.claimPurge);
    if (due === undefined) return false;
    const gone = await tx.query(sql.purgeItems(due.organization_id, due.id, limit));
    if (gone.length < limit) await tx.query(sql.notePurged(due.organization_id, due.id));
    return true;
  });
}
