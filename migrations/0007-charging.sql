-- Why: many requests of many organizations, one statement, one commit. Organizations come in id
-- order, so two processes can never wait for each other in a circle; each function called here
-- belongs to its zone and touches one organization only.
--
-- Every statement in here finds its rows by primary key. The planner is told so: fresh statistics,
-- or none yet, must never turn a batch into a scan of all holds.
SET lock_timeout = '5s';

CREATE SCHEMA charging;
GRANT USAGE ON SCHEMA charging TO bursar_app;

-- Commands arrive sorted by organization: commands p_ends[k-1]+1 .. p_ends[k] are p_orgs[k]'s.
-- Returns one row per command, in that order.
CREATE FUNCTION charging.place_batch(
  p_orgs text[], p_ends integer[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_lease_ms integer)
RETURNS TABLE (outcome text, available_nanos bigint) LANGUAGE plpgsql
AS $$
DECLARE
  now_at timestamptz := bursar.now();
  real_at timestamptz;
  lease interval := make_interval(secs => p_lease_ms / 1000.0);
  a integer := 1;
  z integer;
  admission text[];
  placed record;
BEGIN
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    z := p_ends[k];
    -- The lock comes first: a revocation committed before it is seen by what follows.
    PERFORM FROM ledger.books WHERE organization_id = p_orgs[k] FOR UPDATE;
    real_at := bursar.real_now();
    SELECT array_agg(coalesce(d.outcome, 'key_revoked') ORDER BY c.i) INTO admission
      FROM unnest(p_keys[a:z]) WITH ORDINALITY AS c (key, i)
      LEFT JOIN orgs.admit(p_orgs[k], p_keys[a:z], now_at) d ON d.api_key_id = c.key;
    SELECT * INTO placed FROM ledger.place(p_orgs[k], p_ids[a:z], p_keys[a:z], p_amounts[a:z],
      ARRAY(SELECT x = 'admitted' FROM unnest(admission) WITH ORDINALITY AS u (x, i) ORDER BY i),
      lease, now_at, real_at);
    RETURN QUERY SELECT coalesce(o, d), placed.available_nanos
      FROM unnest(placed.outcomes, admission) WITH ORDINALITY AS u (o, d, i) ORDER BY i;
    a := z + 1;
  END LOOP;
END $$;

CREATE FUNCTION charging.settle_batch(
  p_orgs text[], p_ends integer[], p_ids text[], p_resolutions text[], p_costs bigint[],
  p_losses bigint[], p_records jsonb[])
RETURNS TABLE (outcome text, charged_nanos bigint, overrun_nanos bigint, late boolean,
  available_nanos bigint) LANGUAGE plpgsql
AS $$
DECLARE
  now_at timestamptz := bursar.now();
  a integer := 1;
  z integer;
  s record;
  fresh integer[];
BEGIN
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    z := p_ends[k];
    SELECT * INTO s FROM ledger.settle(p_orgs[k], p_ids[a:z], p_resolutions[a:z], p_costs[a:z],
      p_losses[a:z], now_at);
    SELECT array_agg(i ORDER BY i) INTO fresh
      FROM unnest(s.outcomes) WITH ORDINALITY AS u (o, i) WHERE o IN ('settled', 'voided');
    IF fresh IS NOT NULL THEN
      PERFORM metering.record(p_orgs[k],
        ARRAY(SELECT p_ids[a - 1 + i] FROM unnest(fresh) AS i),
        ARRAY(SELECT p_records[a - 1 + i] FROM unnest(fresh) AS i),
        ARRAY(SELECT s.charges[i] FROM unnest(fresh) AS i),
        ARRAY(SELECT s.overruns[i] FROM unnest(fresh) AS i),
        ARRAY(SELECT p_losses[a - 1 + i] FROM unnest(fresh) AS i), now_at);
    END IF;
    RETURN QUERY SELECT u.o, u.c, u.v, u.l, s.available_nanos
      FROM unnest(s.outcomes, s.charges, s.overruns, s.late) WITH ORDINALITY AS u (o, c, v, l, i)
     ORDER BY i;
    a := z + 1;
  END LOOP;
END $$;

-- Keeps the holds of a living process alive; an expired one stays expired.
CREATE FUNCTION charging.renew_leases(p_orgs text[], p_ids text[], p_lease_ms integer)
RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
  total integer := 0;
  touched integer;
  o text;
BEGIN
  FOR o IN SELECT DISTINCT x FROM unnest(p_orgs) AS x ORDER BY x LOOP
    UPDATE ledger.holds SET lease_expires_at =
        bursar.real_now() + make_interval(secs => p_lease_ms / 1000.0)
     WHERE organization_id = o AND state = 'open' AND lease_expires_at > bursar.real_now()
       AND id IN (SELECT i FROM unnest(p_orgs, p_ids) AS c (org, i) WHERE org = o);
    GET DIAGNOSTICS touched = ROW_COUNT;
    total := total + touched;
  END LOOP;
  RETURN total;
END $$;
