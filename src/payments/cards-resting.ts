import type { Db } from '#db/pool';
import * as sql from '#payments/cards-sql';
import { type Decline, restHours } from '#payments/declines';

export type RestingCard = sql.RestingCard;

/**
 * Notes that a card must not be sent again for a while, where its refusal says so (S39). Networks
 * count what is sent to a card that said no, and what is sent too often is refused for days. Call it
 * in the transaction that records the refusal.
 */
export async function restAfter(tx: Db, organizationId: string, decline: Decline): Promise<void> {
  const hours = restHours(decline);
  const card = decline.card ?? null;
  if (hours === 0 || card === null || card.fingerprint === null) return;
  await tx.query(sql.restCard(organizationId, { ...card, fingerprint: card.fingerprint }, hours));
}

/** The cards of an organization that rest now, soonest free first. Any other card may be used. */
export const restingCards = (db: Db, organizationId: string): Promise<RestingCard[]> =>
  db.query<RestingCard>(sql.listResting(organizationId));
