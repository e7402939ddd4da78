import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#ledger/sql';

/** What was promised to one request, and which grants paid for what it used. */
export interface HoldView {
  readonly amount: NanoUsd;
  readonly state: string;
  readonly grants: readonly { readonly id: string; readonly amount: NanoUsd }[];
}

export async function readHold(
  db: Db,
  organizationId: OrganizationId,
  id: string,
): Promise<HoldView | undefined> {
  const rows = await db.query<sql.HoldRow>(sql.holdWithGrants(organizationId, id));
  const [row] = rows;
  if (row === undefined) return undefined;
  const grants = rows.flatMap(({ grant_id, taken_nanos }) =>
    grant_id === null || taken_nanos === null ? [] : [{ id: grant_id, amount: nanos(taken_nanos) }],
  );
  return { amount: nanos(row.amount_nanos), state: row.state, grants };
}
