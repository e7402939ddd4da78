import type { Db } from '#db/pool';
import { openPauses, type PauseCause } from '#payments/reload-pauses-sql';

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
