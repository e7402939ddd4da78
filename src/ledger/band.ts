import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import * as sql from '#ledger/band-sql';

/** The job that is queued, once, with `organization_id`, when credit has left its band. */
export const BAND_TASK = 'credit_band_left';

/** In nano-USD; null where that side is open. */
export interface Band {
  readonly below: bigint | null;
  readonly from: bigint | null;
}

/**
 * Asks to be told once when usable grants less debt fall below `below` or reach `from`, in the
 * transaction that moves them; at once if they have. Being told takes the wish back.
 */
export async function watchBand(tx: Db, organizationId: OrganizationId, band: Band): Promise<void> {
  await tx.query(sql.setBand(organizationId, band.below, band.from));
}

/** What is compared with a band, in nano-USD; below zero where more is owed than there is. */
export async function readBandCredit(db: Db, organizationId: OrganizationId): Promise<bigint> {
  const [row] = await db.query<{ credit: bigint }>(sql.bandCredit(organizationId));
  return row?.credit ?? 0n;
}

/** Whose credit is watched by nobody: told, and not looked at yet. */
export const withoutBand = (db: Db, limit: number): Promise<{ organizationId: OrganizationId }[]> =>
  db.query(sql.withoutBand(limit));

export interface EndingGrant {
  readonly organizationId: OrganizationId;
  readonly id: GrantId;
  readonly kind: string;
  readonly amount: NanoUsd;
  readonly remaining: NanoUsd;
  readonly expiresAt: Date;
}

/** Grants with something left that end within so many days, by business time. */
export const endingGrants = (db: Db, days: number): Promise<EndingGrant[]> =>
  db.query<EndingGrant>(sql.endingGrants(days));
