-- Why: a purchase is a row before anything is asked of the processor, so that no crash, double
-- click or lost answer can charge twice or credit nothing. Amounts are nano-USD here; cents exist
-- only at the processor's door.
SET lock_timeout = '5s';

CREATE SCHEMA payments;
GRANT USAGE ON SCHEMA payments TO bursar_app;

-- One customer object of the processor per organization and deployment: fact 4 of a settlement
-- compares with it, and a test account's customer does not exist in the live one.
CREATE TABLE payments.customers (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  provider        text NOT NULL,
  environment     text NOT NULL,
  customer_id     text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, provider, environment)
);

CREATE TABLE payments.purchases (
  organization_id    text NOT NULL REFERENCES orgs.organizations (id),
  id                 text NOT NULL,
  state              text NOT NULL CHECK (state IN ('draft', 'opening', 'awaiting_customer',
    'processing', 'declined', 'credited', 'failed', 'canceled', 'expired', 'abandoned',
    'quarantined')),
  trigger            text NOT NULL CHECK (trigger IN ('manual', 'auto_reload')),
  actor              text NOT NULL,
  -- One per opened form: pressing the button twice is one purchase.
  nonce              text,
  credit_nanos       bigint NOT NULL CHECK (credit_nanos > 0),
  tax_nanos          bigint NOT NULL DEFAULT 0 CHECK (tax_nanos >= 0),
  total_nanos        bigint NOT NULL GENERATED ALWAYS AS (credit_nanos + tax_nanos) STORED,
  currency           text NOT NULL DEFAULT 'usd' CHECK (currency = 'usd'),
  provider           text NOT NULL,
  environment        text NOT NULL,
  -- Part of the idempotency key of the call that opens the session; raised only after a definitive
  -- answer, because the processor replays what it said to an old key.
  attempt            integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
  session_id         text,
  -- Asked for in the request, so a repeated request is equal to the first. Real time.
  session_expires_at timestamptz NOT NULL,
  -- As configured when the purchase began, for the same reason: a process that takes it over may be
  -- configured otherwise, and a key repeated with another request is refused.
  console_url        text NOT NULL,
  automatic_tax      boolean NOT NULL,
  redirect_url       text,
  payment_intent_id  text,
  charge_id          text,
  grant_id           text,
  settled_via        text,
  settled_at         timestamptz,
  failure            jsonb,
  -- What the processor said literally, for operators; `failure` is what a customer may read.
  last_decline       jsonb,
  receipt_url        text,
  polls              integer NOT NULL DEFAULT 0,
  -- Real time: the processor's minutes do not pass faster because a test clock moved.
  next_poll_at       timestamptz,
  created_at         timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at         timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id),
  CONSTRAINT one_purchase_per_form UNIQUE (organization_id, nonce),
  CONSTRAINT one_purchase_per_payment UNIQUE (organization_id, payment_intent_id),
  CONSTRAINT one_purchase_per_session UNIQUE (organization_id, session_id),
  CONSTRAINT credited_names_its_grant CHECK ((state = 'credited') = (grant_id IS NOT NULL))
);
CREATE INDEX purchases_by_id ON payments.purchases (id);
CREATE INDEX purchases_by_session ON payments.purchases (session_id);
CREATE INDEX purchases_newest_first ON payments.purchases (organization_id, created_at DESC, id DESC);
CREATE INDEX purchases_to_poll ON payments.purchases (environment, next_poll_at)
  WHERE next_poll_at IS NOT NULL;

CREATE TABLE payments.purchase_timeline (
  organization_id text NOT NULL,
  purchase_id     text NOT NULL,
  seq             integer NOT NULL CHECK (seq > 0),
  state           text NOT NULL,
  at              timestamptz NOT NULL DEFAULT bursar.now(),
  detail          text,
  PRIMARY KEY (organization_id, purchase_id, seq),
  FOREIGN KEY (organization_id, purchase_id) REFERENCES payments.purchases (organization_id, id)
);

-- Money that arrived under our purpose and does not fit what was sold. Not tenant data: the
-- organization may be the very thing that is unknown. An operator grants or refunds by hand.
CREATE TABLE payments.quarantined_payments (
  provider          text NOT NULL,
  payment_intent_id text NOT NULL,
  organization_id   text,
  purchase_id       text,
  -- In the smallest unit of its currency: it need not be USD, that may be the mismatch.
  received_minor_units bigint NOT NULL,
  currency          text NOT NULL,
  mismatches        jsonb NOT NULL,
  found_at          timestamptz NOT NULL DEFAULT bursar.now(),
  -- Set by the operator, as the owner role, once the money is granted or refunded. The application
  -- only reads it: it must not be able to silence its own alarm.
  resolved_at       timestamptz,
  PRIMARY KEY (provider, payment_intent_id)
);

-- What webhooks told us, with the outcome of the work. Ids only: bodies carry personal data and
-- are never evidence. Money is made unique by the payment, never by the event.
CREATE TABLE payments.webhook_inbox (
  endpoint     text NOT NULL,
  event_id     text NOT NULL,
  type         text NOT NULL,
  object_id    text NOT NULL,
  payment_intent_id text,
  purchase_id  text,
  outcome      text,
  deliveries   integer NOT NULL DEFAULT 1,
  received_at  timestamptz NOT NULL DEFAULT bursar.now(),
  processed_at timestamptz,
  PRIMARY KEY (endpoint, event_id)
);

-- Where the sweep of the processor's event list stands, and who is sweeping: a lease instead of a
-- lock, because calls to the outside must not be made while a transaction is open.
CREATE TABLE payments.event_cursor (
  environment   text NOT NULL,
  provider      text NOT NULL,
  last_event_id text,
  -- The event after it that could not be worked, and how often: it holds the sweep up only so long.
  failing_event_id text,
  failing_tries integer NOT NULL DEFAULT 0 CHECK (failing_tries >= 0),
  swept_at      timestamptz,
  leased_until  timestamptz,
  PRIMARY KEY (environment, provider)
);

GRANT SELECT, INSERT ON payments.customers, payments.purchase_timeline,
  payments.quarantined_payments TO bursar_app;
GRANT SELECT, INSERT, UPDATE ON payments.purchases, payments.webhook_inbox,
  payments.event_cursor TO bursar_app;
