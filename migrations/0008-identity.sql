-- Why: proving who a person is must leave nothing in the database that signs anybody in. Links and
-- sessions are stored as keyed digests; losing a copy of these tables loses no account.
-- Both follow real time: a moved test clock must not sign everybody out.
SET lock_timeout = '5s';

CREATE SCHEMA identity;
GRANT USAGE ON SCHEMA identity TO bursar_app;

CREATE TABLE identity.sign_in_links (
  digest         bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  email          text NOT NULL CHECK (email = lower(email)),
  -- Who asked, as a keyed digest: enough to limit a flood, not enough to follow a person.
  address_digest bytea,
  created_at     timestamptz NOT NULL DEFAULT bursar.real_now(),
  expires_at     timestamptz NOT NULL,
  used_at        timestamptz,
  voided_at      timestamptz,
  CONSTRAINT link_ends_once CHECK (used_at IS NULL OR voided_at IS NULL)
);
CREATE INDEX sign_in_links_by_email ON identity.sign_in_links (email, created_at);
CREATE INDEX sign_in_links_by_address ON identity.sign_in_links (address_digest, created_at);
CREATE INDEX sign_in_links_by_age ON identity.sign_in_links (created_at);

CREATE TABLE identity.sessions (
  digest          bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  user_id         text NOT NULL REFERENCES orgs.users (id),
  -- The one being looked at. Membership is asked for at every request, never remembered here.
  organization_id text REFERENCES orgs.organizations (id),
  created_at      timestamptz NOT NULL DEFAULT bursar.real_now(),
  last_seen_at    timestamptz NOT NULL DEFAULT bursar.real_now(),
  expires_at      timestamptz NOT NULL,
  revoked_at      timestamptz
);
CREATE INDEX sessions_by_user ON identity.sessions (user_id);
CREATE INDEX sessions_by_expiry ON identity.sessions (expires_at);

-- Who did what, and why if they said so. Append-only for the application; actor and subject are
-- ids, never secrets.
CREATE TABLE identity.audit_events (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id text REFERENCES orgs.organizations (id),
  actor           text NOT NULL,
  action          text NOT NULL,
  subject         text NOT NULL,
  reason          text,
  request_id      text,
  at              timestamptz NOT NULL DEFAULT bursar.now()
);
CREATE INDEX audit_events_by_organization ON identity.audit_events (organization_id, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON identity.sign_in_links, identity.sessions TO bursar_app;
GRANT SELECT, INSERT ON identity.audit_events TO bursar_app;
