-- Why: a grant may stop being usable before it expires (a dispute freezes it), a hold may grow while
-- its stream runs, and admission must cost the same with one grant or with fifty. One idea carries
-- all three: a grant is usable until an instant; holds placed before that instant keep its cover.
SET lock_timeout = '5s';

-- `stopped_at`: since when a freeze keeps the grant from being promised; NULL if nothing does.
ALTER TABLE ledger.grants ADD COLUMN stopped_at timestamptz;
ALTER TABLE ledger.grants ADD COLUMN usable_until timestamptz NOT NULL
  GENERATED ALWAYS AS (least(expires_at, stopped_at)) STORED;
GRANT UPDATE (stopped_at) ON ledger.grants TO bursar_app;
-- The breakage job looks for these among all organizations.
CREATE INDEX grants_to_stop ON ledger.grants (usable_until) WHERE NOT exhausted;

-- Sums over the organization's grants, so that admission reads one row however many there are:
-- `live_nanos` is valid while now < `live_until`, the first instant at which a counted grant stops
-- being usable; `stopped_nanos` is what is left of those that already have.
ALTER TABLE ledger.books
  ADD COLUMN live_nanos bigint NOT NULL DEFAULT 0 CHECK (live_nanos >= 0),
  ADD COLUMN stopped_nanos bigint NOT NULL DEFAULT 0 CHECK (stopped_nanos >= 0),
  ADD COLUMN live_until timestamptz NOT NULL DEFAULT '-infinity';
GRANT UPDATE (live_nanos, stopped_nanos, live_until) ON ledger.books TO bursar_app;

-- Each step by which a hold grew. What was added after a grant stopped is not covered by it.
CREATE TABLE ledger.hold_extensions (
  organization_id text NOT NULL,
  hold_id         text NOT NULL,
  to_nanos        bigint NOT NULL,
  added_nanos     bigint NOT NULL CHECK (added_nanos > 0),
  extended_at     timestamptz NOT NULL,
  PRIMARY KEY (organization_id, hold_id, to_nanos)
);
GRANT SELECT, INSERT ON ledger.hold_extensions TO bursar_app;
GRANT UPDATE (amount_nanos) ON ledger.holds TO bursar_app;

-- One row per dispute of a payment: what it froze of the payment's grant, and how it ended.
CREATE TABLE ledger.freezes (
  organization_id text NOT NULL,
  reference       text NOT NULL,
  grant_id        text NOT NULL,
  state           text NOT NULL DEFAULT 'frozen'
    CHECK (state IN ('frozen', 'released', 'seized')),
  amount_nanos    bigint NOT NULL DEFAULT 0 CHECK (amount_nanos >= 0),
  frozen_at       timestamptz NOT NULL,
  ended_at        timestamptz,
  PRIMARY KEY (organization_id, reference),
  FOREIGN KEY (organization_id, grant_id) REFERENCES ledger.grants (organization_id, id),
  CHECK ((state = 'frozen') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX one_freeze_at_a_time ON ledger.freezes (organization_id, grant_id)
  WHERE state = 'frozen';
GRANT SELECT, INSERT ON ledger.freezes TO bursar_app;
GRANT UPDATE (state, amount_nanos, ended_at) ON ledger.freezes TO bursar_app;

-- The permitted moves, as in flows.ts; a test compares the two.
CREATE OR REPLACE FUNCTION ledger.flow_allowed(p_from text, p_to text, p_reason text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE p_reason
    WHEN 'payment.received' THEN p_from = 'processor_balance' AND p_to = 'stripe_clearing'
    WHEN 'payment.tax' THEN p_from = 'stripe_clearing' AND p_to = 'tax_payable'
    WHEN 'credit.purchase' THEN p_from = 'stripe_clearing' AND p_to LIKE 'grant:_%'
    WHEN 'credit.promotional' THEN p_from = 'promo_expense' AND p_to LIKE 'grant:_%'
    WHEN 'credit.adjustment' THEN p_from = 'promo_expense' AND p_to LIKE 'grant:_%'
    WHEN 'credit.void' THEN p_from LIKE 'grant:_%' AND p_to = 'promo_expense'
    WHEN 'credit.expire' THEN p_from LIKE 'grant:_%' AND p_to = 'breakage'
    WHEN 'usage.settle' THEN p_from LIKE 'grant:_%' AND p_to = 'revenue'
    WHEN 'usage.overrun' THEN p_from = 'operator_overrun' AND p_to = 'revenue'
    WHEN 'usage.receivable' THEN p_from = 'receivable' AND p_to = 'revenue'
    WHEN 'upstream.loss' THEN p_from = 'operator_upstream_loss' AND p_to = 'upstream_unbilled'
    WHEN 'dispute.freeze' THEN p_from LIKE 'grant:_%' AND p_to = 'dispute_frozen'
    WHEN 'dispute.release' THEN p_from = 'dispute_frozen' AND p_to LIKE 'grant:_%'
    WHEN 'dispute.seize' THEN p_from = 'dispute_frozen' AND p_to = 'stripe_clearing'
    WHEN 'dispute.debt' THEN p_from = 'customer_debt' AND p_to = 'stripe_clearing'
    WHEN 'dispute.breakage' THEN p_from = 'breakage' AND p_to = 'stripe_clearing'
    WHEN 'dispute.tax' THEN p_from = 'tax_payable' AND p_to = 'stripe_clearing'
    WHEN 'dispute.withdrawn' THEN p_from = 'stripe_clearing' AND p_to = 'processor_balance'
    WHEN 'debt.repaid' THEN p_from LIKE 'grant:_%' AND p_to = 'customer_debt'
    WHEN 'invoice.paid' THEN p_from = 'stripe_clearing' AND p_to = 'receivable'
    WHEN 'refund.credit' THEN p_from LIKE 'grant:_%' AND p_to = 'refund_clearing'
    WHEN 'refund.tax' THEN p_from = 'tax_payable' AND p_to = 'refund_clearing'
    WHEN 'refund.paid' THEN p_from = 'refund_clearing' AND p_to = 'processor_balance'
    WHEN 'refund.bounced' THEN p_from = 'processor_balance' AND p_to = 'refund_clearing'
    WHEN 'refund.returned' THEN p_from = 'refund_clearing' AND p_to LIKE 'grant:_%'
    WHEN 'refund.tax_returned' THEN p_from = 'refund_clearing' AND p_to = 'tax_payable'
    ELSE false
  END
$$;

-- Business time at the moment it is asked, for decisions made after waiting for a lock: bursar.now()
-- is when the statement began, and a grant may have expired while it waited.
CREATE FUNCTION bursar.now_under_lock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT bursar.now() + (clock_timestamp() - statement_timestamp()) $$;

-- What a hold promised at an instant: its amount without what was added since.
CREATE FUNCTION ledger.held_before(p_org text, p_hold text, p_amount bigint, p_at timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT p_amount - coalesce(sum(added_nanos), 0)::bigint FROM ledger.hold_extensions
   WHERE organization_id = p_org AND hold_id = p_hold AND extended_at >= p_at
$$;

-- What each stopped grant still covers of the open holds (money rule 3: "a held part stays spendable
-- by that hold"). A grant covers only what was promised before it stopped. Earliest stopped first:
-- its holds are the fewest. Holds whose lease ended by `p_alive` are left out.
CREATE FUNCTION ledger.covers(p_org text, p_now timestamptz, p_alive timestamptz)
RETURNS TABLE (grant_id text, covered_nanos bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  total bigint := 0;
  early bigint;
  g record;
BEGIN
  FOR g IN SELECT id, remaining_nanos, usable_until FROM ledger.grants
            WHERE organization_id = p_org AND NOT exhausted AND usable_until <= p_now
            ORDER BY usable_until, expires_at, paid, granted_at, id
  LOOP
    SELECT coalesce(sum(ledger.held_before(p_org, id, amount_nanos, g.usable_until)), 0) INTO early
      FROM ledger.holds
     WHERE organization_id = p_org AND state = 'open' AND lease_expires_at > p_alive
       AND placed_at < g.usable_until;
    grant_id := g.id;
    covered_nanos := least(g.remaining_nanos, greatest(early - total, 0));
    total := total + covered_nanos;
    RETURN NEXT;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION ledger.covered_by_expired(
  p_org text, p_now timestamptz, p_alive timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(sum(covered_nanos), 0)::bigint FROM ledger.covers(p_org, p_now, p_alive) $$;

-- available = usable grants - open holds that those must cover. Every display reads this one; the
-- hold statement reads the same sums from the book, and `verify` proves that they agree.
CREATE OR REPLACE FUNCTION ledger.available(
  p_org text, p_held bigint, p_now timestamptz, p_alive timestamptz DEFAULT '-infinity')
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  live bigint;
  stopped bigint;
BEGIN
  SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > p_now), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= p_now), 0)
    INTO live, stopped
    FROM ledger.grants WHERE organization_id = p_org AND NOT exhausted;
  IF stopped = 0 OR p_held = 0 THEN
    RETURN live - p_held;
  END IF;
  RETURN live - p_held + ledger.covered_by_expired(p_org, p_now, p_alive);
END $$;

-- Counts the grants anew into the book, whose lock the caller has.
CREATE FUNCTION ledger.count_grants(p_org text, p_now timestamptz) RETURNS ledger.books
LANGUAGE sql AS $$
  UPDATE ledger.books b
     SET live_nanos = g.live, stopped_nanos = g.stopped, live_until = g.until
    FROM (SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > p_now), 0) AS live,
                 coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= p_now), 0) AS stopped,
                 coalesce(min(usable_until) FILTER (WHERE usable_until > p_now), 'infinity') AS until
            FROM ledger.grants WHERE organization_id = p_org AND NOT exhausted) AS g
   WHERE b.organization_id = p_org
  RETURNING b.*
$$;
