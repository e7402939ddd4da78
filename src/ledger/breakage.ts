import type { Db } from '#db/pool';
import * as sql from '#ledger/grants-sql';
import { only } from '#ledger/sql';

/**
 * Books what is left of grants that have stopped: expired credit becomes breakage, the rest of a
 * frozen grant is frozen, that of a voided one goes back. Grants that an open hold may still need
 * wait for it. Nothing of this was spendable before, so it may run late, twice and concurrently.
 * Looks at the `limit` grants that stopped first; returns how many organizations it changed.
 */
export async function bookStoppedGrants(db: Db, limit: number): Promise<number> {
  return only(await db.query<{ changed: number }>(sql.bookStopped(limit))).changed;
}

/** Works off everything that has stopped. A batch is small, because it keeps the books it locked. */
export async function bookAllStoppedGrants(db: Db, batch = 50): Promise<number> {
  let total = 0;
  for (;;) {
    const changed = await bookStoppedGrants(db, batch);
    if (changed === 0) return total;
    total += changed;
  }
}
