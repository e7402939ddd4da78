import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import * as sql from '#ledger/sql';
import type { Line } from '#ledger/templates';

/**
 * Writes one transaction. `happenedAt` is when it took effect; the database adds when it was
 * recorded. Returns the transaction's number, gap-free within the organization.
 */
export async function post(
  tx: Db,
  organizationId: OrganizationId,
  reference: string,
  lines: readonly Line[],
  happenedAt: Date,
): Promise<bigint> {
  return sql.only(
    await tx.query<{ post: bigint }>(sql.postLines(organizationId, reference, lines, happenedAt)),
  ).post;
}
