import type { Statement } from '#db/pool';
import type { BlockKey } from '#ledger/blocks-sql';

/**
 * A span is what one question is asked about: transactions `from_no` to `to_no` of an organization,
 * with the balances before them. `since` and `upto` are wider where rows exist that should not.
 */
export interface Span {
  readonly text: string;
  readonly values: readonly unknown[];
}

const LEAST = '-9223372036854775808';
const MOST = '9223372036854775807';

/** Organizations in the entries without reading those: one look at the index for each. */
const WRITTEN = `
  SELECT organization_id FROM (
    WITH RECURSIVE written AS (
      (SELECT organization_id FROM ledger.entries ORDER BY organization_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.organization_id FROM ledger.entries e
               WHERE e.organization_id > w.organization_id ORDER BY e.organization_id LIMIT 1)
        FROM written w WHERE w.organization_id IS NOT NULL)
    SELECT organization_id FROM written WHERE organization_id IS NOT NULL) AS w`;

/** What is not sealed yet, of every organization that has a book or entries. */
export const TAIL: Span = {
  text: `
    SELECT o.organization_id, coalesce(s.to_transaction + 1, ${LEAST}) AS since, ${MOST} AS upto,
           coalesce(s.to_transaction, 0) + 1 AS from_no,
           coalesce(b.next_transaction, 1) - 1 AS to_no,
           coalesce(s.balances, '{}') AS balances, coalesce(s.entries_total, 0) AS sealed
      FROM (SELECT organization_id FROM ledger.books UNION ${WRITTEN}) AS o
      LEFT JOIN ledger.books b ON b.organization_id = o.organization_id
      LEFT JOIN LATERAL (SELECT * FROM ledger.seals
         WHERE organization_id = o.organization_id
         ORDER BY to_transaction DESC LIMIT 1) AS s ON true`,
  values: [],
};

/** One sealed block. */
export const blockSpan = (key: BlockKey): Span => ({
  text: `
    SELECT s.organization_id,
           CASE s.from_transaction WHEN 1 THEN ${LEAST} ELSE s.from_transaction END AS since,
           s.to_transaction AS upto, s.from_transaction AS from_no, s.to_transaction AS to_no,
           coalesce(p.balances, '{}') AS balances, 0::bigint AS sealed
      FROM ledger.seals s
      LEFT JOIN ledger.seals p ON p.organization_id = s.organization_id
       AND p.to_transaction = s.from_transaction - 1
     WHERE s.organization_id = $1 AND s.to_transaction = $2`,
  values: [key.organization, key.to],
});

/** OFFSET 0: one index range for each span, whatever the statistics say about the whole table. */
const rows = (table: 'entries' | 'legs', columns: string, where = 'true'): string => `
  FROM span s CROSS JOIN LATERAL (
    SELECT ${columns} FROM ledger.${table} e
     WHERE e.organization_id = s.organization_id AND e.transaction_no >= s.since
       AND e.transaction_no <= s.upto AND ${where} OFFSET 0) AS e`;

export interface SpanCheck {
  readonly name: string;
  statement(span: Span, limit: number): Statement;
}

const spanCheck = (name: string, violations: string): SpanCheck => ({
  name,
  statement: (span, limit) => ({
    text: `WITH span AS MATERIALIZED (${span.text})
           SELECT violation FROM (${violations}) AS v LIMIT ${limit}`,
    values: span.values,
  }),
});

const WITHOUT_AMOUNT = '(e.amount_nanos > 0 AND e.from_account <> e.to_account) IS NOT TRUE';
const FORBIDDEN = 'ledger.flow_allowed(e.from_account, e.to_account, e.reason) IS NOT TRUE';

/** Rules about entries, each as a query over a span. */
export const SPAN_CHECKS: readonly SpanCheck[] = [
  spanCheck(
    // Both legs of an entry are the same amount; this is what could make them not cancel.
    'every_transaction_sums_to_zero',
    `SELECT e.organization_id || ' transaction ' || e.transaction_no || ' line ' || e.line
              || ' moves ' || coalesce(e.amount_nanos::text, 'nothing') || ' from '
              || coalesce(e.from_account, 'nowhere') || ' to ' || coalesce(e.to_account, 'nowhere')
              AS violation
     ${rows('entries', '*', WITHOUT_AMOUNT)}`,
  ),
  spanCheck(
    'every_flow_is_permitted',
    `SELECT e.organization_id || ' transaction ' || e.transaction_no || ': ' || e.reason || ' from '
              || e.from_account || ' to ' || e.to_account AS violation
     ${rows('entries', '*', FORBIDDEN)}`,
  ),
  spanCheck(
    'running_balances_replay',
    `SELECT organization_id || ' ' || account || ' at transaction ' || transaction_no || ' line '
              || line || ' says ' || coalesce(balance_nanos::text, 'nothing') || ', replay says '
              || replayed AS violation
       FROM (SELECT e.*, coalesce((s.balances ->> e.account)::numeric, 0)
                      + sum(e.delta_nanos) OVER (PARTITION BY e.organization_id, e.account
                          ORDER BY e.transaction_no, e.line) AS replayed
             ${rows('legs', '*', 'ledger.carries_balance(e.account)')}) AS r
      WHERE balance_nanos IS DISTINCT FROM replayed`,
  ),
  spanCheck(
    'sequence_has_no_gap',
    `WITH numbers AS MATERIALIZED (
       SELECT s.organization_id, s.from_no, s.to_no, e.transaction_no, min(e.line) AS first,
              max(e.line) AS last, count(*) AS lines
       ${rows('entries', 'transaction_no, line')}
        GROUP BY s.organization_id, s.from_no, s.to_no, e.transaction_no)
     SELECT organization_id || ' has no transaction ' || before + 1
              || CASE WHEN transaction_no - 1 > before + 1
                   THEN ' to ' || transaction_no - 1 ELSE '' END AS violation
       FROM (SELECT *, lag(transaction_no, 1, from_no - 1) OVER (PARTITION BY organization_id
                         ORDER BY transaction_no) AS before
               FROM (SELECT organization_id, from_no, transaction_no FROM numbers
                      WHERE transaction_no BETWEEN from_no AND to_no
                     UNION ALL SELECT organization_id, from_no, to_no + 1 FROM span) AS n) AS g
      WHERE transaction_no > before + 1
     UNION ALL
     SELECT organization_id || ' has transaction ' || transaction_no || ', its book goes from '
              || from_no || ' to ' || to_no
       FROM numbers WHERE transaction_no NOT BETWEEN from_no AND to_no
     UNION ALL
     SELECT organization_id || ' transaction ' || transaction_no || ' has ' || lines
              || ' lines, numbered ' || first || ' to ' || last
       FROM numbers WHERE first <> 1 OR last <> lines`,
  ),
];

/** Settlements of a span beside the holds they resolved. */
export const chargesOf = (span: Span, limit: number): Statement => ({
  text: `WITH span AS MATERIALIZED (${span.text})
    SELECT e.organization_id || ' request ' || e.reference || ' charged '
             || coalesce(h.charged_nanos, 0) || ', entries say ' || e.amount AS violation
      FROM (SELECT s.organization_id, e.reference, sum(e.amount_nanos) AS amount
            ${rows('entries', 'reference, amount_nanos', `e.reason = 'usage.settle'`)}
             GROUP BY s.organization_id, e.reference) AS e
      LEFT JOIN LATERAL (SELECT charged_nanos FROM ledger.holds
         WHERE organization_id = e.organization_id AND id = e.reference OFFSET 0) AS h ON true
     WHERE h.charged_nanos IS DISTINCT FROM e.amount LIMIT ${limit}`,
  values: span.values,
});

/** Credit booked in a span beside the grants it made. */
export const creditsOf = (span: Span, limit: number): Statement => ({
  text: `WITH span AS MATERIALIZED (${span.text})
    SELECT e.organization_id || ' grant ' || e.id || ' of ' || coalesce(g.amount_nanos, 0)
             || ' was booked as ' || e.amount || ' in ' || e.bookings AS violation
      FROM (SELECT s.organization_id, substr(e.to_account, 7) AS id, count(*) AS bookings,
                   sum(e.amount_nanos) AS amount
            ${rows(
              'entries',
              'to_account, amount_nanos',
              `e.reason IN ('credit.purchase', 'credit.promotional', 'credit.adjustment')`,
            )}
             GROUP BY s.organization_id, e.to_account) AS e
      LEFT JOIN LATERAL (SELECT amount_nanos FROM ledger.grants
         WHERE organization_id = e.organization_id AND id = e.id OFFSET 0) AS g ON true
     WHERE e.bookings <> 1 OR g.amount_nanos IS DISTINCT FROM e.amount LIMIT ${limit}`,
  values: span.values,
});

export const countTail: Statement = {
  text: `WITH span AS MATERIALIZED (${TAIL.text})
    SELECT bursar.now()::text AS "beganAt", coalesce((SELECT sum(sealed) FROM span), 0)::bigint
      + (SELECT count(*) ${rows('entries', 'line')}) AS entries,
      (SELECT count(*) ${rows('entries', 'line')}) AS unsealed`,
};

/** All of an organization, for naming what a fingerprint only showed to be there somewhere. */
export const wholeOf = (organization: string): Span => ({
  text: `SELECT $1::text AS organization_id, ${LEAST} AS since, ${MOST} AS upto, 1::bigint AS from_no,
                ${MOST} AS to_no, '{}'::jsonb AS balances, 0::bigint AS sealed`,
  values: [organization],
});

/** Holds that say they were charged, and grants, for which there is no entry at all. */
export const unbookedOf = (organization: string, limit: number): Statement => ({
  text: `
    SELECT 'charges_are_entries' AS name, h.organization_id || ' request ' || h.id || ' charged '
             || h.charged_nanos || ', entries say 0' AS violation
      FROM ledger.holds h
     WHERE h.organization_id = $1 AND h.charged_nanos > 0 AND NOT EXISTS (
       SELECT FROM ledger.entries e WHERE e.organization_id = h.organization_id
          AND e.transaction_no = h.transaction_no AND e.reference = h.id
          AND e.reason = 'usage.settle')
    UNION ALL
    SELECT 'every_grant_was_booked_once', g.organization_id || ' grant ' || g.id || ' of '
             || g.amount_nanos || ' was booked as 0 in 0'
      FROM ledger.grants g
     WHERE g.organization_id = $1 AND NOT EXISTS (
       SELECT FROM ledger.entries e WHERE e.organization_id = g.organization_id
          AND e.to_account = 'grant:' || g.id
          AND e.reason IN ('credit.purchase', 'credit.promotional', 'credit.adjustment'))
    LIMIT ${limit}`,
  values: [organization],
});
