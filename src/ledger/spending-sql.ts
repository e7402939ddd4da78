import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';

export interface SliceRow {
  readonly at: Date;
  /** Text: a sum. */
  readonly spent: string;
}

/**
 * What was added up, and from the entries what was not yet: one snapshot, so nothing is missing and
 * nothing counts twice. OFFSET 0 keeps that rest one range of the primary key; it begins where the
 * time that is asked about does, as near as that can be told (clocks of others may be a little off).
 */
export const spendingSince = (organizationId: OrganizationId, since: Date): Statement => ({
  text: `WITH summed AS MATERIALIZED (
      SELECT ledger.last_before($1, $2::timestamptz - interval '10 minutes', coalesce(u.upto, 0),
               b.next_transaction - 1) AS upto, b.next_transaction - 1 AS most
        FROM ledger.books AS b
        LEFT JOIN (SELECT transaction_no AS upto FROM ledger.spending_upto
                    WHERE organization_id = $1) AS u ON true
       WHERE b.organization_id = $1)
    SELECT at, sum(spent)::text AS spent FROM (
      SELECT slice_at AS at, spent_nanos AS spent FROM ledger.spending
       WHERE organization_id = $1 AND slice_at >= $2
      UNION ALL
      SELECT ledger.spending_slice(rest.happened_at), rest.amount_nanos
        FROM summed, LATERAL (
          SELECT happened_at, amount_nanos, reason FROM ledger.entries
           WHERE organization_id = $1 AND transaction_no > summed.upto
             AND transaction_no <= summed.most OFFSET 0) AS rest
       WHERE rest.reason = 'usage.settle' AND ledger.spending_slice(rest.happened_at) >= $2
    ) AS s GROUP BY at ORDER BY at`,
  values: [organizationId, since],
});

/** Organizations with many transactions that are not in their sums yet, the most first. */
export const behindInSums = (transactions: number, limit: number): Statement => ({
  text: `SELECT b.organization_id AS "organizationId"
      FROM ledger.books AS b LEFT JOIN ledger.spending_upto AS u USING (organization_id)
     WHERE b.next_transaction - 1 - coalesce(u.transaction_no, 0) >= $1
     ORDER BY b.next_transaction - coalesce(u.transaction_no, 0) DESC LIMIT $2`,
  values: [transactions, limit],
});

export const addUp = (organizationId: OrganizationId, transactions: number): Statement => ({
  text: 'SELECT ledger.add_up_spending($1, $2) AS more',
  values: [organizationId, transactions],
});

export interface CreditRow {
  readonly now: Date;
  readonly debt: bigint;
  /** When there was credit for the first time. */
  readonly since: Date | null;
  readonly remaining: bigint | null;
  readonly usableUntil: Date | null;
}

/** One row for each usable grant in burn-down order, or one without a grant. */
export const usableCredit = (organizationId: OrganizationId): Statement => ({
  text: `SELECT n.now, -coalesce(b.customer_debt_nanos, 0)::bigint AS debt,
      (SELECT min(granted_at) FROM ledger.grants WHERE organization_id = $1) AS since,
      g.remaining_nanos AS remaining, g.usable_until AS "usableUntil"
    FROM (SELECT bursar.now() AS now) AS n
    LEFT JOIN ledger.books AS b ON b.organization_id = $1
    LEFT JOIN ledger.grants AS g ON g.organization_id = $1 AND NOT g.exhausted
     AND g.usable_until > n.now
   ORDER BY g.usable_until, g.expires_at, g.paid, g.granted_at, g.id`,
  values: [organizationId],
});
