-- Why: one statement for many requests of many organizations, as in 0007, now with extensions, spend
-- limits and journaled settlements. Each function called here belongs to its zone.
SET lock_timeout = '5s';

-- Commands arrive sorted by organization: commands p_ends[k-1]+1 .. p_ends[k] are p_orgs[k]'s.
-- Returns one row per command, in that order. Rows are found by key, whatever the statistics say.
DROP FUNCTION charging.place_batch(text[], integer[], text[], text[], bigint[], integer);
CREATE FUNCTION charging.place_batch(
  p_orgs text[], p_ends integer[], p_kinds text[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_lease_ms integer)
RETURNS TABLE (outcome text, available_nanos bigint, limit_level text, limit_subject text,
  limit_lifts_at timestamptz)
LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  lease interval := make_interval(secs => p_lease_ms / 1000.0);
  a integer := 1;
  z integer;
  now_at timestamptz;
  real_at timestamptz;
  book ledger.books;
  kinds text[]; ids text[]; keys text[]; amounts bigint[];
  capped boolean;
  d record;
  c record;
  s record;
BEGIN
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    z := p_ends[k];
    -- A slice copies the whole array first: for one command of many organizations, too dear.
    IF a = z THEN
      kinds := ARRAY[p_kinds[a]]; ids := ARRAY[p_ids[a]]; keys := ARRAY[p_keys[a]];
      amounts := ARRAY[p_amounts[a]];
    ELSE
      kinds := p_kinds[a:z]; ids := p_ids[a:z]; keys := p_keys[a:z]; amounts := p_amounts[a:z];
    END IF;
    -- The lock comes first: a revocation committed before it is seen by what follows.
    book := ledger.lock_book(p_orgs[k]);
    now_at := bursar.now_under_lock();
    real_at := bursar.real_now();
    d := charging.admission(p_orgs[k], kinds, keys, now_at);
    IF book.organization_id IS NULL THEN
      -- Books begin with the first grant: who never had one has nothing to spend.
      RETURN QUERY SELECT coalesce(x, 'insufficient_credit'), 0::bigint, NULL::text, NULL::text,
             NULL::timestamptz
        FROM unnest(d.refused) AS x;
    ELSE
      capped := d.limited;
      IF capped THEN
        c := charging.caps(book, kinds, ids, keys, amounts, d.workspaces, now_at, real_at);
        book.held_nanos := c.held;
        capped := c.rooms IS NOT NULL;
      END IF;
      IF capped THEN
        s := ledger.place(book, kinds, ids, keys, amounts, d.refused,
          c.rooms, c.caps_a, c.caps_b, c.caps_c, lease, now_at, real_at);
        PERFORM orgs.count_spend(p_orgs[k], c.hold_keys, c.placed, s.added,
          array_fill(0::bigint, ARRAY[z - a + 1]), now_at);
        RETURN QUERY SELECT u.o, s.available_nanos, c.levels[u.r], c.subjects[u.r],
               CASE WHEN u.r IS NOT NULL THEN orgs.month_after(now_at) END
          FROM unnest(s.outcomes, s.refusing) AS u (o, r);
      ELSE
        s := ledger.place(book, kinds, ids, keys, amounts, d.refused,
          NULL, NULL, NULL, NULL, lease, now_at, real_at);
        IF a = z THEN
          outcome := s.outcomes[1]; available_nanos := s.available_nanos;
          RETURN NEXT;
        ELSE
          RETURN QUERY SELECT o, s.available_nanos, NULL::text, NULL::text, NULL::timestamptz
            FROM unnest(s.outcomes) AS o;
        END IF;
      END IF;
    END IF;
    a := z + 1;
  END LOOP;
END $$;

-- Why each command may not be tried, NULL if it may. An extension belongs to a request that was
-- admitted once: it is not asked again who sent it.
CREATE FUNCTION charging.admission(p_org text, p_kinds text[], p_keys text[], p_now timestamptz,
  OUT refused text[], OUT workspaces text[], OUT limited boolean)
LANGUAGE plpgsql AS $$
DECLARE
  one record;
BEGIN
  IF cardinality(p_keys) = 1 THEN
    SELECT * INTO one FROM orgs.admit(p_org, p_keys, p_now);
    limited := coalesce(one.limited, true);
    workspaces := ARRAY[one.workspace_id];
    refused := ARRAY[CASE WHEN p_kinds[1] = 'place'
      THEN nullif(coalesce(one.outcome, 'key_revoked'), 'admitted') END];
    RETURN;
  END IF;
  SELECT array_agg(CASE WHEN c.kind = 'place'
           THEN nullif(coalesce(d.outcome, 'key_revoked'), 'admitted') END ORDER BY c.i),
         array_agg(d.workspace_id ORDER BY c.i), bool_or(coalesce(d.limited, true))
    INTO refused, workspaces, limited
    FROM unnest(p_keys, p_kinds) WITH ORDINALITY AS c (key, kind, i)
    LEFT JOIN orgs.admit(p_org, p_keys, p_now) AS d ON d.api_key_id = c.key;
END $$;

-- The limits that bound each command, as caps of ledger.place. Where one might refuse, holds of dead
-- processes are freed first, because by rule H4 they no longer count. An extension counts for the key and the month of
-- its hold: caps of the month before stand behind those of this one.
CREATE FUNCTION charging.caps(p_book ledger.books, p_kinds text[], p_ids text[], p_keys text[],
  p_amounts bigint[], p_workspaces text[], p_now timestamptz, p_real timestamptz,
  OUT held bigint, OUT levels text[], OUT subjects text[], OUT rooms bigint[],
  OUT caps_a integer[], OUT caps_b integer[], OUT caps_c integer[],
  OUT hold_keys text[], OUT placed timestamptz[])
LANGUAGE plpgsql AS $$
DECLARE
  org text := p_book.organization_id;
  this_month date := orgs.month_of(p_now);
  last_rooms bigint[];
  behind integer;
  hold record;
BEGIN
  held := p_book.held_nanos;
  SELECT l.levels, l.subjects, l.rooms, l.last_rooms INTO levels, subjects, rooms, last_rooms
    FROM orgs.limits_in(org, this_month) AS l;
  IF (SELECT sum(amount) FROM unnest(p_amounts) AS amount)
       >= (SELECT min(room) FROM unnest(rooms || last_rooms) AS room) THEN
    held := held - charging.expire_lapsed(org, p_now, p_real);
    IF held < p_book.held_nanos THEN
      SELECT l.rooms, l.last_rooms INTO rooms, last_rooms
        FROM orgs.limits_in(org, this_month) AS l;
    END IF;
  END IF;
  IF rooms IS NULL THEN RETURN; END IF;
  hold_keys := p_keys;
  placed := array_fill(p_now, ARRAY[cardinality(p_ids)]);
  FOR i IN 1 .. cardinality(p_ids) LOOP
    behind := 0;
    IF p_kinds[i] = 'extend' THEN
      SELECT h.api_key_id, h.placed_at, k.workspace_id INTO hold
        FROM ledger.holds h
        LEFT JOIN orgs.admit(org, ARRAY[h.api_key_id], p_now) AS k ON true
       WHERE h.organization_id = org AND h.id = p_ids[i];
      hold_keys[i] := hold.api_key_id;
      placed[i] := coalesce(hold.placed_at, p_now);
      p_workspaces[i] := hold.workspace_id;
      behind := CASE WHEN orgs.month_of(placed[i]) < this_month THEN cardinality(levels) ELSE 0 END;
    END IF;
    caps_a[i] := array_position(subjects, org) + behind;
    caps_b[i] := array_position(subjects, p_workspaces[i]) + behind;
    caps_c[i] := array_position(subjects, hold_keys[i]) + behind;
  END LOOP;
  rooms := rooms || last_rooms;
  levels := levels || levels;
  subjects := subjects || subjects;
END $$;

-- One row per request that this batch resolved, in one statement for all organizations: it decides
-- nothing, and it is a third of what a small batch writes. Usage is JSON or NULL.
DROP FUNCTION metering.record(text, text[], jsonb[], bigint[], bigint[], bigint[], timestamptz);
CREATE FUNCTION metering.record(
  p_orgs text[], p_ids text[], p_keys text[], p_workspaces text[], p_models text[], p_rules text[],
  p_usages jsonb[], p_price_versions text[], p_statuses smallint[], p_disconnected boolean[],
  p_estimated boolean[], p_quarantined boolean[], p_started timestamptz[], p_outcomes text[],
  p_charges bigint[], p_overruns bigint[], p_losses bigint[], p_settled timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO metering.requests (organization_id, request_id, api_key_id, workspace_id, model, rule,
    usage, price_version, charged_nanos, overrun_nanos, loss_nanos, upstream_status,
    client_disconnected, estimated, quarantined, started_at, settled_at)
  SELECT r.org, r.id, r.key, r.workspace, r.model, r.rule, r.usage, r.price_version, r.charge,
         r.overrun, r.loss, r.status, r.disconnected, r.estimated, r.quarantined, r.started, r.settled
    FROM unnest(p_orgs, p_ids, p_keys, p_workspaces, p_models, p_rules, p_usages, p_price_versions,
           p_statuses, p_disconnected, p_estimated, p_quarantined, p_started, p_outcomes, p_charges,
           p_overruns, p_losses, p_settled)
      AS r (org, id, key, workspace, model, rule, usage, price_version, status, disconnected,
            estimated, quarantined, started, outcome, charge, overrun, loss, settled)
   WHERE r.outcome IN ('settled', 'voided');
END $$;

DROP FUNCTION charging.settle_batch(text[], integer[], text[], text[], bigint[], bigint[], jsonb[]);
CREATE FUNCTION charging.settle_batch(
  p_orgs text[], p_ends integer[], p_ids text[], p_resolutions text[], p_costs bigint[],
  p_losses bigint[], p_happened timestamptz[], p_keys text[], p_workspaces text[], p_models text[],
  p_rules text[], p_usages jsonb[], p_price_versions text[], p_statuses smallint[],
  p_disconnected boolean[], p_estimated boolean[], p_quarantined boolean[], p_started timestamptz[])
RETURNS TABLE (outcome text, charged_nanos bigint, overrun_nanos bigint, late boolean,
  available_nanos bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  n integer := cardinality(p_ids);
  a integer := 1;
  z integer;
  now_at timestamptz;
  real_at timestamptz;
  book ledger.books;
  s record;
  ids text[]; resolutions text[]; costs bigint[]; losses bigint[]; happened timestamptz[];
  outcomes text[]; charges bigint[]; overruns bigint[]; lates boolean[];
  all_orgs text[] := array_fill(NULL::text, ARRAY[n]);
  all_outcomes text[] := all_orgs;
  all_charges bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  all_overruns bigint[] := all_charges;
  all_available bigint[] := all_charges;
  all_late boolean[] := array_fill(NULL::boolean, ARRAY[n]);
  all_settled timestamptz[] := array_fill(NULL::timestamptz, ARRAY[n]);
BEGIN
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    z := p_ends[k];
    IF a = z THEN
      ids := ARRAY[p_ids[a]]; resolutions := ARRAY[p_resolutions[a]]; costs := ARRAY[p_costs[a]];
      losses := ARRAY[p_losses[a]]; happened := ARRAY[p_happened[a]];
    ELSE
      ids := p_ids[a:z]; resolutions := p_resolutions[a:z]; costs := p_costs[a:z];
      losses := p_losses[a:z]; happened := p_happened[a:z];
    END IF;
    book := ledger.lock_book(p_orgs[k]);
    now_at := bursar.now_under_lock();
    real_at := bursar.real_now();
    s := ledger.settle_plainly(book, ids, resolutions, costs, losses, happened, now_at, real_at);
    IF s.done THEN
      outcomes := array_fill('settled'::text, ARRAY[cardinality(ids)]);
      charges := costs;
      overruns := array_fill(0::bigint, ARRAY[cardinality(ids)]);
      lates := array_fill(false, ARRAY[cardinality(ids)]);
    ELSE
      -- Whose lease has passed is late, whether or not a sweeper ran (H4); and what dead processes
      -- held is there for who needs more than its hold.
      IF ledger.needs_more_than_held(p_orgs[k], ids, costs, real_at) THEN
        book.held_nanos := book.held_nanos - charging.expire_lapsed(p_orgs[k], now_at, real_at);
      END IF;
      s := ledger.settle(book, ids, resolutions, costs, losses, happened, now_at);
      outcomes := s.outcomes; charges := s.charges; overruns := s.overruns; lates := s.late;
    END IF;
    IF orgs.is_limited(p_orgs[k]) THEN
      PERFORM orgs.count_spend(p_orgs[k], s.keys, s.placed,
        ARRAY(SELECT -x FROM unnest(s.freed) AS x), s.counted, now_at);
    END IF;
    FOR i IN 1 .. z - a + 1 LOOP
      all_orgs[a] := p_orgs[k]; all_outcomes[a] := outcomes[i]; all_charges[a] := charges[i];
      all_overruns[a] := overruns[i]; all_late[a] := lates[i]; all_settled[a] := now_at;
      all_available[a] := s.available_nanos;
      a := a + 1;
    END LOOP;
  END LOOP;
  PERFORM metering.record(all_orgs, p_ids, p_keys, p_workspaces, p_models, p_rules, p_usages,
    p_price_versions, p_statuses, p_disconnected, p_estimated, p_quarantined, p_started,
    all_outcomes, all_charges, all_overruns, p_losses, all_settled);
  RETURN QUERY SELECT * FROM unnest(all_outcomes, all_charges, all_overruns, all_late, all_available);
END $$;

-- Frees the holds of dead processes, in the ledger and in the limits that counted them.
CREATE FUNCTION charging.expire_lapsed(p_org text, p_now timestamptz, p_real timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  e record;
BEGIN
  e := ledger.expire_lapsed(p_org, p_now, p_real);
  IF e.freed > 0 AND orgs.is_limited(p_org) THEN
    PERFORM orgs.count_spend(p_org, e.keys, e.placed,
      ARRAY(SELECT -x FROM unnest(e.amounts) AS x),
      array_fill(0::bigint, ARRAY[cardinality(e.keys)]), p_now);
  END IF;
  RETURN e.freed;
END $$;

-- The sweeper's command: organizations in id order, so that it can never wait in a circle with a
-- batch; a book that is busy is left to its next hold or the next sweep.
CREATE FUNCTION charging.expire_lapsed_everywhere(p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  touched integer := 0;
  o text;
BEGIN
  -- From organization to organization through the index of open holds: none without one is read.
  FOR o IN WITH RECURSIVE holding AS (
             (SELECT organization_id AS id FROM ledger.holds WHERE state = 'open'
               ORDER BY organization_id LIMIT 1)
             UNION ALL
             SELECT (SELECT h.organization_id FROM ledger.holds h
                      WHERE h.state = 'open' AND h.organization_id > holding.id
                      ORDER BY h.organization_id LIMIT 1)
               FROM holding WHERE holding.id IS NOT NULL)
           SELECT id FROM holding
            WHERE EXISTS (SELECT FROM ledger.holds h
                           WHERE h.organization_id = holding.id AND h.state = 'open'
                             AND h.lease_expires_at <= bursar.real_now())
            ORDER BY id LIMIT p_limit
  LOOP
    PERFORM FROM ledger.books WHERE organization_id = o FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM charging.expire_lapsed(o, bursar.now_under_lock(), bursar.real_now());
    touched := touched + 1;
  END LOOP;
  RETURN touched;
END $$;

-- Sets a limit, changes it, or removes it (amount NULL), under the lock that every hold takes: the
-- first hold after it knows it. A new limit starts with what this month's holds have used.
CREATE FUNCTION charging.set_spend_limit(p_org text, p_level text, p_subject text, p_amount bigint,
  p_action text, p_set_by text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  now_at timestamptz;
  this_month date;
  keys text[];
BEGIN
  INSERT INTO ledger.books (organization_id) VALUES (p_org) ON CONFLICT DO NOTHING;
  PERFORM ledger.lock_book(p_org);
  now_at := bursar.now_under_lock();
  this_month := orgs.month_of(now_at);
  keys := orgs.keys_of(p_org, p_level, p_subject);
  IF keys IS NULL THEN
    RETURN 'unknown_subject';
  END IF;
  PERFORM orgs.limits_in(p_org, this_month);
  IF NOT orgs.change_limit(p_org, p_level, p_subject, p_amount, p_action, p_set_by, now_at) THEN
    PERFORM orgs.add_limit(p_org, p_level, p_subject, p_amount, p_action, p_set_by, now_at,
        s.charged, s.held, l.charged, l.held)
       FROM ledger.spent_in_month(p_org, keys, this_month) AS s,
            ledger.spent_in_month(p_org, keys, (this_month - interval '1 month')::date) AS l;
  END IF;
  RETURN 'set';
END $$;
