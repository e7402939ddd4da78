import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#ledger/clearing-sql';
import { FLOWS } from '#ledger/flows';

export interface Unexplained {
  readonly organizationId: OrganizationId;
  readonly account: 'stripe_clearing' | 'refund_clearing';
  /** What is there beyond what refunds under way explain; negative where too much has left. */
  readonly amount: NanoUsd;
}

const CLEARING: ReadonlySet<string> = new Set(['stripe_clearing', 'refund_clearing']);

/** Taken from the table of flows, so a new way through these accounts is counted by itself. */
const REASONS = Object.entries(FLOWS)
  .filter(([, { from, to }]) => CLEARING.has(from) || CLEARING.has(to))
  .map(([reason]) => reason);

/**
 * Clearing accounts are zero at rest (money rule 2). What is not explained, now, the largest first:
 * the same rule as `clearing_is_zero_at_rest` of the verification, as numbers.
 */
export async function unexplainedClearing(db: Db, limit: number): Promise<Unexplained[]> {
  const rows = await db.query<Omit<Unexplained, 'amount'> & { amount: bigint }>(
    sql.unexplainedClearing(REASONS, limit),
  );
  return rows.map((row) => ({ ...row, amount: nanos(row.amount) }));
}
