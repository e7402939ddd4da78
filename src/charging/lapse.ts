import * as sql from '#charging/sql';
import type { Db } from '#db/pool';
import type { OrganizationId, RequestId } from '#kernel/ids';

/**
 * Books the lapse of holds whose process died. It frees nothing that was not free already: a
 * passed lease has stopped counting by itself (H4). Returns how many organizations it touched.
 */
export async function expireLapsedHolds(db: Db, limit: number): Promise<number> {
  const [row] = await db.query<{ expired: number }>(sql.expireLapsed(limit));
  return row?.expired ?? 0;
}

/**
 * Keeps open holds of one organization alive for `leaseMs` from now: for holds that outlive the
 * process which took them. One that has lapsed stays so (H4). Returns how many it kept.
 */
export async function keepHolds(
  db: Db,
  organizationId: OrganizationId,
  requestIds: readonly RequestId[],
  leaseMs: number,
): Promise<number> {
  const [row] = await db.query<{ kept: number }>(
    sql.keepHolds(organizationId, [...requestIds], leaseMs),
  );
  return row?.kept ?? 0;
}
