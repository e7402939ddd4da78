-- Why: the book of all money. An entry moves an amount from one account to another, so every
-- transaction sums to zero by its shape, not by a check; which moves are allowed is enforced here;
-- entries are never changed. Balances with a floor are kept beside the entries and locked.
SET lock_timeout = '5s';

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO bursar_app;

-- One row per organization: the lock of its money, and the running balances of its fixed accounts.
-- `held` is a memorandum: what open holds have promised, not a move of money.
CREATE TABLE ledger.books (
  organization_id      text PRIMARY KEY REFERENCES orgs.organizations (id),
  held_nanos           bigint NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
  dispute_frozen_nanos bigint NOT NULL DEFAULT 0 CHECK (dispute_frozen_nanos >= 0),
  customer_debt_nanos  bigint NOT NULL DEFAULT 0 CHECK (customer_debt_nanos <= 0),
  receivable_nanos     bigint NOT NULL DEFAULT 0 CHECK (receivable_nanos <= 0),
  next_transaction     bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);

-- `remaining_nanos` is the running balance of account grant:<id>; its floor is the promise that
-- nobody spends what they do not have. `exhausted` lets the index of live grants ignore spending.
CREATE TABLE ledger.grants (
  organization_id text NOT NULL REFERENCES ledger.books (organization_id),
  id              text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('purchase', 'promotional', 'adjustment')),
  amount_nanos    bigint NOT NULL CHECK (amount_nanos > 0 AND amount_nanos <= 1000000000000000000),
  remaining_nanos bigint NOT NULL DEFAULT 0,
  source          text NOT NULL,
  reason          text,
  granted_at      timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  exhausted       boolean NOT NULL GENERATED ALWAYS AS (remaining_nanos = 0) STORED,
  paid            boolean NOT NULL GENERATED ALWAYS AS (kind = 'purchase') STORED,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, source),
  CONSTRAINT grant_floor CHECK (remaining_nanos >= 0),
  CONSTRAINT grant_ceiling CHECK (remaining_nanos <= amount_nanos)
) WITH (fillfactor = 50);
-- Burn-down order: soonest expiry, promotional before paid, oldest, then id. The same order is
-- `byBurnDown` in src/ledger/grants.ts; a test compares the two.
CREATE INDEX live_grants_in_burn_order ON ledger.grants
  (organization_id, expires_at, paid, granted_at, id) WHERE NOT exhausted;

-- Holds and entries carry no foreign key to the book: both are written only by functions that have
-- just locked it, and a check per row would be paid on every request.
CREATE TABLE ledger.holds (
  organization_id  text NOT NULL,
  id               text NOT NULL,
  api_key_id       text NOT NULL,
  amount_nanos     bigint NOT NULL CHECK (amount_nanos >= 0),
  charged_nanos    bigint CHECK (charged_nanos >= 0),
  state            text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'settled', 'voided', 'expired', 'settled_late')),
  placed_at        timestamptz NOT NULL,
  lease_expires_at timestamptz NOT NULL,
  resolved_at      timestamptz,
  PRIMARY KEY (organization_id, id),
  CHECK ((state = 'open') = (resolved_at IS NULL))
);
CREATE INDEX open_holds ON ledger.holds (organization_id, lease_expires_at)
  WHERE state = 'open';
CREATE INDEX lapsing_holds ON ledger.holds (lease_expires_at) WHERE state = 'open';

-- The permitted (from, to, reason) moves; `flows.ts` holds the same table and a test compares them.
CREATE FUNCTION ledger.flow_allowed(p_from text, p_to text, p_reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE p_reason
    WHEN 'payment.received' THEN p_from = 'processor_balance' AND p_to = 'stripe_clearing'
    WHEN 'payment.tax' THEN p_from = 'stripe_clearing' AND p_to = 'tax_payable'
    WHEN 'credit.purchase' THEN p_from = 'stripe_clearing' AND p_to LIKE 'grant:_%'
    WHEN 'credit.promotional' THEN p_from = 'promo_expense' AND p_to LIKE 'grant:_%'
    WHEN 'credit.adjustment' THEN p_from = 'promo_expense' AND p_to LIKE 'grant:_%'
    WHEN 'credit.expire' THEN p_from LIKE 'grant:_%' AND p_to = 'breakage'
    WHEN 'usage.settle' THEN p_from LIKE 'grant:_%' AND p_to = 'revenue'
    WHEN 'usage.overrun' THEN p_from = 'operator_overrun' AND p_to = 'revenue'
    WHEN 'usage.receivable' THEN p_from = 'receivable' AND p_to = 'revenue'
    WHEN 'upstream.loss' THEN p_from = 'operator_upstream_loss' AND p_to = 'upstream_unbilled'
    WHEN 'dispute.freeze' THEN p_from LIKE 'grant:_%' AND p_to = 'dispute_frozen'
    WHEN 'dispute.release' THEN p_from = 'dispute_frozen' AND p_to LIKE 'grant:_%'
    WHEN 'dispute.seize' THEN p_from = 'dispute_frozen' AND p_to = 'stripe_clearing'
    WHEN 'dispute.debt' THEN p_from = 'customer_debt' AND p_to = 'stripe_clearing'
    WHEN 'dispute.withdrawn' THEN p_from = 'stripe_clearing' AND p_to = 'processor_balance'
    WHEN 'debt.repaid' THEN p_from = 'stripe_clearing' AND p_to = 'customer_debt'
    WHEN 'invoice.paid' THEN p_from = 'stripe_clearing' AND p_to = 'receivable'
    WHEN 'refund.credit' THEN p_from LIKE 'grant:_%' AND p_to = 'refund_clearing'
    WHEN 'refund.tax' THEN p_from = 'tax_payable' AND p_to = 'refund_clearing'
    WHEN 'refund.paid' THEN p_from = 'refund_clearing' AND p_to = 'processor_balance'
    ELSE false
  END
$$;

CREATE TABLE ledger.entries (
  organization_id    text NOT NULL,
  transaction_no     bigint NOT NULL CHECK (transaction_no > 0),
  line               smallint NOT NULL,
  from_account       text NOT NULL,
  to_account         text NOT NULL,
  reason             text NOT NULL,
  amount_nanos       bigint NOT NULL CHECK (amount_nanos > 0),
  -- Balances after this entry, for accounts of the organization; NULL for the platform's.
  from_balance_nanos bigint,
  to_balance_nanos   bigint,
  reference          text NOT NULL,
  happened_at        timestamptz NOT NULL,
  recorded_at        timestamptz NOT NULL,
  PRIMARY KEY (organization_id, transaction_no, line)
);

-- A trigger and not a CHECK: PostgreSQL prepares a CHECK's expression anew for every statement, and
-- this long one cost more than the insert itself.
CREATE FUNCTION ledger.refuse_flow() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF ledger.flow_allowed(NEW.from_account, NEW.to_account, NEW.reason) IS NOT TRUE THEN
    RAISE EXCEPTION 'the flow % from % to % is not permitted',
      NEW.reason, NEW.from_account, NEW.to_account USING ERRCODE = 'BU011';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER only_permitted_flows BEFORE INSERT ON ledger.entries
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_flow();

-- From a request or a payment to what it moved.
CREATE INDEX entries_by_reference ON ledger.entries (organization_id, reference);

-- Append-only three times over: no privilege, no trigger that lets it pass, no statement that asks.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger entries are never changed or removed; post a correction'
    USING ERRCODE = 'BU010';
END $$;
CREATE TRIGGER entries_are_append_only BEFORE UPDATE OR DELETE ON ledger.entries
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER entries_are_never_truncated BEFORE TRUNCATE ON ledger.entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What a grant promised, and to whom, is written once; only what moves may be updated.
GRANT SELECT, INSERT ON ledger.books, ledger.grants, ledger.holds TO bursar_app;
GRANT UPDATE (held_nanos, dispute_frozen_nanos, customer_debt_nanos, receivable_nanos,
  next_transaction) ON ledger.books TO bursar_app;
GRANT UPDATE (remaining_nanos) ON ledger.grants TO bursar_app;
GRANT UPDATE (state, charged_nanos, resolved_at, lease_expires_at) ON ledger.holds TO bursar_app;
GRANT SELECT, INSERT ON ledger.entries TO bursar_app;

-- Double entry as accountants read it: each entry as a credit and a debit of its two accounts.
CREATE VIEW ledger.legs AS
  SELECT organization_id, transaction_no, line, from_account AS account, -amount_nanos AS delta_nanos,
         from_balance_nanos AS balance_nanos, reason, reference, happened_at, recorded_at
    FROM ledger.entries
  UNION ALL
  SELECT organization_id, transaction_no, line, to_account, amount_nanos,
         to_balance_nanos, reason, reference, happened_at, recorded_at
    FROM ledger.entries;
GRANT SELECT ON ledger.legs TO bursar_app;
