-- Why: entries cannot be changed through the application, but whoever owns the server can. Blocks of
-- entries are sealed into a chain of hashes by a job, off the money path: a row that is changed,
-- removed or put in later no longer agrees with its seal. Each seal keeps the balances at its end,
-- so that verification and balances of the past start there and not at the beginning.
SET lock_timeout = '5s';

-- One block of one organization: transactions `from_transaction` to `to_transaction`, whole.
-- hash = sha256(hash of the block before || organization || from || to || entries in order).
-- `balances`: of the accounts that verification follows, at the end of the block; zeros left out.
CREATE TABLE ledger.seals (
  organization_id  text NOT NULL,
  from_transaction bigint NOT NULL CHECK (from_transaction > 0),
  to_transaction   bigint NOT NULL,
  entries          bigint NOT NULL,
  entries_total    bigint NOT NULL,
  previous_hash    bytea NOT NULL,
  hash             bytea NOT NULL,
  balances         jsonb NOT NULL,
  sealed_at        timestamptz NOT NULL,
  PRIMARY KEY (organization_id, to_transaction),
  -- The chain cannot fork: of two sealers at once one finds its place taken.
  UNIQUE (organization_id, from_transaction),
  CHECK (to_transaction >= from_transaction)
);

CREATE FUNCTION ledger.refuse_seal_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger seals are never changed or removed' USING ERRCODE = 'BU012';
END $$;
CREATE TRIGGER seals_are_append_only BEFORE UPDATE OR DELETE ON ledger.seals
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_seal_change();
CREATE TRIGGER seals_are_never_truncated BEFORE TRUNCATE ON ledger.seals
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_seal_change();
-- The application reads seals and asks for new ones; it cannot write one of its own making.
GRANT SELECT ON ledger.seals TO bursar_app;

-- Accounts that carry a running balance; the platform's carry none.
CREATE FUNCTION ledger.carries_balance(p_account text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT p_account LIKE 'grant:%' OR p_account IN ('dispute_frozen', 'customer_debt', 'receivable')
$$;

-- An entry as bytes: its integers and the lengths of its texts, its two times, its texts. The send
-- functions write the wire format that drivers rely on (big-endian integers, NULL as length -1,
-- microseconds since 2000, UTF-8), so no setting (time zone, date style, locale) changes them, and
-- with the lengths in front two different entries never give equal bytes. Half the cost of
-- record_send. Columns are named: one added to the table later does not change what was sealed.
CREATE FUNCTION ledger.entry_bytes(
  p_no bigint, p_line smallint, p_from text, p_to text, p_reason text, p_amount bigint,
  p_from_balance bigint, p_to_balance bigint, p_reference text, p_happened timestamptz,
  p_recorded timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT array_send(ARRAY[p_no, p_line, p_amount, p_from_balance, p_to_balance,
      octet_length(p_from), octet_length(p_to), octet_length(p_reason)])
    || timestamptz_send(p_happened) || timestamptz_send(p_recorded)
    || textsend(p_from || p_to || p_reason || p_reference)
$$;

CREATE FUNCTION ledger.seal_hash(
  p_previous bytea, p_org text, p_from bigint, p_to bigint, p_entries bytea)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(p_previous || textsend(p_org) || int8send(p_from) || int8send(p_to)
    || coalesce(p_entries, ''))
$$;

-- Balances after a range of transactions, from those before it.
CREATE FUNCTION ledger.balances_after(p_org text, p_from bigint, p_to bigint, p_before jsonb)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_object_agg(account, balance), '{}') FROM (
    SELECT account, sum(delta) AS balance FROM (
      SELECT key AS account, value::numeric AS delta FROM jsonb_each_text(p_before)
      UNION ALL
      SELECT account, delta_nanos FROM ledger.legs
       WHERE organization_id = p_org AND transaction_no BETWEEN p_from AND p_to
         AND (ledger.carries_balance(account) OR account IN ('stripe_clearing', 'refund_clearing'))
    ) AS d GROUP BY account HAVING sum(delta) <> 0) AS b
$$;

-- Seals the next block of up to `p_transactions`; answers the last transaction sealed, NULL if there
-- is nothing to seal. Safe beside running commits without taking a lock: an entry gets its number
-- under the lock of the organization's book, which is kept until its commit, so transaction N + 1
-- can begin only after N has ended, and who sees N + 1 sees N. The one statement reads the book and
-- the entries in one snapshot: everything below `next_transaction` is there, and nothing can still
-- arrive below it. One that rolled back gave its number back with the book.
CREATE FUNCTION ledger.seal_block(p_org text, p_transactions integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
  WITH last AS MATERIALIZED (
    SELECT b.organization_id, coalesce(s.to_transaction, 0) AS upto,
           coalesce(s.entries_total, 0) AS total, coalesce(s.hash, '') AS hash,
           coalesce(s.balances, '{}') AS balances,
           least(b.next_transaction - 1, coalesce(s.to_transaction, 0) + p_transactions) AS next
      FROM ledger.books b
      LEFT JOIN LATERAL (SELECT * FROM ledger.seals WHERE organization_id = p_org
                          ORDER BY to_transaction DESC LIMIT 1) AS s ON true
     WHERE b.organization_id = p_org)
  INSERT INTO ledger.seals
  SELECT p_org, l.upto + 1, l.next, e.lines, l.total + e.lines, l.hash,
         ledger.seal_hash(l.hash, p_org, l.upto + 1, l.next, e.bytes),
         ledger.balances_after(p_org, l.upto + 1, l.next, l.balances), bursar.now()
    FROM last l, LATERAL (
      SELECT count(*) AS lines,
             string_agg(ledger.entry_bytes(transaction_no, line, from_account, to_account, reason,
               amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at,
               recorded_at), '' ORDER BY transaction_no, line) AS bytes
        FROM ledger.entries
       WHERE organization_id = p_org AND transaction_no BETWEEN l.upto + 1 AND l.next) AS e
   WHERE l.next > l.upto
  ON CONFLICT DO NOTHING
  RETURNING to_transaction
$$;
REVOKE ALL ON FUNCTION ledger.seal_block(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.seal_block(text, integer) TO bursar_app;

-- What each verification found, for the operator; the alarm is a line of the log.
CREATE TABLE ledger.verifications (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL,
  mode    text NOT NULL CHECK (mode IN ('incremental', 'full')),
  ok      boolean NOT NULL,
  entries bigint NOT NULL,
  failed  text[] NOT NULL,
  CHECK (ok = (failed = '{}'))
);
GRANT SELECT, INSERT ON ledger.verifications TO bursar_app;

-- One row per night of business time, so that of several workers one does the work. The lease follows
-- real time: a worker that died is dead in real time.
CREATE TABLE ledger.nights (
  night        date PRIMARY KEY,
  leased_until timestamptz NOT NULL,
  done_at      timestamptz
);
GRANT SELECT, INSERT ON ledger.nights TO bursar_app;
GRANT UPDATE (leased_until, done_at) ON ledger.nights TO bursar_app;

-- Counters of spend limits, this month's and the last one's, beside a recount of the holds placed in
-- each. Reads orgs and ledger, so it belongs to charging, where the two meet.
CREATE VIEW charging.spend_recount AS
  SELECT l.organization_id, l.level, l.subject_id, c.month, c.held_nanos, c.charged_nanos,
         h.held AS recounted_held, h.charged AS recounted_charged
    FROM orgs.spend_limits l
   CROSS JOIN LATERAL (VALUES
     (l.month, l.held_nanos, l.charged_nanos),
     ((l.month - interval '1 month')::date, l.last_held_nanos, l.last_charged_nanos)
   ) AS c (month, held_nanos, charged_nanos)
   CROSS JOIN LATERAL (
     SELECT coalesce(sum(h.amount_nanos) FILTER (WHERE h.state = 'open'), 0) AS held,
            coalesce(sum(h.charged_nanos), 0) AS charged
       FROM ledger.holds h
       JOIN orgs.api_keys k ON k.organization_id = h.organization_id AND k.id = h.api_key_id
      WHERE h.organization_id = l.organization_id AND orgs.month_of(h.placed_at) = c.month
        AND l.subject_id = CASE l.level WHEN 'organization' THEN h.organization_id
                                        WHEN 'workspace' THEN k.workspace_id ELSE h.api_key_id END
   ) AS h;
GRANT SELECT ON charging.spend_recount TO bursar_app;

-- What receipts say was charged, with the place of each row, so that it can be read in pieces.
CREATE VIEW charging.receipt_charges AS
  SELECT ctid AS place, organization_id, request_id, charged_nanos FROM metering.requests;
GRANT SELECT ON charging.receipt_charges TO bursar_app;
