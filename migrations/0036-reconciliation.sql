-- Why: what the processor says moved is compared every night with purchases and ledger, and what does
-- not agree is kept until it does. An operator is also told of what cannot wait for the night: money
-- that was seen and is no credit, webhooks that stay away, a clock that is wrong, a wave of declines.
SET lock_timeout = '5s';

ALTER TABLE payments.purchases
  -- When the money moved, by the processor's clock: what a reconciliation asks for is dated so.
  ADD COLUMN charged_at timestamptz,
  -- When any process first read the payment as succeeded. Real time: a minute is a real minute.
  ADD COLUMN paid_seen_at timestamptz;
UPDATE payments.purchases SET charged_at = settled_at, paid_seen_at = settled_at
 WHERE state = 'credited';

-- Every hint looks a purchase up by its payment.
CREATE INDEX purchases_by_payment ON payments.purchases (payment_intent_id)
  WHERE payment_intent_id IS NOT NULL;
CREATE INDEX purchases_by_charge ON payments.purchases (environment, charged_at)
  WHERE state = 'credited';
CREATE INDEX purchases_seen_paid ON payments.purchases (environment, paid_seen_at)
  WHERE paid_seen_at IS NOT NULL;
CREATE INDEX purchases_declined ON payments.purchases (environment, updated_at)
  WHERE last_decline IS NOT NULL;
CREATE INDEX purchases_unfinished ON payments.purchases (environment, updated_at)
  WHERE state = 'processing';
CREATE INDEX webhook_inbox_by_payment ON payments.webhook_inbox (payment_intent_id)
  WHERE payment_intent_id IS NOT NULL;
CREATE INDEX webhook_inbox_undone ON payments.webhook_inbox (received_at) WHERE outcome IS NULL;

ALTER TABLE payments.event_cursor
  -- The processor's clock less ours, at the last sweep it answered.
  ADD COLUMN clock_skew_seconds integer,
  -- What is wrong with the webhook endpoint as the processor has it; NULL if nothing is.
  ADD COLUMN endpoint_problem text;

-- What processor and books do not agree on. Not tenant data: the organization may be the very thing
-- that is unknown. `reference` is the processor's or the ledger's id of what the row is about.
CREATE TABLE payments.differences (
  environment     text NOT NULL,
  provider        text NOT NULL,
  kind            text NOT NULL,
  reference       text NOT NULL,
  organization_id text,
  purchase_id     text,
  detail          text NOT NULL,
  -- By the processor's clock, or the ledger's where the processor knows nothing of it.
  happened_at     timestamptz NOT NULL,
  found_at        timestamptz NOT NULL DEFAULT bursar.now(),
  -- When a run last saw it. Real time, because runs are compared with each other.
  seen_at         timestamptz NOT NULL DEFAULT bursar.real_now(),
  resolved_at     timestamptz,
  PRIMARY KEY (environment, provider, kind, reference)
);
CREATE INDEX differences_open ON payments.differences (environment, provider, happened_at)
  WHERE resolved_at IS NULL;

-- One row per night of business time and deployment, as ledger.nights.
CREATE TABLE payments.reconciliations (
  environment  text NOT NULL,
  provider     text NOT NULL,
  night        date NOT NULL,
  leased_until timestamptz NOT NULL,
  done_at      timestamptz,
  -- Real time: up to where the books were compared.
  reached      timestamptz,
  movements    bigint,
  healed       bigint,
  differences  bigint,
  PRIMARY KEY (environment, provider, night)
);

-- Alarms that rang and are not over, so that of several workers one rings, once.
CREATE TABLE payments.alarms (
  environment text NOT NULL,
  provider    text NOT NULL,
  name        text NOT NULL,
  detail      text NOT NULL,
  since       timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (environment, provider, name)
);

GRANT SELECT, INSERT, UPDATE ON payments.differences, payments.reconciliations TO bursar_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.alarms TO bursar_app;
