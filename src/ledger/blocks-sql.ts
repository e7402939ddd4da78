import type { Statement } from '#db/pool';
import { weighed, weightOfEntry } from '#ledger/weights-sql';

export interface BlockKey {
  readonly organization: string;
  readonly to: bigint;
}

/** What one pass over a sealed block found; what is left to look at is in `rows`. */
export interface BlockScreen {
  readonly organization_id: string;
  readonly from_transaction: bigint;
  readonly to_transaction: bigint;
  readonly entries: bigint;
  /** The entries are those that were sealed, and the seal continues the one before. */
  readonly intact: boolean;
  /** Each number from the first to the last has a first line. */
  readonly complete: boolean;
  /** Each 'account amount': sealed before and after the block. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Transactions of charges that do not continue the charge before; numbers in arrays are text. */
  readonly breaks: readonly string[];
  /** Those, the ones before them, and all that are no charge. */
  readonly rows: readonly string[];
  /** See `weights-sql.ts`. */
  readonly moved: string;
}

const BYTES = `ledger.entry_bytes(transaction_no, line, from_account, to_account, reason,
  amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at, recorded_at)`;

/** Seals of (from, to] in key order, each with the one before it. `$2` to `$5` are the two keys. */
const SEALED = `(
  SELECT s.*, p.hash AS before_hash, p.entries_total AS before_total,
         coalesce(p.balances, '{}') AS before_balances,
         hashtextextended(s.organization_id, $1) AS seed
    FROM (SELECT * FROM ledger.seals
           WHERE (organization_id, to_transaction) > ($2, $3)
             AND (organization_id, to_transaction) <= ($4, $5)) AS s
    LEFT JOIN LATERAL (SELECT * FROM ledger.seals
       WHERE organization_id = s.organization_id
         AND to_transaction = s.from_transaction - 1 OFFSET 0) AS p ON true)`;

/** The first block also owns what should not exist: numbers below 1. */
const IN_BLOCK = `e.organization_id = s.organization_id AND e.transaction_no <= s.to_transaction
  AND e.transaction_no >= CASE s.from_transaction
    WHEN 1 THEN -9223372036854775808 ELSE s.from_transaction END`;

/**
 * Nearly every entry is a charge of one grant, alone in its transaction. A row made up to overflow
 * must be found, not end the search, so it is no charge: both its numbers are below 2^62.
 */
export const CHARGE = `(reason = 'usage.settle' AND line = 1 AND to_account = 'revenue'
  AND from_account ^@ 'grant:' AND from_account <> 'grant:' AND to_balance_nanos IS NULL
  AND amount_nanos <> 0 AND (amount_nanos | from_balance_nanos) >> 62 = 0) IS TRUE`;

/** Alone in its transaction, between accounts without a balance: nothing depends on it. */
const UNPAID = `(line = 1 AND amount_nanos > 0
  AND (reason = 'upstream.loss' AND from_account = 'operator_upstream_loss'
         AND to_account = 'upstream_unbilled'
    OR reason = 'usage.overrun' AND from_account = 'operator_overrun'
         AND to_account = 'revenue')) IS TRUE`;

/** How a row is looked at: kinds of `screenBlocks`. */
const [IS_CHARGE, IS_OTHER] = ['kind = 1', 'kind = 3'] as const;

/**
 * `ends[n]`, `starts[n]` and `numbers[n]` are those of charge n: rows come in order, and a plain
 * aggregate takes them as they come. Asked for an order of its own, each would sort.
 */
const ofCharges = (value: string): string =>
  `coalesce(array_agg(${value}) FILTER (WHERE ${IS_CHARGE}), '{}')`;

/** Charges compared at once, before looking where they differ. */
const STRIDE = 128;

const amounts = (balances: string): string =>
  `ARRAY(SELECT key || ' ' || value FROM jsonb_each_text(${balances}))`;

/**
 * One pass in key order over each block, without a sort. A charge begins where the one before has
 * ended if both are of one account and the balances meet; account and balance are compared as one
 * number, and where they differ both transactions are looked at, as is all that is no charge.
 */
export const screenBlocks = (seed: bigint, from: BlockKey, to: BlockKey): Statement => ({
  name: 'ledger.screen_blocks',
  text: `
    SELECT s.organization_id, s.from_transaction, s.to_transaction, f.entries,
           f.hash = s.hash AND f.entries = s.entries
             AND s.entries_total = s.entries + coalesce(s.before_total, 0)
             AND s.previous_hash = coalesce(s.before_hash, '')
             AND (s.from_transaction = 1) = (s.before_hash IS NULL) AS intact,
           coalesce(f.transactions = s.to_transaction - s.from_transaction + 1
             AND f.first = s.from_transaction, false) AS complete,
           ${amounts('s.before_balances')} AS before, ${amounts('s.balances')} AS after,
           f.numbers[1:1] || coalesce(b.breaks, '{}') AS breaks,
           f.numbers[1:1] || f.numbers[cardinality(f.numbers):] || coalesce(b.breaks, '{}')
             || coalesce(b.before, '{}') || coalesce(f.others, '{}') AS rows,
           f.moved::text
      FROM ${SEALED} AS s
     CROSS JOIN LATERAL (
       SELECT ledger.seal_hash(s.previous_hash, s.organization_id, s.from_transaction,
                s.to_transaction, string_agg(${BYTES}, '')) AS hash,
              count(*) AS entries, min(transaction_no) AS first,
              count(*) FILTER (WHERE line = 1) AS transactions,
              ${ofCharges('transaction_no')} AS numbers,
              ${ofCharges('account # from_balance_nanos')} AS ends,
              ${ofCharges('account # (from_balance_nanos + amount_nanos)')} AS starts,
              array_agg(transaction_no) FILTER (WHERE ${IS_OTHER}) AS others,
              ${weighed(weightOfEntry('s.seed', IS_CHARGE), 'amount_nanos')} AS moved
         FROM (SELECT *, hashtextextended(from_account, $1) AS account,
                      CASE WHEN ${CHARGE} THEN 1 WHEN ${UNPAID} THEN 2 ELSE 3 END AS kind
                 FROM ledger.entries e WHERE ${IN_BLOCK}
                ORDER BY transaction_no, line OFFSET 0) AS e) AS f
     CROSS JOIN LATERAL (
       SELECT array_agg(f.numbers[n]) AS before, array_agg(f.numbers[n + 1]) AS breaks
         FROM generate_series(1, cardinality(f.numbers) - 1, ${STRIDE}) AS first
        CROSS JOIN LATERAL generate_series(first,
                least(first + ${STRIDE}, cardinality(f.numbers)) - 1) AS n
        WHERE f.ends[first:least(first + ${STRIDE}, cardinality(f.numbers)) - 1]
                <> f.starts[first + 1:first + ${STRIDE}]
          AND f.ends[n] <> f.starts[n + 1]) AS b`,
  values: [seed, from.organization, from.to, to.organization, to.to],
});

/** An entry as `block-rows.ts` looks at it. */
export interface BlockRow {
  readonly organization_id: string;
  readonly transaction_no: bigint;
  readonly line: number;
  readonly from_account: string;
  readonly to_account: string;
  readonly amount_nanos: bigint;
  readonly from_balance_nanos: bigint | null;
  readonly to_balance_nanos: bigint | null;
  readonly charge: boolean;
  readonly permitted: boolean;
}

/** These transactions, in key order. */
export const blockRows = (
  organizations: readonly string[],
  numbers: readonly string[],
): Statement => ({
  name: 'ledger.block_rows',
  text: `
    SELECT e.organization_id, transaction_no, line, from_account, to_account, amount_nanos,
           from_balance_nanos, to_balance_nanos, ${CHARGE} AS charge,
           (amount_nanos > 0 AND from_account <> to_account
             AND ledger.flow_allowed(from_account, to_account, reason)) IS TRUE AS permitted
      FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::bigint[]) AS k (organization_id, number)
             ORDER BY 1, 2) AS k
     CROSS JOIN LATERAL (SELECT * FROM ledger.entries e
        WHERE e.organization_id = k.organization_id AND e.transaction_no = k.number
        ORDER BY e.line OFFSET 0) AS e`,
  values: [organizations, numbers],
});

/** Whether the balances that a block seals are those its entries give. */
export const sealedBalances = (key: BlockKey): Statement => ({
  text: `
    SELECT ledger.balances_after(s.organization_id, s.from_transaction, s.to_transaction,
             coalesce(p.balances, '{}')) = s.balances AS sound
      FROM ledger.seals s
      LEFT JOIN ledger.seals p ON p.organization_id = s.organization_id
       AND p.to_transaction = s.from_transaction - 1
     WHERE s.organization_id = $1 AND s.to_transaction = $2`,
  values: [key.organization, key.to],
});

/** Every `step`-th seal in key order, and the last: the ends of pieces of work. */
export const pieceEnds = (step: number): Statement => ({
  text: `SELECT organization_id AS organization, to_transaction AS to
           FROM (SELECT organization_id, to_transaction,
                        row_number() OVER (ORDER BY organization_id, to_transaction) AS n,
                        count(*) OVER () AS seals
                   FROM ledger.seals) AS s
          WHERE n % $1 = 0 OR n = seals ORDER BY n`,
  values: [step],
});
