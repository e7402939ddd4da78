import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { LOW_TASK } from '#ledger/low';
import { readOrganization } from '#orgs/organizations';
import type { Dispute } from '#payments/disputes';
import { findDispute } from '#payments/disputes-sql';
import { liftPause, openPauses, type PauseCause } from '#payments/reload-pauses-sql';
import { ownerOfWarning } from '#payments/warnings-sql';

export interface ReloadPause {
  readonly cause: PauseCause | 'suspended';
  /** The dispute or the warning; of a suspension the organization. */
  readonly subject: string;
}

/**
 * Why no automatic purchase of this organization may be made now; empty if one may. A pause for a
 * dispute ends with it unless it was lost, and then by `resumeAfterLoss`; one for a warning ends
 * by `resumeAfterWarning` alone: a refund gives the money back, not the trust in the card. Whoever is
 * suspended can use nothing that would be bought.
 */
export async function reloadPauses(db: Db, organizationId: string): Promise<ReloadPause[]> {
  const open = await db.query<ReloadPause>(openPauses(organizationId));
  const organization = await readOrganization(db, organizationId);
  if (organization?.status !== 'suspended') return open;
  return [...open, { cause: 'suspended', subject: organizationId }];
}

/**
 * Ends a pause; false if there was none. Credit that ran low meanwhile was told of in vain, so the question is asked again; by
 * a job, because the settings are locked before the purchase and the book that the caller has.
 */
export async function endPause(
  tx: Db,
  organizationId: string,
  cause: PauseCause,
  subject: string,
): Promise<boolean> {
  const lifted = await tx.query(liftPause(organizationId, cause, subject));
  if (lifted.length === 0) return false;
  // Without the key of the ledger's own job: a settlement that tells of low credit would wait for it
  // with the book locked, which the caller is about to lock.
  await enqueue(tx, LOW_TASK, { organization_id: organizationId });
  return true;
}

export type Resumed =
  | { readonly outcome: 'resumed'; readonly organizationId: OrganizationId }
  | { readonly outcome: 'unknown_dispute' | 'not_lost' | 'not_paused' };

export type ResumedAfterWarning =
  | { readonly outcome: 'resumed'; readonly organizationId: OrganizationId }
  | { readonly outcome: 'unknown_warning' | 'not_paused' };

/** What an operator decides about a customer whose payment a bank reported: it may go on. */
export async function resumeAfterWarning(tx: Db, warningId: string): Promise<ResumedAfterWarning> {
  const [owner] = await tx.query<{ organizationId: OrganizationId }>(ownerOfWarning(warningId));
  if (owner === undefined) return { outcome: 'unknown_warning' };
  const { organizationId } = owner;
  const ended = await endPause(tx, organizationId, 'fraud_warning', warningId);
  return ended ? { outcome: 'resumed', organizationId } : { outcome: 'not_paused' };
}

/** What an operator decides after a loss: automatic purchases may go on. Debt is not touched. */
export async function resumeAfterLoss(tx: Db, disputeId: string): Promise<Resumed> {
  const [dispute] = await tx.query<Dispute>(findDispute(disputeId));
  if (dispute === undefined) return { outcome: 'unknown_dispute' };
  if (dispute.state !== 'lost') return { outcome: 'not_lost' };
  const { organizationId } = dispute;
  const ended = await endPause(tx, organizationId, 'dispute', disputeId);
  if (!ended) return { outcome: 'not_paused' };
  return { outcome: 'resumed', organizationId };
}
