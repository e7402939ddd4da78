-- Why: an organization is the unit of money; keys, members and workspaces hang on it. Every tenant
-- table leads with organization_id so that the schema can be distributed by organization later.
SET lock_timeout = '5s';

CREATE SCHEMA orgs;
GRANT USAGE ON SCHEMA orgs TO bursar_app;

CREATE TABLE orgs.organizations (
  id           text PRIMARY KEY,
  name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  billing_kind text NOT NULL DEFAULT 'prepaid' CHECK (billing_kind IN ('prepaid', 'contract')),
  created_at   timestamptz NOT NULL DEFAULT bursar.now()
);

CREATE TABLE orgs.workspaces (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  id              text NOT NULL,
  name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  is_default      boolean NOT NULL DEFAULT false,
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX one_default_workspace ON orgs.workspaces (organization_id) WHERE is_default;

-- People are not tenant data: one e-mail address may belong to several organizations.
CREATE TABLE orgs.users (
  id         text PRIMARY KEY,
  email      text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  created_at timestamptz NOT NULL DEFAULT bursar.now()
);

CREATE TABLE orgs.members (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  user_id         text NOT NULL REFERENCES orgs.users (id),
  role            text NOT NULL CHECK (role IN
    ('user', 'claude_code_user', 'limited_developer', 'developer', 'billing', 'admin')),
  added_at        timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX members_by_user ON orgs.members (user_id);

CREATE TABLE orgs.api_keys (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  id              text NOT NULL,
  workspace_id    text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('workspace', 'admin')),
  name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  hint            text NOT NULL,
  status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'revoked')),
  created_by      text REFERENCES orgs.users (id),
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  expires_at      timestamptz,
  revoked_at      timestamptz,
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, workspace_id) REFERENCES orgs.workspaces (organization_id, id)
);

-- The directory from a presented key to its organization. It holds digests only, never a key, and
-- says nothing about status: that is read from the organization's own row, with the hold.
CREATE TABLE orgs.key_digests (
  digest          bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  pepper_version  integer NOT NULL,
  organization_id text NOT NULL,
  api_key_id      text NOT NULL,
  FOREIGN KEY (organization_id, api_key_id) REFERENCES orgs.api_keys (organization_id, id)
);

GRANT SELECT, INSERT, UPDATE ON orgs.organizations, orgs.workspaces, orgs.users, orgs.members,
  orgs.api_keys TO bursar_app;
GRANT DELETE ON orgs.members TO bursar_app;
GRANT SELECT, INSERT ON orgs.key_digests TO bursar_app;

-- What may start a request, decided in the statement that takes the hold (money rule 2): one row
-- per key asked for, so that one revoked key never fails its neighbours in a batch.
CREATE FUNCTION orgs.admit(p_organization text, p_keys text[], p_now timestamptz)
RETURNS TABLE (api_key_id text, outcome text)
LANGUAGE sql STABLE AS $$
  SELECT k.id, CASE
      WHEN o.status = 'suspended' THEN 'organization_suspended'
      WHEN k.status = 'revoked' THEN 'key_revoked'
      WHEN k.expires_at <= p_now THEN 'key_expired'
      ELSE 'admitted'
    END
    FROM orgs.api_keys k JOIN orgs.organizations o ON o.id = p_organization
   WHERE k.organization_id = p_organization AND k.id = ANY (p_keys)
$$;
