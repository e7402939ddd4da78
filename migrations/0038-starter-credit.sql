-- Why: a card can be kept with the purchase it pays for, if whoever pays agreed to that before; and
-- an operator may give a starter credit, of which one person and one card get one, whoever asks
-- how often, in which organization.
SET lock_timeout = '5s';

-- Stored with the purchase because a repeated request must equal the first.
ALTER TABLE payments.purchases ADD COLUMN saves_card boolean NOT NULL DEFAULT false;

-- A consent that was given with a purchase. Its card is known once that is paid.
ALTER TABLE payments.card_setups ADD COLUMN purchase_id text;
CREATE UNIQUE INDEX one_consent_per_purchase ON payments.card_setups (organization_id, purchase_id)
  WHERE purchase_id IS NOT NULL;
-- News of the processor names the page only.
CREATE INDEX card_setups_by_session ON payments.card_setups (session_id)
  WHERE session_id IS NOT NULL;

-- Who had one: an organization once, by whose e-mail and with which card of theirs.
CREATE TABLE payments.starter_credits (
  organization_id text PRIMARY KEY REFERENCES orgs.organizations (id),
  user_id         text NOT NULL,
  card_id         text NOT NULL,
  grant_id        text NOT NULL,
  amount_nanos    bigint NOT NULL CHECK (amount_nanos > 0),
  given_at        timestamptz NOT NULL DEFAULT bursar.now()
);

-- The directory of what was used up, across organizations. Digests under a secret that is kept
-- outside the database: a copy of it names no mailbox and no card. Rows stay for good.
CREATE TABLE payments.starter_claims (
  digest          bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  kind            text NOT NULL CHECK (kind IN ('email', 'card')),
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  claimed_at      timestamptz NOT NULL DEFAULT bursar.now()
);

GRANT SELECT, INSERT ON payments.starter_credits, payments.starter_claims TO bursar_app;
