-- Why: what costs most on the money path is the number of statements, not that of rows. So plain
-- requests are decided, written and counted by statements that take all organizations of a batch at
-- once (0022). An organization with anything that is not plain takes the way of 0016, in the same
-- batch. Here is what these statements stand on: types, locks, limits and records.
--
-- Rows are found by key and then changed by their place (ctid), which the lock of the book keeps
-- still: a join could be planned on statistics that are not there, and read a whole table for it.
SET lock_timeout = '5s';

-- What a column may hold is said by its type and not by a CHECK of the table: PostgreSQL reads a
-- CHECK's expression anew for every statement, and these tables are small and written by each.
CREATE DOMAIN ledger.sum AS bigint CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE DOMAIN ledger.debt AS bigint CONSTRAINT not_positive CHECK (VALUE <= 0);
ALTER TABLE ledger.books
  ALTER COLUMN held_nanos TYPE ledger.sum, ALTER COLUMN dispute_frozen_nanos TYPE ledger.sum,
  ALTER COLUMN live_nanos TYPE ledger.sum, ALTER COLUMN stopped_nanos TYPE ledger.sum,
  ALTER COLUMN customer_debt_nanos TYPE ledger.debt, ALTER COLUMN receivable_nanos TYPE ledger.debt,
  DROP CONSTRAINT books_held_nanos_check, DROP CONSTRAINT books_dispute_frozen_nanos_check,
  DROP CONSTRAINT books_live_nanos_check, DROP CONSTRAINT books_stopped_nanos_check,
  DROP CONSTRAINT books_customer_debt_nanos_check, DROP CONSTRAINT books_receivable_nanos_check;

-- Half of each page is left to what its holds become: a change within a page is a shorter record of
-- the log. The space is not lost, the new row would take it elsewhere.
ALTER TABLE ledger.holds SET (fillfactor = 50);

CREATE DOMAIN orgs.sum AS bigint CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE DOMAIN orgs.limit_level AS text CHECK (VALUE IN ('organization', 'workspace', 'api_key'));
CREATE DOMAIN orgs.limit_action AS text CHECK (VALUE IN ('notify_only', 'notify_and_pause'));
DROP VIEW charging.spend_recount;
ALTER TABLE orgs.spend_limits
  ALTER COLUMN level TYPE orgs.limit_level, ALTER COLUMN action TYPE orgs.limit_action,
  ALTER COLUMN amount_nanos TYPE orgs.sum, ALTER COLUMN held_nanos TYPE orgs.sum,
  ALTER COLUMN charged_nanos TYPE orgs.sum, ALTER COLUMN last_held_nanos TYPE orgs.sum,
  ALTER COLUMN last_charged_nanos TYPE orgs.sum,
  DROP CONSTRAINT spend_limits_level_check, DROP CONSTRAINT spend_limits_action_check,
  DROP CONSTRAINT spend_limits_amount_nanos_check, DROP CONSTRAINT spend_limits_held_nanos_check,
  DROP CONSTRAINT spend_limits_charged_nanos_check,
  DROP CONSTRAINT spend_limits_last_held_nanos_check,
  DROP CONSTRAINT spend_limits_last_charged_nanos_check;
-- Counters of spend limits, this month's and the last one's, beside a recount of the holds placed in
-- each. Reads orgs and ledger, so it belongs to charging, where the two meet.
CREATE VIEW charging.spend_recount AS
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
        AND l.subject_id = CASE l.level WHEN 'organization' THEN h.organization_id
                                        WHEN 'workspace' THEN k.workspace_id ELSE h.api_key_id END
   ) AS h;
GRANT SELECT ON charging.spend_recount TO bursar_app;


-- The books of a batch, locked in id order, so that two processes can never wait in a circle. In the
-- order of p_orgs, which is that of their bytes; NULL for who has none.
CREATE FUNCTION ledger.lock_books(p_orgs text[], OUT places tid[], OUT books ledger.books[])
LANGUAGE plpgsql AS $$
DECLARE
  found_places tid[];
  found_books ledger.books[];
  j integer := 1;
BEGIN
  IF cardinality(p_orgs) = 1 THEN
    -- What follows, for one, at a third of the cost.
    SELECT ARRAY[b.ctid], ARRAY[b] INTO places, books FROM ledger.books AS b
     WHERE organization_id = p_orgs[1] FOR UPDATE;
    IF NOT FOUND THEN
      places := ARRAY[NULL::tid]; books := ARRAY[NULL::ledger.books];
    END IF;
    RETURN;
  END IF;
  -- Locked as the database sorts ids, which is the order of all who lock several; answered as the
  -- program sorts them, by their bytes.
  SELECT array_agg(l.place ORDER BY l.id COLLATE "C"), array_agg(l.book ORDER BY l.id COLLATE "C")
    INTO places, books
    FROM (SELECT organization_id AS id, b.ctid AS place, b AS book FROM ledger.books AS b
           WHERE organization_id = ANY (p_orgs) ORDER BY organization_id FOR UPDATE) AS l;
  IF cardinality(books) IS DISTINCT FROM cardinality(p_orgs) THEN
    found_places := places; found_books := books;
    places := array_fill(NULL::tid, ARRAY[cardinality(p_orgs)]);
    books := array_fill(NULL::ledger.books, ARRAY[cardinality(p_orgs)]);
    FOR k IN 1 .. cardinality(p_orgs) LOOP
      IF (found_books[j]).organization_id = p_orgs[k] THEN
        places[k] := found_places[j]; books[k] := found_books[j];
        j := j + 1;
      END IF;
    END LOOP;
  END IF;
END $$;

-- Which of these organizations may not simply go on, because a key is not admitted or a limit is
-- near, and where the limits of the others are, with the sums they are asked for. One row of the
-- question per organization and key.
CREATE FUNCTION orgs.admit_plainly(
  p_orgs text[], p_keys text[], p_sums bigint[], p_now timestamptz,
  OUT refused text[], OUT limited text[], OUT places tid[], OUT sums bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  near text[];
  one record;
BEGIN
  IF cardinality(p_orgs) = 1 THEN
    -- What follows, for one key, at half the cost.
    SELECT * INTO one FROM orgs.admit(p_orgs[1], p_keys, p_now);
    IF coalesce(one.outcome, 'key_revoked') <> 'admitted' THEN
      refused := p_orgs;
    ELSIF one.limited THEN
      SELECT array_agg(l.place), array_agg(p_orgs[1]), array_agg(p_sums[1]),
             CASE WHEN bool_or(NOT l.current OR p_sums[1] >= l.room) THEN p_orgs END
        INTO places, limited, sums, refused FROM orgs.limits_of(p_orgs[1], p_keys[1], p_now) AS l;
    END IF;
    RETURN;
  END IF;
  SELECT array_agg(a.org) FILTER (WHERE k.outcome IS DISTINCT FROM 'admitted'),
         array_agg(a.org) FILTER (WHERE k.limited)
    INTO refused, limited
    FROM unnest(p_orgs, p_keys) AS a (org, key)
    LEFT JOIN LATERAL (
      SELECT * FROM orgs.admit(a.org, ARRAY[a.key], p_now) OFFSET 0) AS k ON true;
  IF limited IS NULL THEN RETURN; END IF;
  SELECT array_agg(b.org), array_agg(b.place), array_agg(b.sum),
         array_agg(b.org) FILTER (WHERE b.sum >= b.room OR NOT b.current)
    INTO limited, places, sums, near
    FROM (SELECT a.org, l.place, l.room, l.current, sum(a.sum)::bigint AS sum
            FROM unnest(p_orgs, p_keys, p_sums) AS a (org, key, sum)
           CROSS JOIN LATERAL orgs.limits_of(a.org, a.key, p_now) AS l
           GROUP BY 1, 2, 3, 4) AS b;
  refused := refused || near;
END $$;

-- The limits that count for a key: where each is, the room it leaves (NULL if it only notifies), and
-- whether it counts this month already. Ids of organizations, workspaces and keys are never equal;
-- levels are named because they stand in the middle of the key.
CREATE FUNCTION orgs.limits_of(p_organization text, p_key text, p_now timestamptz)
RETURNS TABLE (place tid, month date, room bigint, current boolean)
LANGUAGE sql STABLE AS $$
  SELECT ctid, month, CASE WHEN action = 'notify_and_pause'
           THEN amount_nanos - charged_nanos - held_nanos END AS room,
         month = orgs.month_of(p_now)
    FROM orgs.spend_limits
   WHERE organization_id = p_organization
     AND level = ANY ('{organization,workspace,api_key}')
     AND subject_id = ANY (ARRAY[p_organization, p_key, (
       SELECT workspace_id FROM orgs.api_keys
        WHERE organization_id = p_organization AND id = p_key)])
  OFFSET 0
$$;

-- Counts what a batch settled, as orgs.count_spend does, for many organizations.
CREATE FUNCTION orgs.count_plainly(p_orgs text[], p_of text[], p_keys text[], p_placed timestamptz[],
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
       AND level = ANY ('{organization,workspace,api_key}')
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

-- Counts what new holds promise, in the limits that admit_plainly found.
CREATE FUNCTION orgs.promise_plainly(p_of text[], p_places tid[], p_sums bigint[], p_orgs text[],
  p_done bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF array_position(p_done, NULL) IS NOT NULL THEN
    p_places := ARRAY(SELECT CASE WHEN u.done IS NOT NULL THEN l.place END
                        FROM unnest(p_of, p_places) WITH ORDINALITY AS l (org, place, i)
                        LEFT JOIN unnest(p_orgs, p_done) AS u (org, done) ON u.org = l.org
                       ORDER BY l.i);
  END IF;
  UPDATE orgs.spend_limits AS l SET held_nanos = l.held_nanos + u.sum
    FROM unnest(p_places, p_sums) AS u (place, sum) WHERE l.ctid = u.place;
END $$;

-- One row per request that this batch resolved, as in 0016. Arrays are unfolded side by side and not
-- by one unnest of all, which keeps a copy of each.
CREATE OR REPLACE FUNCTION metering.record(
  p_orgs text[], p_ids text[], p_keys text[], p_workspaces text[], p_models text[], p_rules text[],
  p_usages jsonb[], p_price_versions text[], p_statuses smallint[], p_disconnected boolean[],
  p_estimated boolean[], p_quarantined boolean[], p_started timestamptz[], p_outcomes text[],
  p_charges bigint[], p_overruns bigint[], p_losses bigint[], p_settled timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO metering.requests (organization_id, request_id, api_key_id, workspace_id, model, rule,
    usage, price_version, charged_nanos, overrun_nanos, loss_nanos, upstream_status,
    client_disconnected, estimated, quarantined, started_at, settled_at)
  SELECT org, id, key, workspace, model, rule, usage, version, charge, overrun, loss, status,
         disconnected, estimated, quarantined, started, settled
    FROM (SELECT unnest(p_outcomes) AS outcome, unnest(p_orgs) AS org, unnest(p_ids) AS id,
                 unnest(p_keys) AS key, unnest(p_workspaces) AS workspace,
                 unnest(p_models) AS model, unnest(p_rules) AS rule, unnest(p_usages) AS usage,
                 unnest(p_price_versions) AS version, unnest(p_charges) AS charge,
                 unnest(p_overruns) AS overrun, unnest(p_losses) AS loss,
                 unnest(p_statuses) AS status, unnest(p_disconnected) AS disconnected,
                 unnest(p_estimated) AS estimated, unnest(p_quarantined) AS quarantined,
                 unnest(p_started) AS started, unnest(p_settled) AS settled) AS r
   WHERE outcome IN ('settled', 'voided');
END $$;
