import type { Db } from '#db/pool';
import {
  isLate,
  LATE_SENTENCE,
  nextState,
  PHASE_OF,
  type PurchaseEvent,
  SENTENCES,
} from '#payments/purchase';
import * as sql from '#payments/sql';

/**
 * Applies one event to a purchase: state, what changed with it, and one timeline row, together.
 * Locks the purchase. Undefined where the table does not list the pair: then nothing is written.
 */
export async function advance(
  tx: Db,
  purchase: Pick<sql.Purchase, 'organizationId' | 'id'>,
  event: PurchaseEvent,
  changes: sql.Changes = {},
  detail?: string,
): Promise<sql.Purchase | undefined> {
  const [locked] = await tx.query<sql.Purchase>(
    sql.lockPurchase(purchase.organizationId, purchase.id),
  );
  const state = locked === undefined ? undefined : nextState(locked.state, event);
  if (locked === undefined || state === undefined) return undefined;
  const polled = PHASE_OF[state] !== 'settled';
  const [updated] = await tx.query<sql.Purchase>(
    sql.updatePurchase(locked, state, changes, polled),
  );
  const late = event === 'payment_succeeded' && isLate(locked.state);
  const sentence = detail ?? (late ? LATE_SENTENCE : SENTENCES[event]);
  await tx.query(sql.insertTimeline(locked, state, sentence));
  return updated;
}
