import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#ledger/open-holds-sql';

/** What is promised to a request that is under way. */
export interface OpenHold {
  readonly requestId: string;
  readonly amount: NanoUsd;
  readonly placedAt: Date;
  /** Real time: when it lapses if nobody renews it. */
  readonly leaseExpiresAt: Date;
}

/** The holds that are counted as held now, oldest first, at most so many. */
export async function readOpenHolds(
  db: Db,
  organizationId: OrganizationId,
  limit: number,
): Promise<OpenHold[]> {
  const rows = await db.query<sql.OpenHoldRow>(sql.openHolds(organizationId, limit));
  return rows.map((row) => ({
    requestId: row.id,
    amount: nanos(row.amount_nanos),
    placedAt: row.placed_at,
    leaseExpiresAt: row.lease_expires_at,
  }));
}
