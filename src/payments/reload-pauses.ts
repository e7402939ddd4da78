import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { LOW_TASK } from '#ledger/low';
import { liftPause, openPauses, type PauseCause } from '#payments/reload-pauses-sql';

export interface ReloadPause {
  readonly cause: PauseCause;
  /** The dispute or the warning. */
  readonly subject: string;
  readonly pausedAt: Date;
}

/**
 * Why no automatic purchase of this organization may be made now; empty if one may. A pause for a
 * dispute ends with it unless it was lost; one for a warning ends when the purchase is refunded.
 */
export const reloadPauses = (db: Db, organizationId: string): Promise<ReloadPause[]> =>
  db.query<ReloadPause>(openPauses(organizationId));

/**
 * Ends a pause. Credit that ran low meanwhile was told of in vain, so the question is asked again; by
 * a job, because the settings are locked before the purchase and the book that the caller has.
 */
export async function endPause(
  tx: Db,
  organizationId: string,
  cause: PauseCause,
  subject: string,
): Promise<void> {
  const lifted = await tx.query(liftPause(organizationId, cause, subject));
  if (lifted.length === 0) return;
  const payload = { organization_id: organizationId };
  await enqueue(tx, LOW_TASK, payload, { jobKey: `${LOW_TASK}:${organizationId}` });
}
