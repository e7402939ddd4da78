import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type TimeBasis, timeColumn } from '#ledger/as-of-sql';
import type { Reason } from '#ledger/flows';

export interface StatementRow {
  readonly transaction_no: bigint;
  readonly line: number;
  readonly happened_at: Date;
  readonly recorded_at: Date;
  readonly reason: Reason;
  readonly delta_nanos: bigint;
  readonly balance_nanos: bigint;
  readonly total_nanos: string;
  readonly grant_id: string;
  readonly reference: string;
}

export interface StatementRange {
  /** From this instant on. */
  readonly from?: Date;
  /** Before this instant. */
  readonly to?: Date;
  /** At this instant or before: what a statement written then would have shown. */
  readonly asOf?: Date;
  /** Which time of an entry the instants are compared with; the effective one if absent. */
  readonly by?: TimeBasis;
}

/**
 * Moves of the organization's grants, newest first, before a cursor "transaction.line".
 *
 * The total over all grants after each line is counted back from the first known total at or after
 * the page: that of a seal, or else of now. So it costs at most one sealed block, or what is not
 * sealed yet, whatever the length of the history.
 */
export const statementLines = (
  organizationId: OrganizationId,
  limit: number,
  before: string | undefined,
  range: StatementRange,
): Statement => {
  const [transaction, line] = before?.split('.') ?? [];
  const time = timeColumn(range.by ?? 'effective');
  return {
    text: `
      WITH page AS MATERIALIZED (
        SELECT * FROM ledger.legs
         WHERE organization_id = $1 AND account LIKE 'grant:%'
           AND ($2::bigint IS NULL OR (transaction_no, line) < ($2, $3::smallint))
           AND ($5::timestamptz IS NULL OR ${time} >= $5)
           AND ($6::timestamptz IS NULL OR ${time} < $6)
           AND ($7::timestamptz IS NULL OR ${time} <= $7)
         ORDER BY transaction_no DESC, line DESC LIMIT $4),
      edge AS MATERIALIZED (
        SELECT min(transaction_no) AS oldest, max(transaction_no) AS newest FROM page),
      known AS MATERIALIZED (
        SELECT coalesce(s.to_transaction, 9223372036854775807) AS upto,
               CASE WHEN s.to_transaction IS NULL THEN (
                      SELECT coalesce(sum(remaining_nanos), 0) FROM ledger.grants
                       WHERE organization_id = $1 AND NOT exhausted)
                    ELSE (SELECT coalesce(sum(value::numeric), 0)
                            FROM jsonb_each_text(s.balances) WHERE key LIKE 'grant:%') END AS total
          FROM edge LEFT JOIN LATERAL (
            SELECT to_transaction, balances FROM ledger.seals
             WHERE organization_id = $1 AND to_transaction >= edge.newest
             ORDER BY to_transaction LIMIT 1) AS s ON true),
      totals AS (
        SELECT transaction_no, line, known.total + delta_nanos - sum(delta_nanos)
                 OVER (ORDER BY transaction_no DESC, line DESC) AS total
          FROM edge, known, LATERAL (
            SELECT transaction_no, line, delta_nanos FROM ledger.legs
             WHERE organization_id = $1 AND account LIKE 'grant:%'
               AND transaction_no >= edge.oldest AND transaction_no <= known.upto) AS l)
      SELECT p.transaction_no, p.line, p.happened_at, p.recorded_at, p.reason, p.delta_nanos,
             p.balance_nanos, t.total::text AS total_nanos, substr(p.account, 7) AS grant_id,
             p.reference
        FROM page p JOIN totals t USING (transaction_no, line)
       ORDER BY p.transaction_no DESC, p.line DESC`,
    values: [
      organizationId,
      transaction ?? null,
      line ?? null,
      limit,
      range.from ?? null,
      range.to ?? null,
      range.asOf ?? null,
    ],
  };
};

/** The last transaction at this moment: an export ends there, however long it takes. */
export const lastTransaction = (organizationId: OrganizationId): Statement => ({
  text: 'SELECT next_transaction - 1 AS last FROM ledger.books WHERE organization_id = $1',
  values: [organizationId],
});

export interface Position {
  readonly transaction: bigint;
  readonly line: number;
}

/** Oldest first, after a position; the caller adds up the totals. */
export const linesAfter = (
  organizationId: OrganizationId,
  after: Position,
  last: bigint,
  limit: number,
): Statement => ({
  name: 'ledger.lines_after',
  text: `SELECT transaction_no, line, happened_at, recorded_at, reason, delta_nanos, balance_nanos,
                '0' AS total_nanos, substr(account, 7) AS grant_id, reference
           FROM ledger.legs
          WHERE organization_id = $1 AND account LIKE 'grant:%'
            AND (transaction_no, line) > ($2, $3::smallint) AND transaction_no <= $4
          ORDER BY transaction_no, line LIMIT $5`,
  values: [organizationId, after.transaction, after.line, last, limit],
});
