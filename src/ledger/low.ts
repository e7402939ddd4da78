import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import * as sql from '#ledger/low-sql';
import { openBook } from '#ledger/sql';

/** The job that is queued, once, with `organization_id`, when less is left than was asked about. */
export const LOW_TASK = 'credit_low';

/**
 * Asks to be told once when an organization's usable grants less its debt fall below `level`, in the
 * transaction that takes the credit; at once if they are below it already. Null takes the wish back.
 */
export async function tellWhenBelow(
  tx: Db,
  organizationId: OrganizationId,
  level: NanoUsd | null,
): Promise<void> {
  if (level !== null) await tx.query(openBook(organizationId));
  await tx.query(sql.setLowAt(organizationId, level));
}

/**
 * What is compared with such a level: usable grants less debt, in nano-USD. Open holds are not spent
 * and do not count; what is owed may make it negative.
 */
export async function readCounted(db: Db, organizationId: OrganizationId): Promise<bigint> {
  const [row] = await db.query<{ counted: bigint }>(sql.counted(organizationId));
  return row?.counted ?? 0n;
}
