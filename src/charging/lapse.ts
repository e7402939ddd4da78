import * as sql from '#charging/sql';
import type { Db } from '#db/pool';

/**
 * Books the lapse of holds whose process died. It frees nothing that was not free already: a
 * passed lease has stopped counting by itself (H4). Returns how many organizations it touched.
 */
export async function expireLapsedHolds(db: Db, limit: number): Promise<number> {
  const [row] = await db.query<{ expired: number }>(sql.expireLapsed(limit));
  return row?.expired ?? 0;
}
