-- Why: a limit is taken or refused in the statement that takes the hold, so that no number of
-- requests at once can pass it. A limited subject has one row with the counters of its month; who
-- has no limit costs nothing.
SET lock_timeout = '5s';

-- Whether the organization or anything in it has a limit: what admission reads with the key.
ALTER TABLE orgs.organizations ADD COLUMN limited boolean NOT NULL DEFAULT false;

-- `charged_nanos` and `held_nanos` count the holds placed in `month` (UTC): what was charged, and
-- what open ones have promised; `last_…` those of the month before. A hold keeps the month in which it
-- was placed, so one that runs over midnight still grows within the limit of the old one.
CREATE TABLE orgs.spend_limits (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  level           text NOT NULL CHECK (level IN ('organization', 'workspace', 'api_key')),
  subject_id      text NOT NULL,
  amount_nanos    bigint NOT NULL CHECK (amount_nanos >= 0),
  action          text NOT NULL CHECK (action IN ('notify_only', 'notify_and_pause')),
  month           date NOT NULL,
  charged_nanos   bigint NOT NULL DEFAULT 0 CHECK (charged_nanos >= 0),
  held_nanos      bigint NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
  last_charged_nanos bigint NOT NULL DEFAULT 0 CHECK (last_charged_nanos >= 0),
  last_held_nanos bigint NOT NULL DEFAULT 0 CHECK (last_held_nanos >= 0),
  -- When the charges of this month first reached the amount.
  reached_at      timestamptz,
  set_by          text NOT NULL,
  set_at          timestamptz NOT NULL,
  PRIMARY KEY (organization_id, level, subject_id)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON orgs.spend_limits TO bursar_app;

CREATE FUNCTION orgs.month_of(p_at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS
$$ SELECT date_trunc('month', p_at AT TIME ZONE 'UTC')::date $$;

-- When the limits of this month end.
CREATE FUNCTION orgs.month_after(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT (orgs.month_of(p_at) + interval '1 month') AT TIME ZONE 'UTC' $$;

CREATE FUNCTION orgs.follows(p_month date, p_before date) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT p_month = (p_before + interval '1 month')::date $$;

-- What may start a request: one row per key asked for, so that one revoked key never fails its
-- neighbours in a batch. A key that does not exist has no row.
DROP FUNCTION orgs.admit(text, text[], timestamptz);
CREATE FUNCTION orgs.admit(p_organization text, p_keys text[], p_now timestamptz)
RETURNS TABLE (api_key_id text, workspace_id text, limited boolean, outcome text)
LANGUAGE sql STABLE AS $$
  SELECT k.id, k.workspace_id, o.limited, CASE
      WHEN o.status = 'suspended' THEN 'organization_suspended'
      WHEN k.status = 'revoked' THEN 'key_revoked'
      WHEN k.expires_at <= p_now THEN 'key_expired'
      ELSE 'admitted'
    END
    FROM orgs.api_keys k JOIN orgs.organizations o ON o.id = p_organization
   WHERE k.organization_id = p_organization AND k.id = ANY (p_keys)
$$;

-- The limits of an organization with the room each leaves this month, rolled over to it if a new one
-- has begun, and what the month before left. Room is NULL where a limit only notifies. Widest level
-- first. NULLs if it has none.
CREATE FUNCTION orgs.limits_in(p_organization text, p_month date,
  OUT levels text[], OUT subjects text[], OUT rooms bigint[], OUT last_rooms bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  l orgs.spend_limits;
  pauses boolean;
BEGIN
  FOR l IN SELECT * FROM orgs.spend_limits WHERE organization_id = p_organization
            ORDER BY level = 'api_key', level = 'workspace', subject_id
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

-- Counts holds placed at `p_placed[i]` with key `p_keys[i]`: what they promise and what they were
-- charged, as changes. This month and the one before are counted. Ids of organizations, workspaces
-- and keys are never equal, so that one list of subjects says which limits a key counts for.
CREATE FUNCTION orgs.count_spend(
  p_organization text, p_keys text[], p_placed timestamptz[], p_held bigint[], p_charged bigint[],
  p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT x.key, orgs.month_of(x.placed) AS month, sum(x.held)::bigint AS held,
                  sum(x.charged)::bigint AS charged
             FROM unnest(p_keys, p_placed, p_held, p_charged) AS x (key, placed, held, charged)
            WHERE x.held <> 0 OR x.charged <> 0
            GROUP BY 1, 2
  LOOP
    UPDATE orgs.spend_limits l
       SET held_nanos = l.held_nanos + CASE WHEN l.month = c.month THEN c.held ELSE 0 END,
           charged_nanos = l.charged_nanos + CASE WHEN l.month = c.month THEN c.charged ELSE 0 END,
           last_held_nanos = l.last_held_nanos
             + CASE WHEN l.month = c.month THEN 0 ELSE c.held END,
           last_charged_nanos = l.last_charged_nanos
             + CASE WHEN l.month = c.month THEN 0 ELSE c.charged END,
           reached_at = coalesce(l.reached_at, CASE WHEN l.month = c.month
             AND l.charged_nanos + c.charged >= l.amount_nanos THEN p_now END)
     WHERE l.organization_id = p_organization
       AND (l.month = c.month OR orgs.follows(l.month, c.month))
       AND l.subject_id IN (p_organization, c.key, (
         SELECT workspace_id FROM orgs.api_keys
          WHERE organization_id = p_organization AND id = c.key));
  END LOOP;
END $$;

CREATE FUNCTION orgs.is_limited(p_organization text) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT limited FROM orgs.organizations WHERE id = p_organization $$;

-- The keys whose requests a limit bounds; NULL if there is no such subject.
CREATE FUNCTION orgs.keys_of(p_organization text, p_level text, p_subject text) RETURNS text[]
LANGUAGE sql STABLE AS $$
  SELECT CASE p_level
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

-- Changes or (amount NULL) removes a limit that may exist; false if it has to be added first.
CREATE FUNCTION orgs.change_limit(p_organization text, p_level text, p_subject text,
  p_amount bigint, p_action text, p_set_by text, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_amount IS NULL THEN
    DELETE FROM orgs.spend_limits
     WHERE organization_id = p_organization AND level = p_level AND subject_id = p_subject;
    UPDATE orgs.organizations o SET limited = false
     WHERE o.id = p_organization AND o.limited AND NOT EXISTS (
       SELECT FROM orgs.spend_limits l WHERE l.organization_id = p_organization);
    RETURN true;
  END IF;
  UPDATE orgs.spend_limits SET amount_nanos = p_amount, action = p_action, set_by = p_set_by,
         set_at = p_now, reached_at = CASE WHEN charged_nanos >= p_amount THEN p_now END
   WHERE organization_id = p_organization AND level = p_level AND subject_id = p_subject;
  RETURN FOUND;
END $$;

CREATE FUNCTION orgs.add_limit(p_organization text, p_level text, p_subject text, p_amount bigint,
  p_action text, p_set_by text, p_now timestamptz, p_charged bigint, p_held bigint,
  p_last_charged bigint, p_last_held bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action, month,
    charged_nanos, held_nanos, last_charged_nanos, last_held_nanos, reached_at, set_by, set_at)
  VALUES (p_organization, p_level, p_subject, p_amount, p_action, orgs.month_of(p_now), p_charged,
    p_held, p_last_charged, p_last_held, CASE WHEN p_charged >= p_amount THEN p_now END, p_set_by, p_now);
  UPDATE orgs.organizations SET limited = true WHERE id = p_organization AND NOT limited;
END $$;
