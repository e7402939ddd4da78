import type { Statement } from '#db/pool';

/** Organizations: one has 60 % of all requests, twenty share 35 %, five hundred the rest. */
const MIDDLING = 20;
const SMALL = 500;
/** Requests of one organization that arrive together, as group commit writes them. */
const BATCH = 16;
/** What requests use of each grant: $25, about 2,500 requests of a cent each. */
const USED = 25_000_000_000n;
/** What else is in a grant that ends otherwise than by use. */
const REST = 5_000_000_000n;
/** Grants that are bought before they are needed. */
const AHEAD = 8;
/** Requests in flight at the end. */
const OPEN = 20;
/** Entries of an average request: not all are charged, some need two lines, grants need three. */
const ENTRIES_PER_REQUEST = 0.98;

const END = `timestamptz '2026-11-20T00:00:00Z'`;
const MONTH = `date '2026-11-01'`;
const [LAST, THIS] = [`timestamptz '2026-10-01T00:00:00Z'`, `timestamptz '2026-11-01T00:00:00Z'`];

/** How one index, or the constraint it belongs to, is dropped and made again. */
export const indexesOf = (table: string): Statement => ({
  text: `SELECT coalesce('ALTER TABLE ' || $1 || ' DROP CONSTRAINT ' || c.conname,
                  'DROP INDEX ' || i.indexrelid::regclass) AS drop,
                coalesce('ALTER TABLE ' || $1 || ' ADD CONSTRAINT ' || c.conname || ' '
                  || pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)) AS make
           FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
          WHERE i.indrelid = $1::regclass ORDER BY i.indisprimary DESC`,
  values: [table],
});

const REQUEST = `'req_' || lpad(n::text, 26, '0')`;
const KEY = `'apikey_' || substr(org, 5) || n % 2`;
const WORKSPACE = `'wrkspc_' || substr(org, 5)`;
const grantId = (k: string): string => `'grant_' || lpad((${k})::text, 26, '0')`;

/** How a grant ends: one in ten otherwise than by use alone. */
const endOf = (k: string): string =>
  `CASE ${k} % 40 WHEN 7 THEN 'expired' WHEN 17 THEN 'voided' WHEN 27 THEN 'refunded'
     WHEN 37 THEN 'disputed' END`;
const restOf = (k: string): string => `(CASE WHEN ${k} % 10 = 7 THEN ${REST} ELSE 0 END)`;
const amountOf = (k: string): string => `(${USED} + ${restOf(k)})`;

/**
 * Everything follows from each organization's running cost, so that the balances written are not
 * computed by what is measured. c0 and c1: what it has spent before and after a request; s0 and s:
 * the grants the request begins and ends in; when one is entered, another is bought ahead and the
 * one before the last is done with. t: the first transaction of all that, and of the request.
 */
const requests = (count: number): string => `
  CREATE UNLOGGED TABLE bench_requests AS
  SELECT *, upto - booked AS t0, CASE WHEN booked > more THEN upto END AS t FROM (
    SELECT *, sum(booked) OVER w::bigint AS upto FROM (
      SELECT *, more + (cost > 0 OR loss > 0)::int AS booked FROM (
        SELECT *, CASE WHEN before IS NULL THEN ${AHEAD} WHEN before = s THEN 0
                  WHEN s < 2 THEN 1
                  ELSE CASE ${endOf('(s - 2)')} WHEN 'expired' THEN 2 WHEN 'voided' THEN 2
                         WHEN 'refunded' THEN 3 WHEN 'disputed' THEN 3 ELSE 1 END END AS more
          FROM (
            SELECT *, lag(s) OVER w AS before FROM (
              SELECT *, greatest(c1 - 1, 0) / ${USED} AS s,
                     least(c0 / ${USED}, greatest(c1 - 1, 0) / ${USED}) AS s0
                FROM (
                  SELECT *, sum(cost) OVER w::bigint - cost AS c0, sum(cost) OVER w::bigint AS c1
                    FROM (${spending(count)}) AS r WINDOW w AS (PARTITION BY org ORDER BY n)) AS c
            ) AS s WINDOW w AS (PARTITION BY org ORDER BY n)) AS l) AS m) AS b
    WINDOW w AS (PARTITION BY org ORDER BY n)) AS t
  ORDER BY n`;

/** One in forty is not charged, some of them at a loss; some cost more than they may. */
const spending = (count: number): string => `
  SELECT *, CASE state WHEN 'settled' THEN 2000000 + abs(hashint8(n)::bigint) % 16000000
              ELSE 0 END AS cost,
         CASE WHEN state = 'voided' AND n % 400 = 0 THEN 7000 ELSE 0 END AS loss,
         CASE WHEN state = 'settled' AND n % 1000 = 1 THEN 5000 ELSE 0 END AS overrun,
         ${END} - (${count} - n) * interval '500 ms' AS at
    FROM (SELECT n, 'org_' || lpad(CASE
                   WHEN b % 100 < 60 THEN 0
                   WHEN b % 100 < 95 THEN 1 + abs(hashint8(b)::bigint) % ${MIDDLING}
                   ELSE ${MIDDLING + 1} + abs(hashint8(b)::bigint) % ${SMALL} END::text, 26, '0')
                   AS org,
                 CASE WHEN n > ${count - OPEN} THEN 'open' WHEN n % 5000 = 3 THEN 'expired'
                   WHEN n % 40 = 0 THEN 'voided' ELSE 'settled' END AS state
            FROM (SELECT n, n / ${BATCH} AS b FROM generate_series(1, ${count}::bigint) AS n) AS q
         ) AS o`;

/** Grants by organization, with when they ended, if they did. */
const GRANTS_MADE = `
  CREATE UNLOGGED TABLE bench_grants AS
  SELECT o.org, k, ${grantId('k')} AS id, ${amountOf('k')} AS amount, g.at AS ended_at,
         CASE WHEN k % 40 = 17 THEN 0 ELSE ${amountOf('k')} / 5 END AS tax,
         CASE WHEN g.at IS NOT NULL THEN ${endOf('k')} END AS ended,
         greatest(least(${USED}, (k + 1) * ${USED} - spent), 0)
           + CASE WHEN g.at IS NULL THEN ${restOf('k')} ELSE 0 END AS remaining
    FROM (SELECT org, max(s) + ${AHEAD - 1} AS last, max(c1) AS spent
            FROM bench_requests GROUP BY org) AS o
   CROSS JOIN generate_series(0, last) AS k
    LEFT JOIN (SELECT org, s - 2 AS done, at FROM bench_requests WHERE before < s) AS g
      ON g.org = o.org AND g.done = k`;

const ORGANIZATIONS = `
  INSERT INTO orgs.organizations (id, name, limited)
  SELECT org, 'Bench', substr(org, 5)::int <= ${MIDDLING} FROM bench_requests GROUP BY org`;
const WORKSPACES = `
  INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
  SELECT id, 'wrkspc_' || substr(id, 5), 'Default', true FROM orgs.organizations`;
const KEYS = `
  INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
  SELECT o.id, 'apikey_' || substr(o.id, 5) || k, 'wrkspc_' || substr(o.id, 5), 'workspace',
         'bench', 'bench' FROM orgs.organizations o, generate_series(0, 1) AS k`;

const HELD = 20_000_000n;
const BOOKS = `
  INSERT INTO ledger.books (organization_id, next_transaction, held_nanos, live_nanos, live_until)
  SELECT org, max(upto) + 1, count(*) FILTER (WHERE state = 'open') * ${HELD},
         (SELECT sum(remaining) FROM bench_grants g WHERE g.org = r.org),
         (SELECT min(timestamptz '2100-01-01' + k * interval '1 s') FROM bench_grants g
           WHERE g.org = r.org AND remaining > 0)
    FROM bench_requests r GROUP BY org`;

const GRANTS = `
  INSERT INTO ledger.grants (organization_id, id, kind, amount_nanos, remaining_nanos, tax_nanos,
    source, granted_at, expires_at, stopped_at, voided_at, void_reason)
  SELECT org, id, CASE WHEN k % 40 = 17 THEN 'promotional' ELSE 'purchase' END, amount, remaining,
         tax, 'pi_' || k, ${END} - interval '1 year',
         CASE ended WHEN 'expired' THEN ended_at
           ELSE timestamptz '2100-01-01' + k * interval '1 s' END,
         CASE WHEN ended IN ('voided', 'disputed') THEN ended_at END,
         CASE ended WHEN 'voided' THEN ended_at END,
         CASE ended WHEN 'voided' THEN 'a mistake' END
    FROM bench_grants`;

const REFUNDS = `
  INSERT INTO ledger.refunds (organization_id, reference, grant_id, state, amount_nanos, tax_nanos,
    requested_at, ended_at)
  SELECT org, 're_' || k, id, 'paid', ${REST}, ${REST} / 5, ended_at, ended_at
    FROM bench_grants WHERE ended = 'refunded'`;
const FREEZES = `
  INSERT INTO ledger.freezes (organization_id, reference, grant_id, state, amount_nanos, seized_nanos,
    tax_nanos, frozen_at, ended_at)
  SELECT org, 'dp_' || k, id, 'seized', ${REST}, ${REST}, ${REST} / 5, ended_at, ended_at
    FROM bench_grants WHERE ended = 'disputed'`;

/** The lines of a request: one for each grant it draws on, then what nobody pays. */
const CHARGED = `
  SELECT org, n, t, k - s0 + 1 AS line, 'grant:' || ${grantId('k')} AS f, 'revenue' AS a,
         'usage.settle' AS reason,
         least(c1, (k + 1) * ${USED}) - greatest(c0, k * ${USED}) AS amount,
         (k + 1) * ${USED} - least(c1, (k + 1) * ${USED}) + ${restOf('k')} AS fb,
         NULL::bigint AS tb, ${REQUEST} AS reference, at
    FROM bench_requests, generate_series(s0, s) AS k WHERE cost > 0
   UNION ALL
  SELECT org, n, t, CASE WHEN loss > 0 THEN 1 ELSE s - s0 + 2 END,
         CASE WHEN loss > 0 THEN 'operator_upstream_loss' ELSE 'operator_overrun' END,
         CASE WHEN loss > 0 THEN 'upstream_unbilled' ELSE 'revenue' END,
         CASE WHEN loss > 0 THEN 'upstream.loss' ELSE 'usage.overrun' END,
         loss + overrun, NULL, NULL, ${REQUEST}, at
    FROM bench_requests WHERE loss > 0 OR overrun > 0`;

/** What is bought when a request enters its grant. */
const BOUGHT = `
  SELECT org, n, t0 + k - first + 1, line, f, a, reason, amount, NULL, tb, 'pi_' || k, at
    FROM (SELECT *, CASE WHEN before IS NULL THEN 0 ELSE s + ${AHEAD - 1} END AS first
            FROM bench_requests WHERE before IS DISTINCT FROM s) AS r
   CROSS JOIN generate_series(first, s + ${AHEAD - 1}) AS k
   CROSS JOIN LATERAL (VALUES
     (1, 'processor_balance', 'stripe_clearing', 'payment.received', ${amountOf('k')} * 6 / 5,
      NULL::bigint, true),
     (2, 'stripe_clearing', 'grant:' || ${grantId('k')}, 'credit.purchase', ${amountOf('k')},
      ${amountOf('k')}, true),
     (3, 'stripe_clearing', 'tax_payable', 'payment.tax', ${amountOf('k')} / 5, NULL, true),
     (1, 'promo_expense', 'grant:' || ${grantId('k')}, 'credit.promotional', ${amountOf('k')},
      ${amountOf('k')}, false)) AS v (line, f, a, reason, amount, tb, purchase)
   WHERE purchase = (k % 40 <> 17)`;

/** What becomes of the rest of the grant before the last, after that purchase. */
const ENDED = `
  SELECT r.org, r.n, r.t0 + 1 + nth, line, f, a, reason, amount, fb, tb,
         v.reference, at
    FROM (SELECT *, s - 2 AS k, 'grant:' || ${grantId('s - 2')} AS account FROM bench_requests
           WHERE before < s AND s >= 2) AS r
   CROSS JOIN LATERAL (VALUES
     ('expired', 1, 1, account, 'breakage', 'credit.expire', ${REST}, 0::bigint, NULL::bigint,
      'expiry:' || substr(account, 7)),
     ('voided', 1, 1, account, 'promo_expense', 'credit.void', ${REST}, 0, NULL,
      'void:' || substr(account, 7)),
     ('refunded', 1, 1, account, 'refund_clearing', 'refund.credit', ${REST}, 0, NULL, 're_' || k),
     ('refunded', 1, 2, 'tax_payable', 'refund_clearing', 'refund.tax', ${REST} / 5, NULL, NULL,
      're_' || k),
     ('refunded', 2, 1, 'refund_clearing', 'processor_balance', 'refund.paid', ${REST} * 6 / 5,
      NULL, NULL, 're_' || k),
     ('disputed', 1, 1, account, 'dispute_frozen', 'dispute.freeze', ${REST}, 0, ${REST}, 'dp_' || k),
     ('disputed', 2, 1, 'dispute_frozen', 'stripe_clearing', 'dispute.seize', ${REST}, 0, NULL,
      'dp_' || k),
     ('disputed', 2, 2, 'tax_payable', 'stripe_clearing', 'dispute.tax', ${REST} / 5, NULL, NULL,
      'dp_' || k),
     ('disputed', 2, 3, 'stripe_clearing', 'processor_balance', 'dispute.withdrawn',
      ${REST} * 6 / 5, NULL, NULL, 'dp_' || k)
     ) AS v (which, nth, line, f, a, reason, amount, fb, tb, reference)
   WHERE which = ${endOf('k')}`;

const ENTRIES = `
  INSERT INTO ledger.entries
  SELECT org, t, line, f, a, reason, amount, fb, tb, reference, at, at
    FROM (${CHARGED} UNION ALL ${BOUGHT} UNION ALL ${ENDED}) AS e ORDER BY n, t, line`;

const HOLDS = `
  INSERT INTO ledger.holds (organization_id, id, api_key_id, amount_nanos, charged_nanos, state,
    placed_at, lease_expires_at, resolved_at, transaction_no)
  SELECT org, ${REQUEST}, ${KEY}, ${HELD},
         CASE WHEN state IN ('settled', 'voided') THEN cost END, state, at - interval '3 s',
         CASE state WHEN 'open' THEN timestamptz '2100-01-01' ELSE at + interval '40 s' END,
         CASE WHEN state <> 'open' THEN at END, t
    FROM bench_requests ORDER BY n`;

/** One for all: nothing that is measured reads it, it is only as large as it would be. */
const USAGE = `'{"speed": "standard", "inferenceGeo": "global", "serviceTier": "standard",
  "webSearches": 0, "iterations": [{"model": "claude-opus-5-5", "inputTokens": 4321,
  "outputTokens": 321, "cacheReadTokens": 0, "cacheWrite5mTokens": 0}]}'::jsonb`;

const RECEIPTS = `
  INSERT INTO metering.requests
  SELECT org, ${REQUEST}, ${KEY}, ${WORKSPACE}, 'claude-opus-5-5',
         CASE state WHEN 'settled' THEN 'S2' ELSE 'S6' END,
         CASE state WHEN 'settled' THEN ${USAGE} END,
         '2026-11-01', cost, overrun, loss, CASE state WHEN 'settled' THEN 200 ELSE 529 END,
         false, false, false, at - interval '3 s', at
    FROM bench_requests WHERE state IN ('settled', 'voided') ORDER BY n`;

/** All three levels, for the organizations that are more than small. */
const LIMITS = `
  INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action, month,
    charged_nanos, held_nanos, last_charged_nanos, last_held_nanos, set_by, set_at)
  SELECT org, level, subject, 1000000000000000, 'notify_and_pause', ${MONTH}, sum(this), sum(held),
         sum(last), 0, 'bench', ${END}
    FROM (SELECT org, ${KEY} AS key,
                 coalesce(sum(cost) FILTER (WHERE placed >= ${THIS}), 0) AS this,
                 coalesce(sum(cost) FILTER (WHERE placed >= ${LAST} AND placed < ${THIS}), 0) AS last,
                 count(*) FILTER (WHERE state = 'open') * ${HELD} AS held
            FROM (SELECT *, at - interval '3 s' AS placed FROM bench_requests) AS r
           WHERE substr(org, 5)::int <= ${MIDDLING} GROUP BY org, key) AS k,
         LATERAL (VALUES ('organization', org), ('workspace', ${WORKSPACE}), ('api_key', key))
           AS v (level, subject)
   GROUP BY org, level, subject`;

/** The last night, three hours before the end. */
const NIGHT = `
  INSERT INTO ledger.verifications (began_at, at, mode, ok, entries, failed)
  VALUES (${END} - interval '3 hours', ${END} - interval '3 hours', 'incremental', true, 0, '{}')`;

/** What everything else is made from, and all that is small; in this order. */
export const groundwork = (entries: number): readonly string[] => [
  requests(Math.round(entries / ENTRIES_PER_REQUEST)),
  GRANTS_MADE,
  'ANALYZE bench_requests, bench_grants',
  ORGANIZATIONS,
  WORKSPACES,
  KEYS,
  BOOKS,
  GRANTS,
  REFUNDS,
  FREEZES,
  LIMITS,
  NIGHT,
];

/** The three large tables, each for itself. */
export const LARGE: Readonly<Record<string, string>> = {
  'ledger.entries': ENTRIES,
  'ledger.holds': HOLDS,
  'metering.requests': RECEIPTS,
};

export const cleared = 'DROP TABLE bench_requests, bench_grants';

/** Nothing is lost if the server goes down meanwhile: the ledger is made anew. */
export const unlogged = (table: string): string => `ALTER TABLE ${table} SET UNLOGGED`;

export const generously: Statement = {
  text: `SELECT set_config('work_mem', '1GB', true), set_config('maintenance_work_mem', '1GB', true),
                set_config('synchronous_commit', 'off', true)`,
};
