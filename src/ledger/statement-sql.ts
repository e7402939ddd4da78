import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type TimeBasis, timeColumn } from '#ledger/as-of-sql';
import type { Reason } from '#ledger/flows';

/** A move into (+) or out of (-) a grant, or what was lost elsewhere because of one. */
export interface MoveRow {
  readonly transaction_no: bigint;
  readonly line: number;
  readonly happened_at: Date;
  readonly recorded_at: Date;
  readonly reason: Reason;
  readonly delta_nanos: bigint;
  /** Null where no grant moves. */
  readonly balance_nanos: bigint | null;
  readonly lost_nanos: bigint;
  readonly grant_id: string;
  readonly reference: string;
}

export interface StatementRow extends MoveRow {
  readonly total_nanos: string;
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
 * What a payment that was taken back costs beside grants: frozen credit that is gone, spent credit
 * that is owed, expired credit. Without a line for it a customer would see a freeze and then a debt.
 */
const LOST = `reason IN ('dispute.seize', 'dispute.debt', 'dispute.breakage')`;

/**
 * The moves of grants among entries that were read once, whichever side the grant is on; and, moving
 * nothing, what was lost. The grant of a loss is that of its freeze.
 */
const moves = (entries: string): string => `
  (SELECT e.transaction_no, e.line, e.happened_at, e.recorded_at, e.reason, e.reference,
          m.account, m.delta_nanos, m.balance_nanos,
          CASE WHEN e.${LOST} THEN e.amount_nanos ELSE 0 END AS lost_nanos
     FROM (${entries}) AS e CROSS JOIN LATERAL (VALUES
       (e.from_account, -e.amount_nanos, e.from_balance_nanos),
       (e.to_account, e.amount_nanos, e.to_balance_nanos),
       (CASE WHEN e.${LOST} THEN 'grant:' || coalesce((SELECT f.grant_id FROM ledger.freezes AS f
           WHERE f.organization_id = e.organization_id AND f.reference = e.reference), '') END,
        0, NULL)
     ) AS m (account, delta_nanos, balance_nanos)
    WHERE m.account LIKE 'grant:%')`;

const TOUCHES_A_GRANT = `(from_account LIKE 'grant:%' OR to_account LIKE 'grant:%' OR ${LOST})`;

/**
 * Moves of the organization's grants, newest first, before a cursor "transaction.line".
 *
 * Entries are read backwards from the cursor until the page is full, in one walk of their primary
 * key: reading `ledger.legs` instead would walk both of its sides, and credit may be far back. A
 * range of time is a filter on that walk. The total over all grants after each line is counted back
 * from the first known total at or after the page: that of a seal, or else of now. So beyond the
 * walk it costs at most one sealed block, or what is not sealed yet, whatever the length of the
 * history.
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
        SELECT * FROM ${moves(`
          SELECT * FROM ledger.entries
           WHERE organization_id = $1 AND ${TOUCHES_A_GRANT}
             AND (transaction_no, line)
                   < (coalesce($2::bigint, 9223372036854775807), coalesce($3::smallint, 32767))
             AND ($5::timestamptz IS NULL OR ${time} >= $5)
             AND ($6::timestamptz IS NULL OR ${time} < $6)
             AND ($7::timestamptz IS NULL OR ${time} <= $7)
           ORDER BY transaction_no DESC, line DESC LIMIT $4`)} AS l
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
          FROM edge, known, LATERAL ${moves(`
            SELECT * FROM ledger.entries
             WHERE organization_id = $1
               AND transaction_no >= edge.oldest AND transaction_no <= known.upto OFFSET 0`)} AS l)
      SELECT p.transaction_no, p.line, p.happened_at, p.recorded_at, p.reason, p.delta_nanos,
             p.balance_nanos, p.lost_nanos, t.total::text AS total_nanos, substr(p.account, 7) AS grant_id,
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

/** The first lines after a cursor "transaction.line", oldest first. */
export const linesAfter = (
  organizationId: OrganizationId,
  after: string,
  limit: number,
): Statement => {
  const [transaction, line] = after.split('.');
  return {
    text: `SELECT transaction_no, line FROM ledger.entries
      WHERE organization_id = $1 AND ${TOUCHES_A_GRANT}
        AND (transaction_no, line) > ($2::bigint, $3::integer)
      ORDER BY transaction_no, line LIMIT $4`,
    values: [organizationId, transaction, line, limit],
  };
};

export interface ExportStart {
  /** The last transaction at this moment: an export ends there, however long it takes. */
  readonly last: bigint;
  readonly after: bigint;
  readonly total_nanos: string;
}

/**
 * Where an export begins, and what all grants had then. What was sealed a day before `from` or
 * earlier had happened by `from`, clocks of others being at most a little off.
 */
export const exportStart = (organizationId: OrganizationId, from: Date | undefined): Statement => ({
  text: `SELECT b.next_transaction - 1 AS last, coalesce(s.to_transaction, 0) AS after,
                (SELECT coalesce(sum(value::numeric), 0) FROM jsonb_each_text(s.balances)
                  WHERE key LIKE 'grant:%')::text AS total_nanos
           FROM ledger.books b LEFT JOIN LATERAL (
             SELECT to_transaction, balances FROM ledger.seals
              WHERE organization_id = $1 AND sealed_at <= $2::timestamptz - interval '1 day'
              ORDER BY to_transaction DESC LIMIT 1) AS s ON true
          WHERE b.organization_id = $1`,
  values: [organizationId, from ?? null],
});

/** Those of transactions after `after` up to `upto`, oldest first; the caller adds up the totals. */
export const movesBetween = (
  organizationId: OrganizationId,
  after: bigint,
  upto: bigint,
): Statement => ({
  text: `SELECT transaction_no, line, happened_at, recorded_at, reason, delta_nanos, balance_nanos,
                lost_nanos, substr(account, 7) AS grant_id, reference
           FROM ${moves(`
             SELECT * FROM ledger.entries
              WHERE organization_id = $1 AND transaction_no > $2 AND transaction_no <= $3`)} AS l
          ORDER BY transaction_no, line`,
  values: [organizationId, after, upto],
});
