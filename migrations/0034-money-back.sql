-- Why: money goes back in ways of its own: an operator refunds, somebody refunds in the processor's
-- dashboard, a bank disputes, a payment that fits nothing is given back. Each has a row with a state
-- and the key of the call it makes, stored before the call, so that it happens once and is told.
SET lock_timeout = '5s';

-- One refund of a credited purchase. `reference` of its ledger entries is `id`.
CREATE TABLE payments.refunds (
  organization_id     text NOT NULL,
  id                  text NOT NULL,
  purchase_id         text NOT NULL,
  grant_id            text NOT NULL,
  -- 'processor': somebody made it there, and we learned of it.
  origin              text NOT NULL CHECK (origin IN ('operator', 'processor')),
  state               text NOT NULL CHECK (state IN ('requested', 'pending', 'paid', 'failed',
    'refused', 'already_refunded', 'disputed')),
  credit_nanos        bigint NOT NULL CHECK (credit_nanos >= 0),
  tax_nanos           bigint NOT NULL CHECK (tax_nanos >= 0),
  total_nanos         bigint NOT NULL GENERATED ALWAYS AS (credit_nanos + tax_nanos) STORED,
  -- Part of the credit and of the tax that was not there to be taken back: spent, so it is owed.
  spent_nanos         bigint NOT NULL DEFAULT 0 CHECK (spent_nanos BETWEEN 0 AND credit_nanos),
  spent_tax_nanos     bigint NOT NULL DEFAULT 0 CHECK (spent_tax_nanos BETWEEN 0 AND tax_nanos),
  -- What the processor paid back beyond what was ever paid: the operator's loss, in no account.
  beyond_nanos        bigint NOT NULL DEFAULT 0 CHECK (beyond_nanos >= 0),
  reason              text NOT NULL,
  actor               text NOT NULL,
  provider            text NOT NULL,
  environment         text NOT NULL,
  payment_intent_id   text NOT NULL,
  processor_refund_id text,
  -- Part of the call's idempotency key; raised only when the processor answers it for ever alike.
  attempt             integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
  failure_code        text,
  looks               integer NOT NULL DEFAULT 0,
  -- Real time, NULL when nothing more is to be asked.
  next_look_at        timestamptz,
  created_at          timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at          timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id),
  CONSTRAINT one_refund_per_refund UNIQUE (organization_id, processor_refund_id),
  FOREIGN KEY (organization_id, purchase_id) REFERENCES payments.purchases (organization_id, id)
);
CREATE INDEX refunds_of_a_purchase ON payments.refunds (organization_id, purchase_id);
CREATE INDEX refunds_by_id ON payments.refunds (id);
CREATE INDEX refunds_to_look_at ON payments.refunds (environment, next_look_at)
  WHERE next_look_at IS NOT NULL;

CREATE TABLE payments.refund_timeline (
  organization_id text NOT NULL,
  refund_id       text NOT NULL,
  seq             integer NOT NULL CHECK (seq > 0),
  state           text NOT NULL,
  at              timestamptz NOT NULL DEFAULT bursar.now(),
  detail          text NOT NULL,
  PRIMARY KEY (organization_id, refund_id, seq),
  FOREIGN KEY (organization_id, refund_id) REFERENCES payments.refunds (organization_id, id)
);

-- One dispute of a purchase, as last read from the processor.
CREATE TABLE payments.disputes (
  organization_id   text NOT NULL,
  id                text NOT NULL,
  purchase_id       text NOT NULL,
  -- NULL where the purchase never became credit.
  grant_id          text,
  state             text NOT NULL CHECK (state IN ('inquiry', 'open', 'won', 'lost', 'closed')),
  -- The processor's own word, for operators.
  processor_status  text NOT NULL,
  reason            text NOT NULL,
  amount_nanos      bigint NOT NULL CHECK (amount_nanos >= 0),
  -- What the processor charged for it, net: the operator's cost (F59).
  fee_nanos         bigint NOT NULL DEFAULT 0,
  respond_by        timestamptz,
  -- The freeze it holds in the ledger; NULL while it holds none. A dispute that is opened again, or
  -- set aside for a moment, freezes under a new name each time: `freezes` counts them.
  freeze_reference  text,
  freezes           integer NOT NULL DEFAULT 0 CHECK (freezes >= 0),
  frozen_nanos      bigint NOT NULL DEFAULT 0 CHECK (frozen_nanos >= 0),
  -- When it was lost: what was taken of the credit and its tax, what of it is owed, and what the
  -- bank took beyond what was left of the payment (the operator's loss).
  taken_nanos       bigint NOT NULL DEFAULT 0 CHECK (taken_nanos >= 0),
  taken_tax_nanos   bigint NOT NULL DEFAULT 0 CHECK (taken_tax_nanos >= 0),
  owed_nanos        bigint NOT NULL DEFAULT 0 CHECK (owed_nanos BETWEEN 0 AND taken_nanos),
  beyond_nanos      bigint NOT NULL DEFAULT 0 CHECK (beyond_nanos >= 0),
  -- Grows with every reading that was applied: an older reading must not undo a newer one.
  version           integer NOT NULL DEFAULT 1 CHECK (version > 0),
  provider          text NOT NULL,
  environment       text NOT NULL,
  payment_intent_id text NOT NULL,
  next_look_at      timestamptz,
  opened_at         timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at        timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, purchase_id) REFERENCES payments.purchases (organization_id, id)
);
CREATE INDEX disputes_of_a_purchase ON payments.disputes (organization_id, purchase_id);
CREATE INDEX disputes_by_id ON payments.disputes (id);
CREATE INDEX disputes_to_look_at ON payments.disputes (environment, next_look_at)
  WHERE next_look_at IS NOT NULL;

-- The card's bank suspects fraud; no money has moved. A purchase refunded in time is not disputed.
CREATE TABLE payments.fraud_warnings (
  organization_id   text NOT NULL,
  id                text NOT NULL,
  purchase_id       text NOT NULL,
  provider          text NOT NULL,
  environment       text NOT NULL,
  payment_intent_id text NOT NULL,
  fraud_type        text NOT NULL,
  -- False once it was refunded or disputed: nothing is to be done about it.
  actionable        boolean NOT NULL,
  warned_at         timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, purchase_id) REFERENCES payments.purchases (organization_id, id)
);

-- Why automatic purchases of an organization wait. All causes must be lifted before one is made.
CREATE TABLE payments.reload_pauses (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  cause           text NOT NULL CHECK (cause IN ('dispute', 'fraud_warning')),
  subject         text NOT NULL,
  paused_at       timestamptz NOT NULL DEFAULT bursar.now(),
  lifted_at       timestamptz,
  PRIMARY KEY (organization_id, cause, subject)
);

-- What an operator decided about a quarantined payment. Like the quarantine no tenant data. The
-- application adds rows and moves them on; a payment stops ringing when its remedy is done.
CREATE TABLE payments.remedies (
  provider            text NOT NULL,
  payment_intent_id   text NOT NULL,
  kind                text NOT NULL CHECK (kind IN ('credit', 'refund')),
  state               text NOT NULL CHECK (state IN ('requested', 'pending', 'done', 'failed')),
  reason              text NOT NULL CHECK (reason <> ''),
  actor               text NOT NULL,
  organization_id     text,
  purchase_id         text,
  attempt             integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
  failure_code        text,
  next_look_at        timestamptz,
  decided_at          timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at          timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (provider, payment_intent_id),
  FOREIGN KEY (provider, payment_intent_id)
    REFERENCES payments.quarantined_payments (provider, payment_intent_id)
);

-- The papers of a purchase or of a refund. They follow the money and never delay it.
CREATE TABLE payments.documents (
  organization_id text NOT NULL,
  -- A purchase or a refund.
  subject         text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  state           text NOT NULL CHECK (state IN ('wanted', 'ready', 'receipt_only')),
  purchase_id     text NOT NULL,
  environment     text NOT NULL,
  processor_id    text,
  number          text,
  pdf_url         text,
  page_url        text,
  receipt_url     text,
  receipt_number  text,
  -- As the card's statement shows it.
  descriptor      text,
  -- [{"label","taxable_usd","amount_usd"}]
  tax_lines       jsonb NOT NULL DEFAULT '[]',
  tries           integer NOT NULL DEFAULT 0,
  next_try_at     timestamptz,
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at      timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, subject, kind),
  FOREIGN KEY (organization_id, purchase_id) REFERENCES payments.purchases (organization_id, id)
);
CREATE INDEX documents_to_try ON payments.documents (environment, next_try_at)
  WHERE next_try_at IS NOT NULL;

GRANT SELECT, INSERT ON payments.refund_timeline TO bursar_app;
GRANT SELECT, INSERT, UPDATE ON payments.refunds, payments.disputes, payments.fraud_warnings,
  payments.reload_pauses, payments.remedies, payments.documents TO bursar_app;
