-- Why: credit that runs low is bought again without a person, and never more than was agreed. What
-- must not be passed is a fact of these tables: one reload at a time, what was made in a day and a
-- month, and whether it is switched on when the charge begins.
SET lock_timeout = '5s';

-- Who wants to be told once when an organization has less than this left: usable grants less what it
-- owes. Open holds are not spent yet and do not count. Telling takes the wish away, so that whoever
-- works below it is told once; who still wants to know says so again, and is told at once if it is so.
ALTER TABLE ledger.books ADD COLUMN low_at_nanos ledger.sum;
GRANT UPDATE (low_at_nanos) ON ledger.books TO bursar_app;

-- In the transaction of whatever takes the credit: a settlement, an expiry, a dispute.
CREATE FUNCTION ledger.tell_low() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM graphile_worker.add_job('credit_low', json_build_object('organization_id', NEW.organization_id),
    job_key := 'credit_low:' || NEW.organization_id);
  NEW.low_at_nanos := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER low_is_told_once BEFORE UPDATE ON ledger.books FOR EACH ROW
  WHEN (NEW.low_at_nanos > NEW.live_nanos + NEW.customer_debt_nanos)
  EXECUTE FUNCTION ledger.tell_low();

CREATE TABLE payments.auto_reload (
  organization_id   text PRIMARY KEY REFERENCES orgs.organizations (id),
  enabled           boolean NOT NULL,
  threshold_nanos   bigint NOT NULL CHECK (threshold_nanos >= 0),
  target_nanos      bigint NOT NULL CHECK (target_nanos > threshold_nanos),
  max_per_day       integer NOT NULL CHECK (max_per_day BETWEEN 1 AND 24),
  -- What cards may be charged in a calendar month (UTC), tax included.
  max_month_nanos   bigint CHECK (max_month_nanos > 0),
  -- Of disputes and fraud warnings payments.reload_pauses knows.
  paused_reason     text CHECK (paused_reason IN ('card_declined', 'declined_repeatedly',
    'verification_required')),
  paused_at         timestamptz,
  -- Refusals one after the other; a success or a new card starts anew.
  soft_declines     integer NOT NULL DEFAULT 0 CHECK (soft_declines >= 0),
  declined_at       timestamptz,
  -- When a brake ends and the balance is looked at again. Business time.
  look_again_at     timestamptz,
  -- Proof of what was agreed to: which words, when, by whom. Kept while it is switched off.
  consent_version   text,
  consent_at        timestamptz,
  consent_by        text,
  changed_at        timestamptz NOT NULL DEFAULT bursar.now(),
  changed_by        text NOT NULL,
  CONSTRAINT paused_says_since_when CHECK ((paused_reason IS NULL) = (paused_at IS NULL)),
  CONSTRAINT enabled_was_agreed_to CHECK (NOT enabled OR consent_at IS NOT NULL)
);
CREATE INDEX auto_reload_to_look_at ON payments.auto_reload (look_again_at)
  WHERE look_again_at IS NOT NULL;

-- Every time the question was asked, and the answer. Equal answers one after the other are one row.
CREATE TABLE payments.auto_reload_evaluations (
  organization_id text NOT NULL REFERENCES payments.auto_reload (organization_id),
  seq             bigint NOT NULL CHECK (seq > 0),
  first_at        timestamptz NOT NULL DEFAULT bursar.now(),
  last_at         timestamptz NOT NULL DEFAULT bursar.now(),
  times           integer NOT NULL DEFAULT 1 CHECK (times > 0),
  cause           text NOT NULL,
  outcome         text NOT NULL,
  -- What was compared with the threshold: usable grants less debt, and what is on its way.
  counted_nanos   bigint NOT NULL,
  pending_nanos   bigint NOT NULL,
  threshold_nanos bigint NOT NULL,
  purchase_id     text,
  until           timestamptz,
  PRIMARY KEY (organization_id, seq)
);

-- The card a reload is charged to, as its row says: a repeated request must equal the first.
ALTER TABLE payments.purchases ADD COLUMN payment_method_id text;
CREATE UNIQUE INDEX one_reload_at_a_time ON payments.purchases (organization_id)
  WHERE trigger = 'auto_reload' AND state IN ('draft', 'opening', 'awaiting_customer', 'processing',
    'declined');

GRANT SELECT, INSERT, UPDATE ON payments.auto_reload, payments.auto_reload_evaluations
  TO bursar_app;
