import type { Statement } from '#db/pool';
import { TAIL } from '#ledger/spans-sql';
import { RESOLVED } from '#ledger/weights-sql';

/** What a request's row, in whatever table, says beside its receipt. */
const missing = (row: string): string =>
  `${row}.organization_id || ' request ' || ${row}.id || ' is ' || ${row}.state
     || ' with a charge of ' || coalesce(${row}.charged_nanos, 0) || ' and has no receipt'`;

/** A receipt `r` beside its hold `h`, if there is one. */
const DISAGREES = `(h.state IS NULL OR h.state NOT IN ('settled', 'settled_late', 'voided')
  OR h.charged_nanos IS DISTINCT FROM r.charged_nanos)`;
const DISAGREEMENT = `r.organization_id || ' request ' || r.request_id || CASE
    WHEN h.state IS NULL THEN ' was never held, its receipt says '
    WHEN h.state IN ('open', 'expired') THEN ' is ' || h.state || ', its receipt says '
    ELSE ' charged ' || coalesce(h.charged_nanos, 0) || ', its receipt says ' END
  || r.charged_nanos`;

const NOT_PAID = `
  coalesce(sum(amount_nanos) FILTER (WHERE reason = 'usage.overrun'), 0) AS overrun,
  coalesce(sum(amount_nanos) FILTER (WHERE reason = 'upstream.loss'), 0) AS loss`;
const DIFFERENT = `e.organization_id || ' request ' || e.reference || ' was booked with an overrun of '
  || e.overrun || ' and a loss of ' || e.loss || ', its receipt says ' || r.overrun_nanos || ' and '
  || r.loss_nanos`;

/** Receipts of one organization beside its holds and its entries. Reads all of them. */
export const receiptsOf = (organization: string, limit: number): Statement => ({
  text: `
    SELECT violation FROM (
      SELECT ${missing('h')} AS violation FROM ledger.holds h
       WHERE h.organization_id = $1 AND h.${RESOLVED} AND NOT EXISTS (
         SELECT FROM charging.receipt_charges r
          WHERE r.organization_id = $1 AND r.request_id = h.id)
      UNION ALL
      SELECT ${DISAGREEMENT} FROM charging.receipt_charges r
        LEFT JOIN ledger.holds h ON h.organization_id = $1 AND h.id = r.request_id
       WHERE r.organization_id = $1 AND ${DISAGREES}
      UNION ALL
      SELECT ${DIFFERENT}
        FROM charging.receipt_charges r
        JOIN (SELECT organization_id, reference, ${NOT_PAID} FROM ledger.entries
               WHERE organization_id = $1 AND reason IN ('usage.overrun', 'upstream.loss')
               GROUP BY organization_id, reference) AS e ON e.reference = r.request_id
       WHERE r.organization_id = $1
         AND (e.overrun <> r.overrun_nanos OR e.loss <> r.loss_nanos)
      UNION ALL
      SELECT r.organization_id || ' request ' || r.request_id
               || ' was booked without overrun or loss, its receipt says ' || r.overrun_nanos
               || ' and ' || r.loss_nanos
        FROM charging.receipt_charges r
        LEFT JOIN (SELECT DISTINCT reference FROM ledger.entries
                    WHERE organization_id = $1 AND reason IN ('usage.overrun', 'upstream.loss'))
          AS e ON e.reference = r.request_id
       WHERE r.organization_id = $1 AND (r.overrun_nanos > 0 OR r.loss_nanos > 0)
         AND e.reference IS NULL) AS v
     LIMIT ${limit}`,
  values: [organization],
});

/** What entries that are not sealed yet say of requests, beside their receipts. */
export const receiptsOfTail = (limit: number): Statement => ({
  text: `
    WITH span AS MATERIALIZED (${TAIL.text}),
    booked AS (
      SELECT s.organization_id, e.reference, ${NOT_PAID},
             coalesce(sum(amount_nanos) FILTER (WHERE reason = 'usage.settle'), 0) AS charged
        FROM span s CROSS JOIN LATERAL (
          SELECT reference, reason, amount_nanos FROM ledger.entries e
           WHERE e.organization_id = s.organization_id AND e.transaction_no >= s.since
             AND reason IN ('usage.settle', 'usage.overrun', 'upstream.loss') OFFSET 0) AS e
       GROUP BY s.organization_id, e.reference)
    SELECT CASE WHEN r.request_id IS NULL
             THEN e.organization_id || ' request ' || e.reference || ' was booked with a charge of '
               || e.charged || ' and has no receipt'
             ELSE ${DIFFERENT} END AS violation
      FROM booked e LEFT JOIN LATERAL (
        SELECT * FROM charging.receipt_charges
         WHERE organization_id = e.organization_id AND request_id = e.reference OFFSET 0) AS r
        ON true
     WHERE r.request_id IS NULL OR r.overrun_nanos <> e.overrun OR r.loss_nanos <> e.loss
     LIMIT ${limit}`,
});

/**
 * Since when requests are new: what the last verification that found all in order had begun to see.
 * Ten minutes for transactions that were under way then; no statement may take so long.
 */
export const unverifiedSince: Statement = {
  text: `SELECT (coalesce(max(began_at), '-infinity') - interval '10 minutes')::text AS since
           FROM ledger.verifications WHERE ok`,
};

/** Requests resolved since, and receipts written since, each beside the other. */
export const receiptsSince = (since: string, limit: number): Statement => ({
  text: `
    SELECT violation FROM (
      SELECT ${missing('h')} AS violation
        FROM ledger.holds h LEFT JOIN LATERAL (
          SELECT request_id FROM charging.receipt_charges
           WHERE organization_id = h.organization_id AND request_id = h.id OFFSET 0) AS r ON true
       WHERE h.resolved_at >= $1::timestamptz AND h.${RESOLVED} AND r.request_id IS NULL
      UNION ALL
      SELECT ${DISAGREEMENT}
        FROM charging.receipt_charges r LEFT JOIN LATERAL (
          SELECT state, charged_nanos FROM ledger.holds
           WHERE organization_id = r.organization_id AND id = r.request_id OFFSET 0) AS h ON true
       WHERE r.settled_at >= $1::timestamptz AND ${DISAGREES}) AS v
     LIMIT ${limit}`,
  values: [since],
});

/** Limits that count otherwise than the holds of these spenders, placed in these months, say. */
export const spendDifferences = (
  spent: readonly { spender: string; month: string; held: bigint; charged: bigint }[],
): Statement => ({
  text: `SELECT organization_id || ' ' || level || ' ' || subject_id || ' counts held ' || held_nanos
                  || ' and charged ' || charged_nanos || ' in ' || month || ', holds say '
                  || recounted_held || ' and ' || recounted_charged AS violation
           FROM charging.spend_differences($1, $2::date[], $3::numeric[], $4::numeric[])`,
  values: [
    spent.map(({ spender }) => spender),
    spent.map(({ month }) => month),
    spent.map(({ held }) => held),
    spent.map(({ charged }) => charged),
  ],
});
