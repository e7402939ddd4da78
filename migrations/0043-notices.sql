-- Why: what happened to an organization's money is told to people, once for each thing that happened,
-- whoever noticed it and however often, and it is known whom it reached.
SET lock_timeout = '5s';

CREATE SCHEMA notices;
GRANT USAGE ON SCHEMA notices TO bursar_app;

-- One row per thing that happened: `key` names it among those of its kind. The organization
-- "operators" stands for those who run the deployment, hence no reference.
CREATE TABLE notices.notices (
  organization_id text NOT NULL,
  id              text NOT NULL,
  kind            text NOT NULL,
  key             text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 300),
  -- Amounts as decimal text, times as RFC 3339: what the words are made from.
  facts           jsonb NOT NULL,
  happened_at     timestamptz NOT NULL DEFAULT bursar.now(),
  -- When it was decided who is told. Real time, as everything about sending.
  announced_at    timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT one_notice_per_transition UNIQUE (organization_id, kind, key)
);
CREATE INDEX notices_to_announce ON notices.notices (organization_id, id) WHERE announced_at IS NULL;
CREATE INDEX notices_newest_first ON notices.notices (organization_id, happened_at DESC, id DESC);

-- One mail to one address. `next_try_at` is also the lease of whoever sends it: one who dies
-- is followed by another, who sends the same mail under the same name.
CREATE TABLE notices.mails (
  organization_id text NOT NULL,
  id              text NOT NULL,
  form            text NOT NULL CHECK (form IN ('single', 'digest', 'confirmation')),
  address         text NOT NULL CHECK (address = lower(address) AND address LIKE '%_@_%'),
  -- Why this address: a role, or a word for what it is.
  reached_as      text NOT NULL,
  state           text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
  tries           integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
  -- Our word for what went wrong, never a server's.
  problem         text,
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  next_try_at     timestamptz NOT NULL DEFAULT bursar.real_now(),
  ended_at        timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT ended_says_when CHECK ((state = 'queued') = (ended_at IS NULL))
);
CREATE INDEX mails_to_send ON notices.mails (next_try_at) WHERE state = 'queued';
CREATE INDEX mails_that_failed ON notices.mails (organization_id, address, ended_at);

-- Whom a notice is for. Without a mail it waits for the daily summary.
CREATE TABLE notices.deliveries (
  organization_id text NOT NULL,
  notice_id       text NOT NULL,
  address         text NOT NULL,
  reached_as      text NOT NULL,
  mail_id         text,
  PRIMARY KEY (organization_id, notice_id, address),
  FOREIGN KEY (organization_id, notice_id) REFERENCES notices.notices (organization_id, id),
  FOREIGN KEY (organization_id, mail_id) REFERENCES notices.mails (organization_id, id)
);
CREATE INDEX deliveries_by_mail ON notices.deliveries (organization_id, mail_id);
CREATE INDEX deliveries_that_wait ON notices.deliveries (organization_id, address)
  WHERE mail_id IS NULL;

-- What an organization chose. Without a row the standard holds.
CREATE TABLE notices.settings (
  organization_id   text PRIMARY KEY REFERENCES orgs.organizations (id),
  low_balance_nanos bigint CHECK (low_balance_nanos > 0),
  runway_days       integer CHECK (runway_days BETWEEN 1 AND 90),
  -- Percent of a spend limit.
  limit_steps       integer[] NOT NULL,
  digest            boolean NOT NULL,
  -- Topic → roles, of those topics where it is not the standard.
  roles             jsonb NOT NULL DEFAULT '{}',
  changed_at        timestamptz NOT NULL DEFAULT bursar.now(),
  changed_by        text NOT NULL
);

-- Addresses of nobody who signs in here: told nothing until their owner agrees.
CREATE TABLE notices.addresses (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  address         text NOT NULL CHECK (address = lower(address) AND address LIKE '%_@_%'),
  topics          text[] NOT NULL,
  added_at        timestamptz NOT NULL DEFAULT bursar.now(),
  added_by        text NOT NULL,
  confirmed_at    timestamptz,
  PRIMARY KEY (organization_id, address)
);

-- What the owner of an address wants to hear no more of.
CREATE TABLE notices.opt_outs (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  address         text NOT NULL,
  topic           text NOT NULL,
  at              timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, address, topic)
);

-- Where something that goes up and down stands, so that each change of it is told once.
CREATE TABLE notices.watches (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  subject         text NOT NULL CHECK (subject IN ('credit', 'runway')),
  state           text NOT NULL,
  -- Counts what was told, and is part of its key.
  episode         bigint NOT NULL DEFAULT 0,
  -- What was left when requests began to be refused.
  level_nanos     bigint NOT NULL DEFAULT 0,
  looked_at       timestamptz NOT NULL DEFAULT bursar.real_now(),
  PRIMARY KEY (organization_id, subject)
);

GRANT SELECT, INSERT ON notices.notices, notices.deliveries, notices.mails TO bursar_app;
GRANT UPDATE (announced_at) ON notices.notices TO bursar_app;
GRANT UPDATE (mail_id) ON notices.deliveries TO bursar_app;
GRANT UPDATE (state, tries, problem, next_try_at, ended_at) ON notices.mails TO bursar_app;
GRANT SELECT, INSERT, UPDATE ON notices.settings, notices.watches TO bursar_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON notices.addresses, notices.opt_outs TO bursar_app;

-- The band in which an organization's credit is expected: usable grants less what it owes, at least
-- `notice_from…` leaves it upwards, less than `notice_below…` downwards. Leaving it is told once, in
-- the transaction that moves the credit, and takes the band away; whoever is told sets the next one,
-- and is told at once if it is left already. The first credit of an organization is the first to be told.
ALTER TABLE ledger.books
  ADD COLUMN notice_below_nanos ledger.sum,
  ADD COLUMN notice_from_nanos  ledger.sum DEFAULT 1,
  -- All wishes in one, that of 0037 included, because every statement that moves credit reads the
  -- condition of the trigger anew: one comparison costs what it did before.
  ADD COLUMN quiet_band         int8range DEFAULT '(,1)';
GRANT UPDATE (notice_below_nanos, notice_from_nanos) ON ledger.books TO bursar_app;
-- Whoever was told and died before setting the next one is found by this.
CREATE INDEX books_without_a_band ON ledger.books (organization_id)
  WHERE notice_below_nanos IS NULL AND notice_from_nanos IS NULL;

-- Where nobody wants to be told. Empty where there is no such place; NULL without a wish.
CREATE FUNCTION ledger.quiet_band(p_low bigint, p_below bigint, p_from bigint) RETURNS int8range
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN greatest(p_low, p_below) IS NULL AND p_from IS NULL THEN NULL
    WHEN greatest(p_low, p_below) >= p_from THEN 'empty'
    ELSE int8range(greatest(p_low, p_below), p_from)
  END
$$;
UPDATE ledger.books SET quiet_band = ledger.quiet_band(low_at_nanos, NULL, 1)
  WHERE low_at_nanos IS NOT NULL;

CREATE FUNCTION ledger.keep_quiet_band() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.quiet_band :=
    ledger.quiet_band(NEW.low_at_nanos, NEW.notice_below_nanos, NEW.notice_from_nanos);
  RETURN NEW;
END $$;

CREATE FUNCTION ledger.tell_credit_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  credit bigint := NEW.live_nanos + NEW.customer_debt_nanos;
  payload json := json_build_object('organization_id', NEW.organization_id);
BEGIN
  IF NEW.low_at_nanos > credit THEN
    PERFORM graphile_worker.add_job('credit_low', payload,
      job_key := 'credit_low:' || NEW.organization_id);
    NEW.low_at_nanos := NULL;
  END IF;
  IF NEW.notice_below_nanos > credit OR NEW.notice_from_nanos <= credit THEN
    PERFORM graphile_worker.add_job('credit_band_left', payload,
      job_key := 'credit_band_left:' || NEW.organization_id);
    NEW.notice_below_nanos := NULL;
    NEW.notice_from_nanos := NULL;
  END IF;
  NEW.quiet_band :=
    ledger.quiet_band(NEW.low_at_nanos, NEW.notice_below_nanos, NEW.notice_from_nanos);
  RETURN NEW;
END $$;

-- In the order of their names: a wish is part of the band before the band is compared.
DROP TRIGGER low_is_told_once ON ledger.books;
DROP FUNCTION ledger.tell_low();
CREATE TRIGGER band_follows_wishes
  BEFORE UPDATE OF low_at_nanos, notice_below_nanos, notice_from_nanos ON ledger.books
  FOR EACH ROW EXECUTE FUNCTION ledger.keep_quiet_band();
CREATE TRIGGER moved_is_told_once BEFORE UPDATE ON ledger.books FOR EACH ROW
  WHEN (NOT NEW.quiet_band @> (NEW.live_nanos + NEW.customer_debt_nanos))
  EXECUTE FUNCTION ledger.tell_credit_moved();
