import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, type NanoUsd, nanos, sum } from '#kernel/money';
import type { GrantKind } from '#ledger/grants';
import * as sql from '#ledger/grants-sql';
import { lockBook } from '#ledger/sql';
import type { Line } from '#ledger/templates';

/**
 * What has become of one grant's credit:
 * credit = remaining + used + frozen + seized + expired + voided + refunded.
 */
export interface GrantFacts {
  readonly kind: GrantKind;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly remaining: NanoUsd;
  /** Part of `remaining` that nobody was promised. */
  readonly unpromised: NanoUsd;
  readonly expired: boolean;
  /** A freeze or a void keeps it from being used. */
  readonly stopped: boolean;
  readonly voided: boolean;
  /** Reference of the dispute that has it frozen now. */
  readonly frozenBy: string | null;
  /** Booked as breakage. */
  readonly broken: NanoUsd;
  readonly refunded: NanoUsd;
  /** Taken by disputes that were lost, by where it was found. */
  readonly seized: NanoUsd;
  readonly indebted: NanoUsd;
  readonly unbroken: NanoUsd;
  /** Tax of what was refunded and taken. */
  readonly taxBack: NanoUsd;
}

/** Credit that has gone back to who paid, by refunds and disputes. */
export const givenBack = (f: GrantFacts): NanoUsd =>
  sum([f.refunded, f.seized, f.indebted, f.unbroken]);

/** Locks the organization's book and reads one grant; undefined if it has no such grant. */
export async function lockGrant(
  tx: Db,
  organizationId: OrganizationId,
  grantId: GrantId,
): Promise<GrantFacts | undefined> {
  await tx.query(lockBook(organizationId));
  const [row] = await tx.query<sql.GrantRow>(sql.grantFacts(organizationId, grantId));
  if (row === undefined) return undefined;
  const remaining = nanos(row.remaining_nanos);
  return {
    kind: row.kind,
    credit: nanos(row.amount_nanos),
    tax: nanos(row.tax_nanos),
    remaining,
    unpromised: least(remaining, nanos(row.available_nanos)),
    expired: row.expired,
    stopped: row.stopped,
    voided: row.voided,
    frozenBy: row.frozen_by,
    broken: nanos(row.expired_nanos),
    refunded: nanos(row.refunded_nanos),
    seized: nanos(row.seized_nanos),
    indebted: nanos(row.debt_nanos),
    unbroken: nanos(row.breakage_nanos),
    taxBack: nanos(row.refunded_tax_nanos + row.seized_tax_nanos),
  };
}

/** Posts what happens now, if anything moves, and lets the book's sums follow the grants. */
export async function postNow(
  tx: Db,
  organizationId: OrganizationId,
  reference: string,
  lines: readonly Line[],
): Promise<void> {
  await tx.query(
    lines.length > 0
      ? sql.postNow(organizationId, reference, lines)
      : sql.countGrants(organizationId),
  );
}
