-- Why: a tier has a monthly cap of its own, taken in the statement of the hold like every other limit
-- (money rule 7). What knows the levels by name is told of one more here.
SET lock_timeout = '5s';

-- The monthly cap of a tier is one more limit of the organization, taken with the hold like the
-- others. It counts what the organization's own limit counts, so of the two the smaller bounds, and
-- is named: it comes first in the list from which a command takes the first that is its own.
ALTER DOMAIN orgs.limit_level DROP CONSTRAINT limit_level_check;
ALTER DOMAIN orgs.limit_level ADD CONSTRAINT limit_level_check
  CHECK (VALUE IN ('tier', 'organization', 'workspace', 'api_key'));

-- As in 0018.
CREATE OR REPLACE FUNCTION orgs.limits_of(p_organization text, p_key text, p_now timestamptz)
RETURNS TABLE (place tid, month date, room bigint, current boolean)
LANGUAGE sql STABLE AS $$
  SELECT ctid, month, CASE WHEN action = 'notify_and_pause'
           THEN amount_nanos - charged_nanos - held_nanos END AS room,
         month = orgs.month_of(p_now)
    FROM orgs.spend_limits
   WHERE organization_id = p_organization
     AND level = ANY ('{tier,organization,workspace,api_key}')
     AND subject_id = ANY (ARRAY[p_organization, p_key, (
       SELECT workspace_id FROM orgs.api_keys
        WHERE organization_id = p_organization AND id = p_key)])
  OFFSET 0
$$;

-- As in 0018.
CREATE OR REPLACE FUNCTION orgs.count_plainly(p_orgs text[], p_of text[], p_keys text[], p_placed timestamptz[],
  p_freed bigint[], p_charged bigint[], p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  freed bigint;
  charged bigint;
BEGIN
  IF array_position(p_freed, NULL) = 1 AND cardinality(p_orgs) = 1 THEN
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM orgs.organizations WHERE id = ANY (p_orgs) AND limited) THEN
    RETURN;
  END IF;
  IF cardinality(p_orgs) = 1 AND p_keys[1] = ALL (p_keys)
     AND orgs.month_of(p_now)::timestamp AT TIME ZONE 'UTC' <= ALL (p_placed) THEN
    -- What follows, for one key and this month, at a third of the cost.
    SELECT pg_catalog.sum(u) INTO freed FROM unnest(p_freed) AS u;
    SELECT pg_catalog.sum(u) INTO charged FROM unnest(p_charged) AS u;
    UPDATE orgs.spend_limits AS l
       SET held_nanos = l.held_nanos - freed, charged_nanos = l.charged_nanos + charged,
           reached_at = coalesce(l.reached_at,
             CASE WHEN l.charged_nanos + charged >= l.amount_nanos THEN p_now END)
     WHERE organization_id = p_orgs[1] AND month = orgs.month_of(p_now)
       AND level = ANY ('{tier,organization,workspace,api_key}')
       AND subject_id = ANY (ARRAY[p_orgs[1], p_keys[1], (
         SELECT workspace_id FROM orgs.api_keys
          WHERE organization_id = p_orgs[1] AND id = p_keys[1])]);
    RETURN;
  END IF;
  UPDATE orgs.spend_limits AS l
     SET held_nanos = l.held_nanos - c.freed, charged_nanos = l.charged_nanos + c.charged,
         last_held_nanos = l.last_held_nanos - c.last_freed,
         last_charged_nanos = l.last_charged_nanos + c.last_charged,
         reached_at = coalesce(l.reached_at,
           CASE WHEN l.charged_nanos + c.charged >= l.amount_nanos THEN p_now END)
    FROM (SELECT b.place,
                 coalesce(sum(a.freed) FILTER (WHERE b.month = a.month), 0) AS freed,
                 coalesce(sum(a.charged) FILTER (WHERE b.month = a.month), 0) AS charged,
                 coalesce(sum(a.freed) FILTER (WHERE orgs.follows(b.month, a.month)), 0)
                   AS last_freed,
                 coalesce(sum(a.charged) FILTER (WHERE orgs.follows(b.month, a.month)), 0)
                   AS last_charged
            FROM (SELECT x.org, x.key, orgs.month_of(x.placed) AS month, sum(x.freed) AS freed,
                         sum(x.charged) AS charged
                    FROM (SELECT unnest(p_of) AS org, unnest(p_keys) AS key,
                                 unnest(p_placed) AS placed, unnest(p_freed) AS freed,
                                 unnest(p_charged) AS charged) AS x
                   WHERE x.freed IS NOT NULL GROUP BY 1, 2, 3) AS a
           CROSS JOIN LATERAL orgs.limits_of(a.org, a.key, p_now) AS b
           GROUP BY b.place) AS c
   WHERE l.ctid = c.place;
END $$;

-- As in 0011. Of limits of one width those that pause come first, then the tightest.
CREATE OR REPLACE FUNCTION orgs.limits_in(p_organization text, p_month date,
  OUT levels text[], OUT subjects text[], OUT rooms bigint[], OUT last_rooms bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  l orgs.spend_limits;
  pauses boolean;
BEGIN
  FOR l IN SELECT * FROM orgs.spend_limits WHERE organization_id = p_organization
            ORDER BY level = 'api_key', level = 'workspace', action = 'notify_only',
                  amount_nanos, level, subject_id
  LOOP
    IF l.month < p_month THEN
      UPDATE orgs.spend_limits AS now
         SET month = p_month, charged_nanos = 0, held_nanos = 0, reached_at = NULL,
             last_charged_nanos = CASE WHEN orgs.follows(p_month, l.month) THEN l.charged_nanos ELSE 0 END,
             last_held_nanos = CASE WHEN orgs.follows(p_month, l.month) THEN l.held_nanos ELSE 0 END
       WHERE organization_id = p_organization AND level = l.level AND subject_id = l.subject_id
      RETURNING now.* INTO l;
    END IF;
    levels := levels || l.level;
    subjects := subjects || l.subject_id;
    pauses := l.action = 'notify_and_pause';
    rooms := rooms || CASE WHEN pauses THEN l.amount_nanos - l.charged_nanos - l.held_nanos END;
    last_rooms := last_rooms
      || CASE WHEN pauses THEN l.amount_nanos - l.last_charged_nanos - l.last_held_nanos END;
  END LOOP;
END $$;

-- As in 0011; a tier bounds all that its organization does.
CREATE OR REPLACE FUNCTION orgs.keys_of(p_organization text, p_level text, p_subject text) RETURNS text[]
LANGUAGE sql STABLE AS $$
  SELECT CASE p_level
    WHEN 'tier' THEN orgs.keys_of(p_organization, 'organization', p_subject)
    WHEN 'organization' THEN
      CASE WHEN p_subject = p_organization THEN
        ARRAY(SELECT id FROM orgs.api_keys WHERE organization_id = p_organization) END
    WHEN 'workspace' THEN
      (SELECT ARRAY(SELECT k.id FROM orgs.api_keys k
                     WHERE k.organization_id = p_organization AND k.workspace_id = w.id)
         FROM orgs.workspaces w WHERE w.organization_id = p_organization AND w.id = p_subject)
    WHEN 'api_key' THEN
      (SELECT ARRAY[id] FROM orgs.api_keys
        WHERE organization_id = p_organization AND id = p_subject)
  END
$$;

-- As in 0018, with the new level.
CREATE OR REPLACE VIEW charging.spend_recount AS
  SELECT l.organization_id, l.level, l.subject_id, c.month, c.held_nanos, c.charged_nanos,
         h.held AS recounted_held, h.charged AS recounted_charged
    FROM orgs.spend_limits l
   CROSS JOIN LATERAL (VALUES
     (l.month, l.held_nanos, l.charged_nanos),
     ((l.month - interval '1 month')::date, l.last_held_nanos, l.last_charged_nanos)
   ) AS c (month, held_nanos, charged_nanos)
   CROSS JOIN LATERAL (
     SELECT coalesce(sum(h.amount_nanos) FILTER (WHERE h.state = 'open'), 0) AS held,
            coalesce(sum(h.charged_nanos), 0) AS charged
       FROM ledger.holds h
       JOIN orgs.api_keys k ON k.organization_id = h.organization_id AND k.id = h.api_key_id
      WHERE h.organization_id = l.organization_id AND orgs.month_of(h.placed_at) = c.month
        AND l.subject_id IN (h.organization_id, k.workspace_id, h.api_key_id)
   ) AS h;
