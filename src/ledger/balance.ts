import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { byBurnDown, type GrantKind } from '#ledger/grants';
import * as sql from '#ledger/sql';

export interface GrantView {
  readonly id: GrantId;
  readonly kind: GrantKind;
  /**
   * The first of these that is so: given by mistake; disputed; over with a part unspent; nothing is
   * left; usable.
   */
  readonly state: sql.GrantState;
  readonly amount: NanoUsd;
  readonly remaining: NanoUsd;
  readonly grantedAt: Date;
  readonly expiresAt: Date;
}

export interface Balance {
  /** What the next request may use: the number admission decides by. */
  readonly available: NanoUsd;
  readonly held: NanoUsd;
  readonly frozen: NanoUsd;
  readonly debt: NanoUsd;
  /** In burn-down order. */
  readonly grants: readonly GrantView[];
}

/** One statement, so its numbers belong to one instant. An organization without a book has zeros. */
export async function readBalance(db: Db, organizationId: OrganizationId): Promise<Balance> {
  const rows = await db.query<sql.BalanceRow>(sql.balance(organizationId));
  const [row] = rows;
  if (row === undefined) {
    const none = nanos(0n);
    return { available: none, held: none, frozen: none, debt: none, grants: [] };
  }
  const grants = rows.flatMap((r): GrantView[] =>
    r.grant_id === null ? [] : [grantView({ ...r, grant_id: r.grant_id })],
  );
  return {
    available: nanos(row.available_nanos),
    held: nanos(row.held_nanos),
    frozen: nanos(row.frozen_nanos),
    debt: nanos(row.debt_nanos),
    grants: grants.sort(byBurnDown),
  };
}

function grantView(row: sql.BalanceRow & { grant_id: GrantId }): GrantView {
  return {
    id: row.grant_id,
    kind: row.kind,
    state: row.state,
    amount: nanos(row.amount_nanos),
    remaining: nanos(row.remaining_nanos),
    grantedAt: row.granted_at,
    expiresAt: row.expires_at,
  };
}
