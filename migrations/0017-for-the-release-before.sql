-- Why: processes are replaced one by one (F10). Until the last one of the release before is gone, its
-- statements must find the functions they name. To be dropped a release later.
SET lock_timeout = '5s';

CREATE FUNCTION charging.place_batch(
  p_orgs text[], p_ends integer[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_lease_ms integer)
RETURNS TABLE (outcome text, available_nanos bigint) LANGUAGE sql AS $$
  -- That release knows no limits; their refusal is the closest one it does know.
  SELECT CASE b.outcome WHEN 'limit_reached' THEN 'insufficient_credit' ELSE b.outcome END,
         b.available_nanos
    FROM charging.place_batch(p_orgs, p_ends, array_fill('place'::text, ARRAY[cardinality(p_ids)]),
      p_ids, p_keys, p_amounts, p_lease_ms) AS b
$$;

CREATE FUNCTION charging.settle_batch(
  p_orgs text[], p_ends integer[], p_ids text[], p_resolutions text[], p_costs bigint[],
  p_losses bigint[], p_records jsonb[])
RETURNS TABLE (outcome text, charged_nanos bigint, overrun_nanos bigint, late boolean,
  available_nanos bigint) LANGUAGE sql AS $$
  SELECT b.* FROM (
    SELECT array_agg(r ->> 'key' ORDER BY i) AS keys,
           array_agg(r ->> 'workspace' ORDER BY i) AS workspaces,
           array_agg(r ->> 'model' ORDER BY i) AS models, array_agg(r ->> 'rule' ORDER BY i) AS rules,
           array_agg(nullif(r -> 'usage', 'null') ORDER BY i) AS usages,
           array_agg(r ->> 'price_version' ORDER BY i) AS versions,
           array_agg((r ->> 'status')::smallint ORDER BY i) AS statuses,
           array_agg((r ->> 'disconnected')::boolean ORDER BY i) AS disconnected,
           array_agg((r ->> 'estimated')::boolean ORDER BY i) AS estimated,
           array_agg((r ->> 'quarantined')::boolean ORDER BY i) AS quarantined,
           array_agg((r ->> 'started_at')::timestamptz ORDER BY i) AS started
      FROM unnest(p_records) WITH ORDINALITY AS u (r, i)) AS c,
    LATERAL charging.settle_batch(p_orgs, p_ends, p_ids, p_resolutions, p_costs, p_losses,
      array_fill(NULL::timestamptz, ARRAY[cardinality(p_ids)]), c.keys, c.workspaces, c.models,
      c.rules, c.usages, c.versions, c.statuses, c.disconnected, c.estimated, c.quarantined,
      c.started) AS b
$$;

CREATE FUNCTION ledger.expire_lapsed_everywhere(p_limit integer) RETURNS integer LANGUAGE sql AS
$$ SELECT charging.expire_lapsed_everywhere(p_limit) $$;
