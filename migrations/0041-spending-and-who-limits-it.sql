-- Why: advice about credit looks back over a month of spending. Reading every entry for it would take
-- longer the busier an organization is, so its charges are added up by pieces of five minutes, beside
-- the money path and not on it. And of every spend limit it is kept who set what, and when.
SET lock_timeout = '5s';

-- What requests took from grants, by when it took effect. Derived from entries and never an account.
CREATE TABLE ledger.spending (
  organization_id text NOT NULL,
  -- The beginning of five minutes.
  slice_at        timestamptz NOT NULL,
  spent_nanos     bigint NOT NULL CHECK (spent_nanos > 0),
  PRIMARY KEY (organization_id, slice_at)
);
-- The last transaction that is in the sums. What comes after it is read from the entries themselves,
-- so that sums and entries together are exact however long nobody has added up.
CREATE TABLE ledger.spending_upto (
  organization_id text PRIMARY KEY,
  transaction_no  bigint NOT NULL CHECK (transaction_no >= 0)
);
GRANT SELECT ON ledger.spending, ledger.spending_upto TO bursar_app;

CREATE FUNCTION ledger.spending_slice(p_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT date_bin('5 minutes', p_at, timestamptz '2000-01-01 00:00:00+00') $$;

-- The last transaction between two that was recorded before an instant: numbers are given under the
-- lock of the book, so they grow with time.
CREATE FUNCTION ledger.last_before(p_org text, p_at timestamptz, p_after bigint, p_upto bigint)
RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  low bigint := p_after;
  high bigint := p_upto + 1;
  middle bigint;
BEGIN
  WHILE high - low > 1 LOOP
    middle := low + (high - low) / 2;
    IF (SELECT recorded_at FROM ledger.entries
         WHERE organization_id = p_org AND transaction_no = middle AND line = 1) < p_at THEN
      low := middle;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- Adds the next `p_transactions` of an organization to its sums and forgets what is older than
-- anybody asks for. True if there are more. Who sees transaction N + 1 sees N (0014), so nothing can
-- still arrive below what was added. Two at once wait for each other at the first row.
CREATE FUNCTION ledger.add_up_spending(p_org text, p_transactions integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
DECLARE
  kept_from timestamptz := ledger.spending_slice(bursar.now()) - interval '32 days';
  done bigint;
  last bigint;
  upto bigint;
BEGIN
  INSERT INTO ledger.spending_upto VALUES (p_org, 0) ON CONFLICT DO NOTHING;
  SELECT transaction_no INTO done FROM ledger.spending_upto
   WHERE organization_id = p_org FOR UPDATE;
  SELECT next_transaction - 1 INTO last FROM ledger.books WHERE organization_id = p_org;
  IF last IS NULL OR last <= done THEN
    RETURN false;
  END IF;
  -- What took effect later was recorded later. Clocks of others may be a little off.
  done := ledger.last_before(p_org, kept_from - interval '10 minutes', done, last);
  upto := least(last, done + p_transactions);
  INSERT INTO ledger.spending AS s (organization_id, slice_at, spent_nanos)
  SELECT p_org, ledger.spending_slice(happened_at), sum(amount_nanos)::bigint
    FROM ledger.entries
   WHERE organization_id = p_org AND transaction_no > done AND transaction_no <= upto
     AND reason = 'usage.settle' AND happened_at >= kept_from
   GROUP BY 2
  ON CONFLICT (organization_id, slice_at)
     DO UPDATE SET spent_nanos = s.spent_nanos + excluded.spent_nanos;
  UPDATE ledger.spending_upto SET transaction_no = upto WHERE organization_id = p_org;
  DELETE FROM ledger.spending WHERE organization_id = p_org AND slice_at < kept_from;
  RETURN upto < last;
END $$;
REVOKE ALL ON FUNCTION ledger.add_up_spending(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.add_up_spending(text, integer) TO bursar_app;

-- Every time a limit was set, changed or removed (amount NULL), in the transaction that did it.
CREATE TABLE orgs.spend_limit_changes (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  seq             bigint NOT NULL CHECK (seq > 0),
  level           orgs.limit_level NOT NULL,
  subject_id      text NOT NULL,
  amount_nanos    bigint CHECK (amount_nanos >= 0),
  action          text CHECK (action IN ('notify_only', 'notify_and_pause')),
  set_by          text NOT NULL,
  set_at          timestamptz NOT NULL,
  PRIMARY KEY (organization_id, seq),
  CONSTRAINT removed_has_no_action CHECK ((amount_nanos IS NULL) = (action IS NULL))
);
GRANT SELECT, INSERT ON orgs.spend_limit_changes TO bursar_app;
-- Of limits set before, the last change is known.
INSERT INTO orgs.spend_limit_changes
SELECT organization_id, row_number() OVER (PARTITION BY organization_id ORDER BY set_at), level,
       subject_id, amount_nanos, action, set_by, set_at
  FROM orgs.spend_limits;

-- With the book locked, as whoever changes a limit has it: numbers have no gap and no twin.
CREATE FUNCTION orgs.note_limit_change(p_organization text, p_level text, p_subject text,
  p_amount bigint, p_action text, p_set_by text, p_now timestamptz) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO orgs.spend_limit_changes (organization_id, seq, level, subject_id, amount_nanos,
    action, set_by, set_at)
  SELECT p_organization, coalesce(max(seq), 0) + 1, p_level, p_subject, p_amount,
         CASE WHEN p_amount IS NOT NULL THEN p_action END, p_set_by, p_now
    FROM orgs.spend_limit_changes WHERE organization_id = p_organization
$$;

-- As in 0011, and noted.
CREATE OR REPLACE FUNCTION orgs.change_limit(p_organization text, p_level text, p_subject text,
  p_amount bigint, p_action text, p_set_by text, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_amount IS NULL THEN
    DELETE FROM orgs.spend_limits
     WHERE organization_id = p_organization AND level = p_level AND subject_id = p_subject;
    IF FOUND THEN
      PERFORM orgs.note_limit_change(p_organization, p_level, p_subject, NULL, NULL, p_set_by, p_now);
    END IF;
    UPDATE orgs.organizations o SET limited = false
     WHERE o.id = p_organization AND o.limited AND NOT EXISTS (
       SELECT FROM orgs.spend_limits l WHERE l.organization_id = p_organization);
    RETURN true;
  END IF;
  UPDATE orgs.spend_limits SET amount_nanos = p_amount, action = p_action, set_by = p_set_by,
         set_at = p_now, reached_at = CASE WHEN charged_nanos >= p_amount THEN p_now END
   WHERE organization_id = p_organization AND level = p_level AND subject_id = p_subject;
  IF FOUND THEN
    PERFORM orgs.note_limit_change(p_organization, p_level, p_subject, p_amount, p_action, p_set_by, p_now);
    RETURN true;
  END IF;
  RETURN false;
END $$;

-- As in 0011, and noted.
CREATE OR REPLACE FUNCTION orgs.add_limit(p_organization text, p_level text, p_subject text, p_amount bigint,
  p_action text, p_set_by text, p_now timestamptz, p_charged bigint, p_held bigint,
  p_last_charged bigint, p_last_held bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action, month,
    charged_nanos, held_nanos, last_charged_nanos, last_held_nanos, reached_at, set_by, set_at)
  VALUES (p_organization, p_level, p_subject, p_amount, p_action, orgs.month_of(p_now), p_charged,
    p_held, p_last_charged, p_last_held, CASE WHEN p_charged >= p_amount THEN p_now END, p_set_by, p_now);
  UPDATE orgs.organizations SET limited = true WHERE id = p_organization AND NOT limited;
  PERFORM orgs.note_limit_change(p_organization, p_level, p_subject, p_amount, p_action, p_set_by, p_now);
END $$;
