-- Why: a rate limit holds for an organization, however many nodes serve it. Nodes take leases from
-- one bucket, spend them in memory and give back what they do not use, so that a request costs no
-- round trip. Limits follow real time and decide no money: the tables are not logged, and after a
-- crash of the server every bucket is full again.
SET lock_timeout = '5s';

CREATE SCHEMA rate_limits;
GRANT USAGE ON SCHEMA rate_limits TO bursar_app;

-- `level` in units × 60,000, so that one unit a minute grows by one a millisecond.
CREATE UNLOGGED TABLE rate_limits.buckets (
  organization_id text NOT NULL,
  pool            text NOT NULL,
  kind            text NOT NULL,
  level           bigint NOT NULL,
  filled_at       timestamptz NOT NULL,
  PRIMARY KEY (organization_id, pool, kind)
) WITH (fillfactor = 50);

-- Who shares the buckets: a node that hears nothing of them goes on with its part of each.
CREATE UNLOGGED TABLE rate_limits.nodes (
  node    text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits.buckets, rate_limits.nodes TO bursar_app;

CREATE FUNCTION rate_limits.saw(p_node text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := bursar.real_now();
BEGIN
  INSERT INTO rate_limits.nodes AS n VALUES (p_node, moment)
      ON CONFLICT (node) DO UPDATE SET seen_at = moment
      WHERE n.seen_at < moment - interval '5 seconds';
  IF FOUND THEN
    DELETE FROM rate_limits.nodes WHERE seen_at < moment - interval '1 day';
  END IF;
  RETURN (SELECT count(*) FROM rate_limits.nodes WHERE seen_at > moment - interval '30 seconds');
END $$;

-- Each ask gives back (or, negative, takes what was used already), then leases what it wants as far
-- as it is there. Buckets come in the order of their key, so that two nodes never wait in a circle.
CREATE FUNCTION rate_limits.exchange(p_node text, p_orgs text[], p_pools text[], p_kinds text[],
  p_per_minute bigint[], p_capacity bigint[], p_back bigint[], p_want bigint[])
RETURNS TABLE (place bigint, granted bigint, left_scaled bigint, nodes integer)
LANGUAGE plpgsql AS $$
DECLARE
  scale CONSTANT bigint := 60000;
  a record;
  b rate_limits.buckets;
  top bigint;
  elapsed bigint;
BEGIN
  nodes := rate_limits.saw(p_node);
  FOR a IN SELECT * FROM unnest(p_orgs, p_pools, p_kinds, p_per_minute, p_capacity, p_back, p_want)
             WITH ORDINALITY AS x (org, pool, kind, per_minute, capacity, back, want, i)
            ORDER BY org, pool, kind, i
  LOOP
    top := a.capacity * scale;
    LOOP
      SELECT * INTO b FROM rate_limits.buckets
       WHERE organization_id = a.org AND pool = a.pool AND kind = a.kind FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO rate_limits.buckets VALUES (a.org, a.pool, a.kind, top, bursar.real_now())
          ON CONFLICT DO NOTHING;
    END LOOP;
    elapsed := greatest(0, floor(extract(epoch FROM bursar.real_now() - b.filled_at) * 1000));
    b.filled_at := b.filled_at + elapsed * interval '1 millisecond';
    b.level := least(top, b.level + a.per_minute * least(elapsed, 3600000));
    b.level := greatest(-top, least(top, b.level + a.back * scale));
    granted := greatest(0, least(a.want, div(b.level, scale)::bigint));
    b.level := b.level - granted * scale;
    UPDATE rate_limits.buckets SET level = b.level, filled_at = b.filled_at
     WHERE organization_id = a.org AND pool = a.pool AND kind = a.kind;
    place := a.i;
    left_scaled := b.level;
    RETURN NEXT;
  END LOOP;
END $$;

-- NULL: the tier this deployment gives to whoever has none of their own.
ALTER TABLE orgs.organizations ADD COLUMN tier text CHECK (tier ~ '^[a-z0-9][a-z0-9_-]{0,39}$');

-- What the customer limits a workspace to, within the limits of the organization:
-- {"opus-5": {"requests": 10}}. Read with the key, so that no request asks for it.
ALTER TABLE orgs.workspaces ADD COLUMN rate_limits jsonb
  CHECK (jsonb_typeof(rate_limits) = 'object');
