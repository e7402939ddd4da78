import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { ZERO } from '#kernel/money';
import { freezeGrant, releaseFreeze } from '#ledger/disputes';
import * as sql from '#payments/disputes-sql';

type Freezer = Pick<sql.DisputeRow, 'organizationId' | 'id' | 'grantId' | 'freezes'>;

/**
 * Freezes what is unspent of the disputed grant. The ledger lets one dispute at a time freeze a
 * grant: of several on one payment the others wait, and there is nothing left to freeze anyway.
 */
export async function freezeFor(tx: Db, dispute: Freezer): Promise<void> {
  const { organizationId, id, grantId, freezes } = dispute;
  if (grantId === null) return;
  // A freeze is ended once; a dispute that freezes again does so under another name.
  const reference = freezes === 0 ? id : `${id}:${freezes + 1}`;
  const told = await freezeGrant(tx, { organizationId, reference, grantId });
  if (told.outcome === 'frozen' || told.outcome === 'already_frozen') {
    await tx.query(sql.holdsFreeze(dispute, reference, told.amount));
  }
}

/** Gives back exactly what a dispute froze; the next one in line freezes it at once. */
export async function releaseFor(tx: Db, dispute: sql.DisputeRow): Promise<void> {
  await letGo(tx, dispute);
  await freezeForNext(tx, dispute.organizationId, dispute.grantId);
}

async function letGo(tx: Db, dispute: sql.DisputeRow): Promise<void> {
  const { organizationId, freezeReference } = dispute;
  if (freezeReference === null) return;
  await releaseFreeze(tx, { organizationId, reference: freezeReference });
  await tx.query(sql.holdsNoFreeze(dispute));
}

/** A freeze that was taken in full or in part is over; the next dispute in line freezes the rest. */
export async function keepNoFreeze(tx: Db, dispute: sql.DisputeRow): Promise<void> {
  await tx.query(sql.holdsNoFreeze(dispute));
  await freezeForNext(tx, dispute.organizationId, dispute.grantId);
}

async function freezeForNext(
  tx: Db,
  organizationId: OrganizationId,
  grantId: GrantId | null,
): Promise<void> {
  if (grantId === null) return;
  const [next] = await tx.query<sql.DisputeRow>(sql.waitingForFreeze(organizationId, grantId));
  if (next !== undefined) await freezeFor(tx, next);
}

/**
 * Runs `work` on a grant that no dispute has frozen, and freezes it again afterwards for whichever
 * dispute is open then: the processor may tell of a refund, or of another dispute's end, while one
 * is. All in one transaction, so nobody can spend what is free in between.
 */
export async function withoutFreeze<T>(
  tx: Db,
  organizationId: OrganizationId,
  grantId: GrantId,
  work: () => Promise<T>,
): Promise<T> {
  const [holder] = await tx.query<sql.DisputeRow>(sql.freezerOf(organizationId, grantId));
  if (holder !== undefined) await letGo(tx, holder);
  const done = await work();
  await freezeForNext(tx, organizationId, grantId);
  return done;
}

export const NOTHING_TAKEN: sql.Taken = { taken: ZERO, tax: ZERO, owed: ZERO, beyond: ZERO };
