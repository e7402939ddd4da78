import type { Statement } from '#db/pool';
import { TAIL } from '#ledger/spans-sql';

/** One rule about what is stored now, as a query: each row it answers is a violation, as text. */
export interface StateCheck {
  readonly name: string;
  statement(limit: number): Statement;
}

const check = (name: string, text: string): StateCheck => ({
  name,
  statement: (limit) => ({ text: `SELECT violation FROM (${text}) AS v LIMIT ${limit}` }),
});

/** Balances by entries: those of the last seal, and what was booked since. */
const REPLAY = `
  SELECT organization_id, account, sum(delta) AS balance FROM (
    SELECT s.organization_id, b.key AS account, b.value::numeric AS delta
      FROM (${TAIL.text}) AS s, LATERAL jsonb_each_text(s.balances) AS b
    UNION ALL
    SELECT s.organization_id, l.account, l.delta_nanos
      FROM (${TAIL.text}) AS s, LATERAL (
        SELECT account, delta_nanos FROM ledger.legs e
         WHERE e.organization_id = s.organization_id AND e.transaction_no >= s.since OFFSET 0) AS l
  ) AS d GROUP BY organization_id, account`;

/** Cost follows what is live: grants with something left, open holds, books, open disputes. */
export const STATE_CHECKS: readonly StateCheck[] = [
  check(
    'stored_balances_replay',
    `WITH replay AS (
       SELECT * FROM (${REPLAY}) AS r WHERE ledger.carries_balance(account)),
     stored AS (
       SELECT organization_id, 'grant:' || id AS account, remaining_nanos AS balance
         FROM ledger.grants WHERE NOT exhausted
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
    'clearing_is_zero_at_rest',
    // A refund rests in its account from the moment it is asked for until the card has it.
    `SELECT organization_id || ' ' || account || ' is ' || balance || ', expected ' || expected
              AS violation
       FROM (SELECT r.*, CASE account WHEN 'refund_clearing' THEN coalesce((
                 SELECT sum(f.amount_nanos + f.tax_nanos) FROM ledger.refunds f
                  WHERE f.organization_id = r.organization_id AND f.state = 'refunding'), 0)
               ELSE 0 END AS expected
               FROM (SELECT o.organization_id, c.account, coalesce(b.balance, 0) AS balance
                       FROM (${TAIL.text}) AS o
                      CROSS JOIN (VALUES ('stripe_clearing'), ('refund_clearing')) AS c (account)
                       LEFT JOIN (${REPLAY}) AS b ON b.organization_id = o.organization_id
                        AND b.account = c.account) AS r) AS c
      WHERE balance <> expected`,
  ),
  check(
    'no_account_is_below_its_floor',
    `SELECT organization_id || ' grant ' || id || ' has ' || remaining_nanos || ' of '
              || amount_nanos AS violation
       FROM ledger.grants
      WHERE NOT exhausted AND (remaining_nanos < 0 OR remaining_nanos > amount_nanos)
     UNION ALL
     SELECT b.organization_id || ' has ' || v.account || ' ' || v.balance
       FROM ledger.books b, LATERAL (VALUES
         ('held', b.held_nanos), ('dispute_frozen', b.dispute_frozen_nanos),
         ('customer_debt', -b.customer_debt_nanos), ('receivable', -b.receivable_nanos),
         ('available', ledger.available(b.organization_id, b.held_nanos, bursar.now())))
         AS v (account, balance)
      WHERE v.balance < 0`,
  ),
  check(
    'book_sums_agree_with_grants',
    // The sums are not read once `live_until` has passed; whoever comes next counts anew.
    `SELECT b.organization_id || ' book says live ' || b.live_nanos || ', stopped '
              || b.stopped_nanos || ' until ' || b.live_until || '; grants say live ' || g.live
              || ', stopped ' || g.stopped || ' until ' || g.until AS violation
       FROM ledger.books b CROSS JOIN LATERAL (
         SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > bursar.now()), 0) AS live,
                coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= bursar.now()), 0)
                  AS stopped,
                coalesce(min(usable_until) FILTER (WHERE usable_until > bursar.now()), 'infinity')
                  AS until
           FROM ledger.grants g WHERE g.organization_id = b.organization_id AND NOT exhausted) AS g
      WHERE bursar.now() < b.live_until
        AND (b.live_nanos <> g.live OR b.stopped_nanos <> g.stopped OR b.live_until > g.until)`,
  ),
  check(
    'held_is_the_sum_of_open_holds',
    `SELECT organization_id || ' stores held ' || coalesce(b.held_nanos, 0)
              || ', open holds sum to ' || coalesce(h.held, 0) AS violation
       FROM ledger.books b
       FULL JOIN (SELECT organization_id, sum(amount_nanos) AS held FROM ledger.holds
                   WHERE state = 'open' GROUP BY organization_id) AS h USING (organization_id)
      WHERE coalesce(b.held_nanos, 0) <> coalesce(h.held, 0)`,
  ),
  check(
    'freezes_are_entries',
    `SELECT f.organization_id || ' dispute ' || f.reference || ' says it froze ' || f.amount_nanos
              || ' of grant ' || f.grant_id || ', entries say ' || e.amount AS violation
       FROM ledger.freezes f CROSS JOIN LATERAL (
         SELECT coalesce(sum(e.amount_nanos), 0) AS amount FROM ledger.entries e
          WHERE e.organization_id = f.organization_id AND e.reference = f.reference
            AND e.reason = 'dispute.freeze' AND e.from_account = 'grant:' || f.grant_id) AS e
      WHERE f.amount_nanos <> e.amount
     UNION ALL
     SELECT b.organization_id || ' stores frozen ' || b.dispute_frozen_nanos
              || ', open disputes froze ' || f.amount
       FROM ledger.books b CROSS JOIN LATERAL (
         SELECT coalesce(sum(amount_nanos), 0) AS amount FROM ledger.freezes f
          WHERE f.organization_id = b.organization_id AND f.state = 'frozen') AS f
      WHERE b.dispute_frozen_nanos <> f.amount`,
  ),
];

/** Reads every hold of the month of an organization with limits. */
export const SPEND_CHECK: StateCheck = check(
  'spend_limits_count_holds',
  `SELECT organization_id || ' ' || level || ' ' || subject_id || ' counts held ' || held_nanos
            || ' and charged ' || charged_nanos || ' in ' || month || ', holds say '
            || recounted_held || ' and ' || recounted_charged AS violation
     FROM charging.spend_recount
    WHERE held_nanos <> recounted_held OR charged_nanos <> recounted_charged`,
);

/** One snapshot for all checks, so that traffic meanwhile cannot look like a violation. */
export const oneSnapshot: Statement = {
  text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY',
};

export const exportSnapshot: Statement = { text: 'SELECT pg_export_snapshot() AS snapshot' };

/** The id comes from `exportSnapshot`; SET takes no parameters. */
export const useSnapshot = (snapshot: string): Statement => ({
  text: `SET TRANSACTION SNAPSHOT '${snapshot.replace(/[^0-9A-F-]/g, '')}'`,
});

/**
 * Rows of one organization are read by key even where statistics are old; compiling a statement
 * costs more than it saves on pieces this small.
 */
export const readByKey: Statement = {
  text: `SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
                set_config('max_parallel_workers_per_gather', '0', true)`,
};
