import type { Statement } from '#db/pool';

/** One invariant of the ledger as a query: each row it answers is a violation, as text. */
export interface LedgerCheck {
  readonly name: string;
  readonly statement: Statement;
}

const check = (name: string, text: string): LedgerCheck => ({ name, statement: { text } });

/** Named after the invariants of src/ledger/README.md. */
export const LEDGER_CHECKS: readonly LedgerCheck[] = [
  check(
    'every_transaction_sums_to_zero',
    `SELECT organization_id || ' transaction ' || transaction_no || ' sums to ' || sum(delta_nanos)
              AS violation
       FROM ledger.legs GROUP BY organization_id, transaction_no HAVING sum(delta_nanos) <> 0`,
  ),
  check(
    'every_flow_is_permitted',
    `SELECT organization_id || ' transaction ' || transaction_no || ': ' || reason || ' from '
              || from_account || ' to ' || to_account AS violation
       FROM ledger.entries
      WHERE ledger.flow_allowed(from_account, to_account, reason) IS NOT TRUE`,
  ),
  check(
    'running_balances_replay',
    `SELECT organization_id || ' ' || account || ' at transaction ' || transaction_no || ' says '
              || balance_nanos || ', replay says ' || replayed AS violation
       FROM (SELECT l.*, sum(delta_nanos) OVER (PARTITION BY organization_id, account
                      ORDER BY transaction_no, line ROWS UNBOUNDED PRECEDING) AS replayed
               FROM ledger.legs l WHERE balance_nanos IS NOT NULL) AS r
      WHERE balance_nanos <> replayed`,
  ),
  check(
    'stored_balances_replay',
    `WITH replay AS (
       SELECT organization_id, account, sum(delta_nanos) AS balance FROM ledger.legs
        WHERE account LIKE 'grant:%' OR account IN ('dispute_frozen', 'customer_debt', 'receivable')
        GROUP BY 1, 2),
     stored AS (
       SELECT organization_id, 'grant:' || id AS account, remaining_nanos AS balance
         FROM ledger.grants
       UNION ALL
       SELECT b.organization_id, v.account, v.balance FROM ledger.books b, LATERAL (VALUES
         ('dispute_frozen', b.dispute_frozen_nanos), ('customer_debt', b.customer_debt_nanos),
         ('receivable', b.receivable_nanos)) AS v (account, balance))
     SELECT organization_id || ' ' || account || ' stores ' || coalesce(s.balance, 0)
              || ', entries say ' || coalesce(r.balance, 0) AS violation
       FROM stored s FULL JOIN replay r USING (organization_id, account)
      WHERE coalesce(s.balance, 0) <> coalesce(r.balance, 0)`,
  ),
  check(
    'no_account_is_below_its_floor',
    `SELECT organization_id || ' grant ' || id || ' has ' || remaining_nanos AS violation
       FROM ledger.grants WHERE remaining_nanos < 0 OR remaining_nanos > amount_nanos
     UNION ALL
     SELECT organization_id || ' holds ' || held_nanos || ', available '
              || ledger.available(organization_id, held_nanos, bursar.now())
       FROM ledger.books
      WHERE held_nanos < 0 OR ledger.available(organization_id, held_nanos, bursar.now()) < 0`,
  ),
  check(
    'held_is_the_sum_of_open_holds',
    `SELECT b.organization_id || ' stores held ' || b.held_nanos || ', open holds sum to '
              || coalesce(sum(h.amount_nanos), 0) AS violation
       FROM ledger.books b
       LEFT JOIN ledger.holds h ON h.organization_id = b.organization_id AND h.state = 'open'
      GROUP BY b.organization_id, b.held_nanos
     HAVING b.held_nanos <> coalesce(sum(h.amount_nanos), 0)`,
  ),
  check(
    'every_grant_was_booked_once',
    `SELECT g.organization_id || ' grant ' || g.id || ' of ' || g.amount_nanos || ' was booked as '
              || coalesce(sum(e.amount_nanos), 0) || ' in ' || count(e.*) AS violation
       FROM ledger.grants g
       LEFT JOIN ledger.entries e ON e.organization_id = g.organization_id
        AND e.to_account = 'grant:' || g.id AND e.reason LIKE 'credit.%'
      GROUP BY g.organization_id, g.id, g.amount_nanos
     HAVING count(e.*) <> 1 OR sum(e.amount_nanos) <> g.amount_nanos`,
  ),
  check(
    'charges_are_entries',
    `SELECT coalesce(h.organization_id, e.organization_id) || ' request '
              || coalesce(h.id, e.reference) || ' charged ' || coalesce(h.charged_nanos, 0)
              || ', entries say ' || coalesce(e.amount, 0) AS violation
       FROM (SELECT * FROM ledger.holds WHERE charged_nanos > 0) AS h
       FULL JOIN (SELECT organization_id, reference, sum(amount_nanos) AS amount
                    FROM ledger.entries WHERE reason = 'usage.settle' GROUP BY 1, 2) AS e
         ON e.organization_id = h.organization_id AND e.reference = h.id
      WHERE coalesce(h.charged_nanos, 0) <> coalesce(e.amount, 0)`,
  ),
  check(
    'clearing_is_zero_at_rest',
    `SELECT account || ' is ' || sum(delta_nanos) AS violation FROM ledger.legs
      WHERE account IN ('stripe_clearing', 'refund_clearing')
      GROUP BY account HAVING sum(delta_nanos) <> 0`,
  ),
  check(
    'sequence_has_no_gap',
    `SELECT b.organization_id || ' expects ' || (b.next_transaction - 1) || ' transactions, has '
              || count(DISTINCT e.transaction_no) AS violation
       FROM ledger.books b
       LEFT JOIN ledger.entries e ON e.organization_id = b.organization_id
      GROUP BY b.organization_id, b.next_transaction
     HAVING count(DISTINCT e.transaction_no) <> b.next_transaction - 1
         OR coalesce(max(e.transaction_no), 0) <> b.next_transaction - 1`,
  ),
];

export const atMost = (check: Statement, rows: number): Statement => ({
  text: `SELECT violation FROM (${check.text}) AS v LIMIT $1`,
  values: [rows],
});

export const countEntries: Statement = { text: 'SELECT count(*) AS entries FROM ledger.entries' };

/** One snapshot for all checks, so that traffic meanwhile cannot look like a violation. */
export const oneSnapshot: Statement = {
  text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY',
};
