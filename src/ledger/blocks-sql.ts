import type { Statement } from '#db/pool';

export interface BlockKey {
  readonly organization: string;
  readonly to: bigint;
}

/** What one pass over a sealed block found. */
export interface BlockScreen {
  readonly organization_id: string;
  readonly from_transaction: bigint;
  readonly to_transaction: bigint;
  readonly entries: bigint;
  /** The entries are those that were sealed, and the seal continues the one before. */
  readonly intact: boolean;
  /**
   * An unbroken run of settlements of one grant, each continuing the balance of the one before and
   * ending in the sealed balance: every rule holds. Any other block is examined.
   */
  readonly steady: boolean;
  /** Of a steady block. */
  readonly fingerprint: string;
}

/**
 * An order-free fingerprint of "who moved how much": the sum of amount x weight, where the weight
 * is drawn from the name by a hash seeded anew for each run. It is linear, so the parts of a charge
 * weigh as much as the whole, and two tables can be compared without joining them. Exact: halves
 * of a bigint, summed in 128 bits. `$1` is the seed.
 */
const weighed = (name: string, amount: string, filter = 'true'): string => {
  const weight = `(hashtextextended(${name}, $1) >> 33)`;
  return `coalesce(sum(${weight} * (${amount} & 4294967295)) FILTER (WHERE ${filter}), 0)
          + 4294967296 * coalesce(sum(${weight} * (${amount} >> 32))
              FILTER (WHERE ${filter} AND ${amount} >> 32 <> 0), 0)`;
};

const MOVED = `${weighed('reference', 'amount_nanos', `reason = 'usage.settle'`)}
  + ${weighed(
    'to_account',
    'amount_nanos',
    `reason IN
    ('credit.purchase', 'credit.promotional', 'credit.adjustment')`,
  )}`;

const BYTES = `ledger.entry_bytes(transaction_no, line, from_account, to_account, reason,
  amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at, recorded_at)`;

/** Seals of (from, to] in key order, each with the one before it. `$2` to `$5` are the two keys. */
const SEALED = `(
  SELECT s.*, p.hash AS before_hash, p.entries_total AS before_total,
         coalesce(p.balances, '{}') AS before_balances
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

/** A weight for each transaction number, unknown before the run. */
const weight = (number: string): string => `(hashint8extended(${number}, $1) >> 35)`;

/** A row made up to overflow must be found, not end the search. No other row is left out. */
const ADDABLE = `(from_balance_nanos < 4611686018427387904 AND amount_nanos < 4611686018427387904)`;

/**
 * Zero if every balance is the one before it minus its amount: Σ w(n)·(before - balance - amount).
 * The balance before is that of the row before, so its weight w(n + 1) is taken along there and no
 * row has to look at another. A wrong one stays hidden with a chance of 1 in 2^28 a run.
 */
const CONTINUITY = `
  coalesce(sum(${weight('transaction_no + 1')} * (from_balance_nanos & 4294967295)
    - ${weight('transaction_no')} * ((from_balance_nanos + amount_nanos) & 4294967295))
      FILTER (WHERE ${ADDABLE}), 0)
  + 4294967296 * coalesce(sum(${weight('transaction_no + 1')} * (from_balance_nanos >> 32)
    - ${weight('transaction_no')} * ((from_balance_nanos + amount_nanos) >> 32))
      FILTER (WHERE ${ADDABLE} AND (from_balance_nanos + amount_nanos) >> 32 <> 0), 0)
  - ${weight('s.to_transaction + 1')}::numeric * l.from_balance_nanos
  + ${weight('s.from_transaction')}::numeric
    * coalesce((s.before_balances ->> l.from_account)::numeric, 0)`;

/** One pass in key order over each block, without a sort. */
export const screenBlocks = (seed: bigint, from: BlockKey, to: BlockKey): Statement => ({
  name: 'ledger.screen_blocks',
  text: `
    SELECT s.organization_id, s.from_transaction, s.to_transaction, f.entries,
           f.hash = s.hash AND f.entries = s.entries
             AND s.entries_total = s.entries + coalesce(s.before_total, 0)
             AND s.previous_hash = coalesce(s.before_hash, '')
             AND (s.from_transaction = 1) = (s.before_hash IS NULL) AS intact,
           coalesce(f.others = 0 AND f.discontinuity = 0
             AND f.entries = s.to_transaction - s.from_transaction + 1
             AND l.from_account LIKE 'grant:_%'
             AND s.balances = (s.before_balances - l.from_account)
               || CASE l.from_balance_nanos WHEN 0 THEN '{}'
                  ELSE jsonb_build_object(l.from_account, l.from_balance_nanos) END, false)
             AS steady,
           f.fingerprint::text
      FROM ${SEALED} AS s
      LEFT JOIN LATERAL (SELECT * FROM ledger.entries e
         WHERE e.organization_id = s.organization_id AND e.transaction_no = s.to_transaction
           AND e.line = 1 OFFSET 0) AS l ON true
     CROSS JOIN LATERAL (
       SELECT ledger.seal_hash(s.previous_hash, s.organization_id, s.from_transaction,
                s.to_transaction, string_agg(${BYTES}, '' ORDER BY transaction_no, line)) AS hash,
              count(*) AS entries,
              count(*) FILTER (WHERE (line = 1 AND from_account = l.from_account
                AND amount_nanos > 0 AND from_balance_nanos >= 0 AND ${ADDABLE}
                AND to_balance_nanos IS NULL AND to_account = 'revenue'
                AND reason = 'usage.settle') IS NOT TRUE) AS others,
              ${CONTINUITY} AS discontinuity,
              ${weighed('reference', 'amount_nanos')} AS fingerprint
         FROM ledger.entries e WHERE ${IN_BLOCK}) AS f`,
  values: [seed, from.organization, from.to, to.organization, to.to],
});

export interface BlockExam {
  readonly organization_id: string;
  readonly to_transaction: bigint;
  readonly sound: boolean;
  readonly fingerprint: string;
}

/** Every rule on blocks that are not a steady run, with the sorts that takes. */
export const examineBlocks = (seed: bigint, keys: readonly BlockKey[]): Statement => ({
  name: 'ledger.examine_blocks',
  text: `
    SELECT s.organization_id, s.to_transaction, f.fingerprint::text,
           f.wrong = 0 AND f.transactions = s.to_transaction - s.from_transaction + 1
             AND f.last = s.to_transaction AND r.wrong = 0
             AND ledger.balances_after(s.organization_id, s.from_transaction, s.to_transaction,
                   p.balances) = s.balances AS sound
      FROM unnest($2::text[], $3::bigint[]) AS k (organization_id, to_transaction)
      JOIN LATERAL (SELECT * FROM ledger.seals WHERE organization_id = k.organization_id
                       AND to_transaction = k.to_transaction OFFSET 0) AS s ON true
     CROSS JOIN LATERAL (SELECT coalesce((SELECT balances FROM ledger.seals
         WHERE organization_id = s.organization_id AND to_transaction = s.from_transaction - 1),
         '{}') AS balances OFFSET 0) AS p
     CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE (amount_nanos > 0 AND from_account <> to_account
                AND ledger.flow_allowed(from_account, to_account, reason)) IS NOT TRUE) AS wrong,
              count(*) FILTER (WHERE line = 1) AS transactions,
              max(transaction_no) AS last, ${MOVED} AS fingerprint
         FROM ledger.entries e WHERE ${IN_BLOCK}) AS f
     CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE balance_nanos IS DISTINCT FROM replayed) AS wrong
         FROM (SELECT balance_nanos, coalesce((p.balances ->> account)::numeric, 0)
                        + sum(delta_nanos) OVER (PARTITION BY account
                            ORDER BY transaction_no, line) AS replayed
                 FROM ledger.legs e
                WHERE ledger.carries_balance(account) AND ${IN_BLOCK}) AS l) AS r`,
  values: [seed, keys.map((k) => k.organization), keys.map((k) => k.to)],
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

/** The fingerprint of the entries that are not sealed yet, by organization. */
export const tailFingerprints = (seed: bigint, tail: string): Statement => ({
  text: `SELECT organization_id, (${MOVED})::text AS fingerprint
           FROM (${tail}) AS s, LATERAL (
             SELECT reference, to_account, reason, amount_nanos FROM ledger.entries e
              WHERE e.organization_id = s.organization_id
                AND e.transaction_no >= s.since OFFSET 0) AS e
          GROUP BY organization_id`,
  values: [seed],
});

/** What holds say was charged, of one range of the table's pages; a bounded piece of work. */
export const holdFingerprints = (seed: bigint, page: number, pages: number): Statement => ({
  text: `SELECT organization_id, (${weighed('id', 'charged_nanos')})::text AS fingerprint
           FROM ledger.holds
          WHERE ctid >= $2::text::tid AND ctid < $3::text::tid AND charged_nanos > 0
          GROUP BY organization_id`,
  values: [seed, `(${page},0)`, `(${page + pages},0)`],
});

/** What receipts say was charged, as `holdFingerprints` weighs it. */
export const receiptFingerprints = (seed: bigint, page: number, pages: number): Statement => ({
  text: `SELECT organization_id,
                (${weighed('request_id', 'charged_nanos')})::text AS fingerprint
           FROM charging.receipt_charges
          WHERE place >= $2::text::tid AND place < $3::text::tid
          GROUP BY organization_id`,
  values: [seed, `(${page},0)`, `(${page + pages},0)`],
});

export const tablePages = (table: 'ledger.holds' | 'metering.requests'): Statement => ({
  text: `SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::bigint)::int
           AS pages`,
  values: [table],
});

export const grantFingerprints = (seed: bigint): Statement => ({
  text: `SELECT organization_id,
                (${weighed(`'grant:' || id`, 'amount_nanos')})::text AS fingerprint
           FROM ledger.grants GROUP BY organization_id`,
  values: [seed],
});

export const drawSeed: Statement = {
  text: 'SELECT (random() * 1e15)::bigint AS seed',
};
