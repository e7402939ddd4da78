-- Why: a key can be switched off for a while and on again, which is not the same as ending it.
SET lock_timeout = '5s';

ALTER TABLE orgs.api_keys
  DROP CONSTRAINT api_keys_status_check,
  ADD CONSTRAINT api_keys_status_check CHECK (status IN ('active', 'inactive', 'revoked'));

-- What was promised about a key when it was made stays: whose it is, what it may spend from, and
-- when it ends. Only its name and its state change.
REVOKE UPDATE ON orgs.api_keys FROM bursar_app;
GRANT UPDATE (name, status, revoked_at) ON orgs.api_keys TO bursar_app;

-- To a request, a key that is switched off is a revoked one: the answer is the same, and processes
-- of the release before know no other word for it.
CREATE OR REPLACE FUNCTION orgs.admit(p_organization text, p_keys text[], p_now timestamptz)
RETURNS TABLE (api_key_id text, workspace_id text, limited boolean, outcome text)
LANGUAGE sql STABLE AS $$
  SELECT k.id, k.workspace_id, o.limited, CASE
      WHEN o.status = 'suspended' THEN 'organization_suspended'
      WHEN k.status <> 'active' THEN 'key_revoked'
      WHEN k.expires_at <= p_now THEN 'key_expired'
      ELSE 'admitted'
    END
    FROM orgs.api_keys k JOIN orgs.organizations o ON o.id = p_organization
   WHERE k.organization_id = p_organization AND k.id = ANY (p_keys)
$$;
