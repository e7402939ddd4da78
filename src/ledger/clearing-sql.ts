import type { Statement } from '#db/pool';

/**
 * Accounts of the way in and out that are not at rest: what entries left there, without what
 * refunds under way explain. The reasons are named so that the index of references is read and not
 * the requests: its cost grows with purchases, refunds and disputes.
 */
export const unexplainedClearing = (reasons: readonly string[], limit: number): Statement => ({
  text: `
    SELECT organization_id AS "organizationId", account, sum(amount)::bigint AS amount
      FROM (
        SELECT e.organization_id, l.account, l.amount
          FROM ledger.entries e CROSS JOIN LATERAL (VALUES
            (e.to_account, e.amount_nanos::numeric), (e.from_account, -e.amount_nanos::numeric))
            AS l (account, amount)
         WHERE e.reason IN (${reasons.map((reason) => `'${reason}'`).join(', ')})
           AND l.account IN ('stripe_clearing', 'refund_clearing')
        UNION ALL
        SELECT organization_id, 'refund_clearing', -(amount_nanos + tax_nanos)
          FROM ledger.refunds WHERE state = 'refunding') AS moved
     GROUP BY organization_id, account HAVING sum(amount) <> 0
     ORDER BY abs(sum(amount)) DESC, organization_id, account LIMIT ${limit}`,
});
