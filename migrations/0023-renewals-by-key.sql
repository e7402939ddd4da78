-- Why: a process renews the leases of all its open holds in one statement. Their ids were looked for
-- in a list, hold by hold and id by id, so that five thousand requests under way kept the lane of
-- settlements busy for longer than it waits, and their leases lapsed.
SET lock_timeout = '5s';

-- As in 0007, each hold found by its key, whatever the statistics say.
CREATE OR REPLACE FUNCTION charging.renew_leases(p_orgs text[], p_ids text[], p_lease_ms integer)
RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
  total integer := 0;
  touched integer;
  o record;
BEGIN
  FOR o IN SELECT c.org, array_agg(c.id) AS ids FROM unnest(p_orgs, p_ids) AS c (org, id)
            GROUP BY c.org ORDER BY c.org LOOP
    -- Never shorter: a hold that was handed over meanwhile has a longer lease from its new owner.
    UPDATE ledger.holds SET lease_expires_at = greatest(lease_expires_at,
             bursar.real_now() + make_interval(secs => p_lease_ms / 1000.0))
     WHERE organization_id = o.org AND id = ANY (o.ids) AND state = 'open'
       AND lease_expires_at > bursar.real_now();
    GET DIAGNOSTICS touched = ROW_COUNT;
    total := total + touched;
  END LOOP;
  RETURN total;
END $$;
