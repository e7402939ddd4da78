import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { Dispute } from '#payments/disputes';
import { findDispute } from '#payments/disputes-sql';
import { askAgain, liftPause, openPauses, type PauseCause } from '#payments/reload-pauses-sql';

export interface ReloadPause {
  readonly cause: PauseCause;
  /** The dispute or the warning. */
  readonly subject: string;
  readonly pausedAt: Date;
}

/**
 * Why no automatic purchase of this organization may be made now; empty if one may. A pause for a
 * dispute ends with it unless it was lost, and then by `resumeAfterLoss`; one for a warning ends
 * when the purchase is refunded.
 */
export const reloadPauses = (db: Db, organizationId: string): Promise<ReloadPause[]> =>
  db.query<ReloadPause>(openPauses(organizationId));

export type Resumed =
  | { readonly outcome: 'resumed'; readonly organizationId: OrganizationId }
  | { readonly outcome: 'unknown_dispute' | 'not_lost' | 'not_paused' };

/** What an operator decides after a loss: automatic purchases may go on. Debt is not touched. */
export async function resumeAfterLoss(tx: Db, disputeId: string): Promise<Resumed> {
  const [dispute] = await tx.query<Dispute>(findDispute(disputeId));
  if (dispute === undefined) return { outcome: 'unknown_dispute' };
  if (dispute.state !== 'lost') return { outcome: 'not_lost' };
  const { organizationId } = dispute;
  const lifted = await tx.query(liftPause(organizationId, 'dispute', disputeId));
  if (lifted.length === 0) return { outcome: 'not_paused' };
  await tx.query(askAgain(organizationId));
  return { outcome: 'resumed', organizationId };
}
