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

/** What entries of one reference moved, as the columns `moved`: found by the index of references. */
const movedBy = (row: string, moved: Readonly<Record<string, string>>): string => `
  CROSS JOIN LATERAL (
    SELECT ${Object.entries(moved)
      .map(([name, which]) => `coalesce(sum(amount_nanos) FILTER (WHERE ${which}), 0) AS ${name}`)
      .join(',\n           ')}
      FROM ledger.entries WHERE organization_id = ${row}.organization_id
       AND reference = ${row}.reference
       AND reason NOT IN ('usage.settle', 'usage.overrun', 'upstream.loss')) AS e`;

/** What was booked of refunds and disputes; a row must say the same, whatever its state. */
const REFUND_MOVES = movedBy('f', {
  credit: `reason = 'refund.credit' AND from_account = 'grant:' || f.grant_id`,
  tax: `reason = 'refund.tax'`,
  paid: `reason = 'refund.paid'`,
  bounced: `reason = 'refund.bounced'`,
  returned: `reason = 'refund.returned' AND to_account = 'grant:' || f.grant_id`,
  tax_returned: `reason = 'refund.tax_returned'`,
});
const DISPUTE_MOVES = movedBy('f', {
  seized: `reason = 'dispute.seize'`,
  debt: `reason = 'dispute.debt'`,
  breakage: `reason = 'dispute.breakage'`,
  tax: `reason = 'dispute.tax'`,
  withdrawn: `reason = 'dispute.withdrawn'`,
  released: `reason = 'dispute.release' AND to_account = 'grant:' || f.grant_id`,
});

/**
 * Cost follows what is live: grants with something left, open holds, books; and refunds and
 * disputes, which are few.
 */
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
      WHERE b.dispute_frozen_nanos <> f.amount
     UNION ALL
     SELECT f.organization_id || ' dispute ' || f.reference || ' is ' || f.state || ' and says seized '
              || f.seized_nanos || ', debt ' || f.debt_nanos || ', breakage ' || f.breakage_nanos
              || ', tax ' || f.tax_nanos || '; entries say ' || e.seized || ', ' || e.debt || ', '
              || e.breakage || ', ' || e.tax || ', withdrawn ' || e.withdrawn || ', released '
              || e.released
       FROM ledger.freezes f ${DISPUTE_MOVES}
      WHERE e.seized <> f.seized_nanos OR e.debt <> f.debt_nanos
         OR e.breakage <> f.breakage_nanos OR e.tax <> f.tax_nanos
         OR e.withdrawn <> e.seized + e.debt + e.breakage + e.tax
         OR e.released <> CASE f.state WHEN 'frozen' THEN 0
                          ELSE f.amount_nanos - f.seized_nanos END
         OR (f.state <> 'seized' AND e.withdrawn <> 0)`,
  ),
  check(
    'refunds_are_entries',
    // A refund that failed was never paid out, or came back.
    `SELECT f.organization_id || ' refund ' || f.reference || ' of grant ' || f.grant_id || ' is '
              || f.state || ' with ' || f.amount_nanos || ' and tax ' || f.tax_nanos
              || ', entries say ' || e.credit || ' and ' || e.tax || ', paid ' || e.paid
              || ', bounced ' || e.bounced || ', returned ' || e.returned || ' and '
              || e.tax_returned AS violation
       FROM ledger.refunds f ${REFUND_MOVES}
      WHERE e.credit <> f.amount_nanos OR e.tax <> f.tax_nanos
         OR e.returned <> CASE f.state WHEN 'failed' THEN f.amount_nanos ELSE 0 END
         OR e.tax_returned <> CASE f.state WHEN 'failed' THEN f.tax_nanos ELSE 0 END
         OR e.paid - e.bounced <> CASE f.state
              WHEN 'paid' THEN f.amount_nanos::numeric + f.tax_nanos ELSE 0 END
         OR e.paid NOT IN (0, f.amount_nanos::numeric + f.tax_nanos)`,
  ),
  check(
    'no_purchase_is_given_back_twice',
    `SELECT g.organization_id || ' grant ' || g.id || ' of ' || g.amount_nanos || ' and tax '
              || g.tax_nanos || ' gave back ' || b.amount || ' and tax ' || b.tax AS violation
       FROM (SELECT organization_id, grant_id, sum(amount) AS amount, sum(tax) AS tax FROM (
               SELECT organization_id, grant_id, amount_nanos AS amount, tax_nanos AS tax
                 FROM ledger.refunds WHERE state <> 'failed'
               UNION ALL
               SELECT organization_id, grant_id, seized_nanos::numeric + debt_nanos + breakage_nanos,
                      tax_nanos
                 FROM ledger.freezes) AS back
              GROUP BY organization_id, grant_id) AS b
       JOIN ledger.grants g ON g.organization_id = b.organization_id AND g.id = b.grant_id
      WHERE b.amount > g.amount_nanos OR b.tax > g.tax_nanos`,
  ),
];

/** The other way around: reads every entry that is not of a request, by the index of references. */
const unknownTo = (table: 'refunds' | 'freezes', what: string, prefix: string): string => `
  SELECT e.organization_id || ' has entries of ${what} ' || e.reference || ', which is not stored'
           AS violation
    FROM (SELECT DISTINCT organization_id, reference FROM ledger.entries
           WHERE reason NOT IN ('usage.settle', 'usage.overrun', 'upstream.loss')
             AND reason LIKE '${prefix}.%') AS e
   WHERE NOT EXISTS (SELECT FROM ledger.${table} f
      WHERE f.organization_id = e.organization_id AND f.reference = e.reference)`;

/** Cost grows with what was ever refunded or disputed. */
export const FULL_CHECKS: readonly StateCheck[] = [
  check('refunds_are_entries', unknownTo('refunds', 'refund', 'refund')),
  check('freezes_are_entries', unknownTo('freezes', 'dispute', 'dispute')),
];

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
 * costs more than it saves on pieces this small, and nothing is asked twice. What is summed has few
 * groups; planned with less memory, its rows would be sorted on disk first. Each lane reads for
 * itself: handing pages over from processes that read ahead costs more than it saves.
 */
export const readByKey: Statement = {
  text: `SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
                set_config('enable_memoize', 'off', true), set_config('work_mem', '64MB', true),
                set_config('effective_io_concurrency', '0', true),
                set_config('max_parallel_workers_per_gather', '0', true)`,
};
