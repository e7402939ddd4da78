import type { Db } from '#db/pool';

/** Organizations: one has 60 % of all requests, twenty share 35 %, five hundred the rest. */
const MIDDLING = 20;
const SMALL = 500;
/** Requests of one organization that arrive together, as group commit writes them. */
const BATCH = 16;
/** Size of each purchase, and how many are bought before they are needed. */
const GRANT_NANOS = 5_000_000_000n;
const AHEAD = 8;

/**
 * A consistent ledger of about `entries` entries, as years of traffic would leave it: purchases
 * with tax, settlements in burn-down order over many grants (one that empties a grant continues in
 * the next), one hold for each. All of it follows from each organization's running cost, so the
 * balances written are not computed by what is measured. As the owner; triggers off meanwhile.
 */
export async function fillLedger(owner: Db, entries: number): Promise<void> {
  await owner.query({ text: 'ALTER TABLE ledger.entries DISABLE TRIGGER USER' });
  await owner.query({ text: 'DROP INDEX ledger.entries_by_reference' });
  await owner.query({ text: 'ALTER TABLE ledger.entries DROP CONSTRAINT entries_pkey' });
  for (const text of [
    settlements(entries),
    ORGANIZATIONS,
    BOOKS,
    GRANTS,
    ENTRIES,
    HOLDS,
    INDEXES,
  ]) {
    await owner.query({ text });
  }
  await owner.query({ text: 'DROP TABLE bench_settlements' });
  await owner.query({ text: 'ALTER TABLE ledger.entries ENABLE TRIGGER USER' });
  await owner.query({ text: 'VACUUM (ANALYZE) ledger.entries' });
  await owner.query({ text: 'VACUUM (ANALYZE) ledger.holds' });
  await owner.query({ text: 'VACUUM (ANALYZE) ledger.grants' });
  await owner.query({ text: 'VACUUM (ANALYZE) ledger.books' });
}

/** c0 and c1: what the organization has spent before and after; s: the grant it is in after. */
const settlements = (entries: number): string => `
  CREATE TABLE bench_settlements AS
  SELECT *, (c1 - 1) / ${GRANT_NANOS} AS s, c0 / ${GRANT_NANOS} AS s0 FROM (
    SELECT org, n, row_number() OVER w AS i, sum(cost) OVER w - cost AS c0, sum(cost) OVER w AS c1
      FROM (SELECT n, 200000 + hashint8(n) % 100000 + 100000 AS cost,
                   'org_bench' || lpad(CASE
                     WHEN b % 100 < 60 THEN 0
                     WHEN b % 100 < 95 THEN 1 + abs(hashint8(b)) % ${MIDDLING}
                     ELSE ${MIDDLING + 1} + abs(hashint8(b)) % ${SMALL} END::text, 15, '0') AS org
              FROM (SELECT n, n / ${BATCH} AS b
                      FROM generate_series(1, ${entries}::bigint * 997 / 1000) AS n) AS q) AS r
    WINDOW w AS (PARTITION BY org ORDER BY n)) AS t
  ORDER BY n`;

const ORGANIZATIONS = `
  INSERT INTO orgs.organizations (id, name)
  SELECT DISTINCT org, 'Bench' FROM bench_settlements`;

const REFERENCE = `'req_' || lpad(n::text, 26, '0')`;
const grantId = (k: string): string => `'grant_' || lpad((${k})::text, 26, '0')`;
const START = `timestamptz '2026-09-01T00:00:00Z'`;
const AT = `${START} + n * interval '500 ms'`;

const BOOKS = `
  INSERT INTO ledger.books (organization_id, next_transaction, live_nanos, live_until)
  SELECT org, count(*) + max(s) + ${AHEAD} + 1,
         (max(s) + ${AHEAD}) * ${GRANT_NANOS} - max(c1), '-infinity'
    FROM bench_settlements GROUP BY org`;

const GRANTS = `
  INSERT INTO ledger.grants (organization_id, id, kind, amount_nanos, remaining_nanos, source,
    granted_at, expires_at)
  SELECT org, ${grantId('k')}, 'purchase', ${GRANT_NANOS},
         greatest(least(${GRANT_NANOS}, (k + 1) * ${GRANT_NANOS} - spent), 0), 'pi_' || k,
         ${START}, timestamptz '2100-01-01' + k * interval '1 s'
    FROM (SELECT org, max(s) + ${AHEAD - 1} AS last, max(c1) AS spent
            FROM bench_settlements GROUP BY org) AS o,
         generate_series(0, last::bigint) AS k`;

const ENTRIES = `
  INSERT INTO ledger.entries
  SELECT org, t, line, f, a, reason, amount, fb, tb, reference, ${AT}, ${AT} FROM (
    SELECT org, n, i + s + ${AHEAD} AS t, k - s0 + 1 AS line, 'grant:' || ${grantId('k')} AS f,
           'revenue' AS a, 'usage.settle' AS reason,
           least(c1, (k + 1) * ${GRANT_NANOS}) - greatest(c0, k * ${GRANT_NANOS}) AS amount,
           (k + 1) * ${GRANT_NANOS} - least(c1, (k + 1) * ${GRANT_NANOS}) AS fb,
           NULL::bigint AS tb, ${REFERENCE} AS reference
      FROM bench_settlements, generate_series(s0::bigint, s::bigint) AS k
    UNION ALL
    SELECT org, n, i + k, line, f, a, reason, amount, NULL, tb, 'pi_' || k
      FROM (SELECT *, lag(s) OVER (PARTITION BY org ORDER BY n) AS before
              FROM bench_settlements) AS b,
           generate_series(coalesce(before + ${AHEAD}, 0)::bigint, s::bigint + ${AHEAD - 1}) AS k,
           LATERAL (VALUES
             (1, 'processor_balance', 'stripe_clearing', 'payment.received',
              ${GRANT_NANOS} * 6 / 5, NULL::bigint),
             (2, 'stripe_clearing', 'grant:' || ${grantId('k')}, 'credit.purchase',
              ${GRANT_NANOS}, ${GRANT_NANOS}),
             (3, 'stripe_clearing', 'tax_payable', 'payment.tax', ${GRANT_NANOS} / 5, NULL)
           ) AS v (line, f, a, reason, amount, tb)
     WHERE before IS DISTINCT FROM s) AS e
  ORDER BY n, t, line`;

const HOLDS = `
  INSERT INTO ledger.holds (organization_id, id, api_key_id, amount_nanos, charged_nanos, state,
    placed_at, lease_expires_at, resolved_at)
  SELECT org, ${REFERENCE}, 'apikey_bench', (c1 - c0) * 2, c1 - c0, 'settled',
         ${AT}, ${AT}, ${AT}
    FROM bench_settlements ORDER BY n`;

const INDEXES = `
  ALTER TABLE ledger.entries ADD PRIMARY KEY (organization_id, transaction_no, line);
  CREATE INDEX entries_by_reference ON ledger.entries (organization_id, reference)`;
