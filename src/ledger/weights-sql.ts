import type { Statement } from '#db/pool';

/**
 * An order-free fingerprint of "who moved how much": the sum of amount x weight, where the weight
 * is drawn from organization and name by hashes seeded anew for each run. It is linear, so the
 * parts of a charge weigh as much as the whole, and two tables can be compared without joining
 * them. Exact: halves of a bigint, summed in 128 bits. `$1` is the seed.
 */
export const weighed = (weight: string, amount: string, filter = 'true'): string => `
  (coalesce(sum(${weight} * (${amount} & 4294967295)) FILTER (WHERE ${filter}), 0)
    + 4294967296 * coalesce(sum(${weight} * (${amount} >> 32))
        FILTER (WHERE ${amount} >> 32 <> 0 AND ${filter}), 0))`;

const weightOf = (name: string, seed: string): string =>
  `(hashtextextended(${name}, ${seed}) >> 33)`;
const SEED = 'hashtextextended(organization_id, $1)';

/**
 * What an entry weighs for: a charge by its request, credit by its grant, what nobody paid by its
 * request and kind; nothing (NULL) for all else. `charge` is true of entries known to be charges.
 */
export const weightOfEntry = (seed: string, charge = 'false'): string =>
  weightOf(
    `CASE WHEN ${charge} THEN reference ELSE CASE reason
      WHEN 'usage.settle' THEN reference
      WHEN 'credit.purchase' THEN to_account
      WHEN 'credit.promotional' THEN to_account
      WHEN 'credit.adjustment' THEN to_account
      WHEN 'usage.overrun' THEN 'overrun ' || reference
      WHEN 'upstream.loss' THEN 'loss ' || reference END END`,
    seed,
  );

export const RESOLVED = `state IN ('settled', 'settled_late', 'voided')`;

/** One range of a table's pages: a bounded piece of work. */
const PAGES = 'place >= $2::text::tid AND place < $3::text::tid';
const rangeOf = (page: number, pages: number): readonly string[] => [
  `(${page},0)`,
  `(${page + pages},0)`,
];

/** Sums of a piece, or of an organization; entries are in order if they are those of all others. */
export interface Sums {
  /** Charges and credit of entries, grants or holds, and what receipts say was not paid. */
  readonly moved: string;
  /** Charges of holds or receipts, and each of them once, whether it was charged or not. */
  readonly receipts: string;
}

export interface HoldSums extends Sums {
  /** Of holds that a limit counts; all others are one row a month without spender. */
  readonly spender: string | null;
  /** Counted from 1 in `CountedMonths.months`. */
  readonly month: number | null;
  readonly held: string | null;
  readonly charged: string | null;
}

/** What limits count: see the view charging.counted_months. */
export interface CountedMonths {
  readonly organizations: readonly string[];
  readonly months: readonly string[];
}

export const countedMonths: Statement = {
  text: 'SELECT organizations, months::text[] AS months FROM charging.counted_months',
};

const HOLD_SUMS = `
  ${weighed('weight', 'charged_nanos')}::text AS moved,
  (${weighed('weight', 'charged_nanos')}
    + coalesce(sum(weight) FILTER (WHERE ${RESOLVED}), 0))::text AS receipts`;

/** Which of the months a hold was placed in, the latest first: a comparison for most rows. */
const monthOf = (months: readonly string[]): string => {
  const from = months.map((_, index) => `WHEN placed_at >= $${index + 5} THEN ${index + 1}`);
  return from.length === 0 ? 'NULL::int' : `CASE ${from.reverse().join(' ')} END`;
};

/** What holds say was charged, and by spender and month for whoever has limits. */
export const holdSums = (
  seed: bigint,
  { organizations, months }: CountedMonths,
  page: number,
  pages: number,
): Statement => ({
  text: `
    SELECT spender, month, sum(amount_nanos) FILTER (WHERE state = 'open')::text AS held,
           sum(charged_nanos)::text AS charged, ${HOLD_SUMS}
      FROM (SELECT amount_nanos, charged_nanos, state, ${weightOf('id', SEED)} AS weight,
                   CASE WHEN organization_id = ANY ($4::text[]) THEN spender END AS spender,
                   ${monthOf(months)} AS month
              FROM charging.counted_holds WHERE ${PAGES} OFFSET 0) AS h
     GROUP BY spender, month`,
  values: [seed, ...rangeOf(page, pages), organizations, ...months.map((m) => `${m}T00:00:00Z`)],
});

const RECEIPT_SUMS = `
  (${weighed(weightOf(`'overrun ' || request_id`, SEED), 'overrun_nanos', 'overrun_nanos > 0')}
    + ${weighed(weightOf(`'loss ' || request_id`, SEED), 'loss_nanos', 'loss_nanos > 0')})::text
    AS moved,
  (${weighed('weight', 'charged_nanos')} + coalesce(sum(weight), 0))::text AS receipts`;

/** What receipts say. */
export const receiptSums = (seed: bigint, page: number, pages: number): Statement => ({
  text: `
    SELECT ${RECEIPT_SUMS}
      FROM (SELECT organization_id, request_id, charged_nanos, overrun_nanos, loss_nanos,
                   ${weightOf('request_id', SEED)} AS weight
              FROM charging.receipt_charges WHERE ${PAGES} OFFSET 0) AS r`,
  values: [seed, ...rangeOf(page, pages)],
});

export const tablePages = (table: 'ledger.holds' | 'metering.requests'): Statement => ({
  text: `SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::bigint)::int
           AS pages`,
  values: [table],
});

/** Of one organization. */
export interface OrganizationSums extends Sums {
  readonly organization_id: string;
}

export const holdsByOrganization = (seed: bigint): Statement => ({
  text: `
    SELECT organization_id, ${HOLD_SUMS}
      FROM (SELECT *, ${weightOf('id', SEED)} AS weight FROM ledger.holds OFFSET 0) AS h
     GROUP BY organization_id`,
  values: [seed],
});

export const receiptsByOrganization = (seed: bigint): Statement => ({
  text: `
    SELECT organization_id, ${RECEIPT_SUMS}
      FROM (SELECT *, ${weightOf('request_id', SEED)} AS weight FROM charging.receipt_charges
            OFFSET 0) AS r
     GROUP BY organization_id`,
  values: [seed],
});

/** The entries that are not sealed yet, by organization. */
export const tailSums = (seed: bigint, tail: string): Statement => ({
  text: `SELECT organization_id, ${weighed('weight', 'amount_nanos')}::text AS moved,
                '0' AS receipts
           FROM (SELECT e.organization_id, amount_nanos, ${weightOfEntry(
             'hashtextextended(e.organization_id, $1)',
           )} AS weight
                   FROM (${tail}) AS s, LATERAL (SELECT * FROM ledger.entries e
                     WHERE e.organization_id = s.organization_id
                       AND e.transaction_no >= s.since OFFSET 0) AS e OFFSET 0) AS e
          GROUP BY organization_id`,
  values: [seed],
});

export const grantSums = (seed: bigint): Statement => ({
  text: `SELECT organization_id, '0' AS receipts,
                ${weighed(weightOf(`'grant:' || id`, SEED), 'amount_nanos')}::text AS moved
           FROM ledger.grants GROUP BY organization_id`,
  values: [seed],
});

export const drawSeed: Statement = {
  text: 'SELECT (random() * 1e15)::bigint AS seed',
};
