-- Why: what must be known before a card is charged is asked and kept before: where the customer is,
-- under which tax number, which cards they saved and what they agreed to when they saved them, and
-- which cards the networks asked us to leave alone for a while. Never a card number.
SET lock_timeout = '5s';

-- The current billing address and tax number of an organization. The processor's customer gets a
-- copy; which version it has is kept with the customer.
CREATE TABLE payments.billing_details (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  version         integer NOT NULL CHECK (version > 0),
  name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  line1           text NOT NULL CHECK (length(line1) BETWEEN 1 AND 200),
  line2           text NOT NULL DEFAULT '' CHECK (length(line2) <= 200),
  city            text NOT NULL DEFAULT '' CHECK (length(city) <= 100),
  state           text NOT NULL DEFAULT '' CHECK (length(state) <= 100),
  postal_code     text NOT NULL DEFAULT '' CHECK (length(postal_code) <= 20),
  country         text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  tax_id_type     text,
  tax_id          text CHECK (length(tax_id) <= 60),
  updated_by      text NOT NULL,
  updated_at      timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id),
  CONSTRAINT tax_id_names_its_type CHECK ((tax_id IS NULL) = (tax_id_type IS NULL))
);

ALTER TABLE payments.customers
  ADD COLUMN details_version integer NOT NULL DEFAULT 0,
  -- The tax number as an object of the processor: replaced as a whole when it changes.
  ADD COLUMN tax_id_object   text;

-- Stored with the purchase because a repeated request must equal the first.
ALTER TABLE payments.purchases ADD COLUMN address_on_file boolean NOT NULL DEFAULT false;

-- Cards the customer saved. The processor has them; these rows are what it last told.
CREATE TABLE payments.cards (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  id              text NOT NULL,
  provider        text NOT NULL,
  environment     text NOT NULL,
  fingerprint     text,
  brand           text NOT NULL,
  last4           text NOT NULL CHECK (last4 ~ '^[0-9]{0,4}$'),
  exp_month       smallint NOT NULL CHECK (exp_month BETWEEN 1 AND 12),
  exp_year        smallint NOT NULL CHECK (exp_year BETWEEN 2000 AND 2200),
  country         text,
  funding         text NOT NULL,
  is_default      boolean NOT NULL DEFAULT false,
  added_at        timestamptz NOT NULL DEFAULT bursar.now(),
  updated_at      timestamptz NOT NULL DEFAULT bursar.now(),
  removed_at      timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT a_removed_card_is_no_default CHECK (removed_at IS NULL OR NOT is_default)
);
CREATE UNIQUE INDEX one_default_card ON payments.cards (organization_id, provider, environment)
  WHERE is_default;
CREATE INDEX cards_by_id ON payments.cards (id);

-- One row for each time somebody set out to save a card: what they agreed to, and what came of it.
-- Rows are proof and are never deleted.
CREATE TABLE payments.card_setups (
  organization_id    text NOT NULL REFERENCES orgs.organizations (id),
  id                 text NOT NULL,
  state              text NOT NULL CHECK (state IN ('opening', 'open', 'saved', 'refused', 'expired')),
  provider           text NOT NULL,
  environment        text NOT NULL,
  nonce              text NOT NULL,
  consent_version    text NOT NULL,
  consented_at       timestamptz NOT NULL DEFAULT bursar.now(),
  consented_by       text NOT NULL,
  consented_ip       text NOT NULL,
  replaces_card_id   text,
  console_url        text NOT NULL,
  session_id         text,
  redirect_url       text,
  card_id            text,
  failure            jsonb,
  updated_at         timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id),
  CONSTRAINT one_setup_per_form UNIQUE (organization_id, nonce),
  CONSTRAINT saved_names_its_card CHECK ((state = 'saved') = (card_id IS NOT NULL))
);

-- Cards that were refused in a way that forbids sending them again soon. By fingerprint: the same
-- card entered anew is the same card. Any other card may be used at once.
CREATE TABLE payments.resting_cards (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  fingerprint     text NOT NULL,
  brand           text NOT NULL,
  last4           text NOT NULL,
  rested_at       timestamptz NOT NULL DEFAULT bursar.now(),
  rested_until    timestamptz NOT NULL,
  PRIMARY KEY (organization_id, fingerprint)
);

GRANT SELECT, INSERT, UPDATE ON payments.billing_details, payments.cards, payments.card_setups,
  payments.resting_cards TO bursar_app;
GRANT UPDATE (details_version, tax_id_object) ON payments.customers TO bursar_app;
