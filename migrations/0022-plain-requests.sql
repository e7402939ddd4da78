-- Why: plain requests, of all organizations of a batch, by one statement each for what they decide,
-- write and count; see 0018. What 0015 and 0016 promised stays true.
SET lock_timeout = '5s';

-- Holds that need no decision: organizations whose commands are all new and fit all at once. Sums
-- are what each asks for, NULL where it must not be tried here. Answers what is available
-- afterwards, NULL where nothing was done.
CREATE FUNCTION ledger.place_plainly(
  p_orgs text[], p_places tid[], p_books ledger.books[], p_sums bigint[], p_of text[],
  p_ids text[], p_keys text[], p_amounts bigint[], p_lease interval, p_now timestamptz,
  p_real timestamptz, OUT available bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  known text[];
  book ledger.books;
  skipped text[];
BEGIN
  SELECT array_agg(c.org) INTO known
    FROM (SELECT unnest(p_of) AS org, unnest(p_ids) AS id) AS c
   CROSS JOIN LATERAL (
     SELECT FROM ledger.holds WHERE organization_id = c.org AND id = c.id OFFSET 0) AS h;
  available := p_sums;
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    book := p_books[k];
    available[k] := book.live_nanos - book.held_nanos - p_sums[k];
    -- More than what is asked, because a request that is promised nothing needs some credit too.
    IF available[k] > 0 AND book.customer_debt_nanos = 0 AND book.stopped_nanos = 0
       AND p_now < book.live_until AND (known IS NULL OR p_orgs[k] <> ALL (known)) THEN
      CONTINUE;
    END IF;
    available[k] := NULL;
    p_places[k] := NULL;
    skipped := skipped || p_orgs[k];
  END LOOP;
  IF cardinality(skipped) = cardinality(p_orgs) THEN RETURN; END IF;
  INSERT INTO ledger.holds
    (organization_id, id, api_key_id, amount_nanos, placed_at, lease_expires_at)
  SELECT c.org, c.id, c.key, c.amount, p_now, p_real + p_lease
    FROM (SELECT unnest(p_of) AS org, unnest(p_ids) AS id, unnest(p_keys) AS key,
                 unnest(p_amounts) AS amount) AS c
   WHERE skipped IS NULL OR c.org <> ALL (skipped);
  UPDATE ledger.books AS b SET held_nanos = b.held_nanos + u.sum
    FROM unnest(p_places, p_sums) AS u (place, sum) WHERE b.ctid = u.place;
END $$;

-- Settlements that need no decision: organizations whose holds are all open and alive and used no
-- more than they held, in time, without losses, and one grant pays for all. Answers per organization
-- what is available afterwards, NULL where nothing was done; per command how it ended, what it was
-- charged, the hold's key, when it was placed, and what was freed (NULL where nothing was done).
DROP FUNCTION ledger.settle_plainly(ledger.books, text[], text[], bigint[], bigint[], timestamptz[],
  timestamptz, timestamptz);
CREATE FUNCTION ledger.settle_plainly(
  p_orgs text[], p_ends integer[], p_places tid[], p_books ledger.books[], p_of text[],
  p_ids text[], p_resolutions text[], p_costs bigint[], p_losses bigint[],
  p_happened timestamptz[], p_now timestamptz, p_real timestamptz,
  OUT available bigint[], OUT outcomes text[], OUT charges bigint[], OUT keys text[],
  OUT placed timestamptz[], OUT freed bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  holds tid[]; plain boolean[];
  paying tid[]; accounts text[]; remaining bigint[];
  book ledger.books; held bigint; rest bigint; number bigint; fits boolean;
  a integer := 1;
  numbers bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_ids)]);
  rests bigint[] := numbers;
  payers text[] := array_fill(NULL::text, ARRAY[cardinality(p_ids)]);
  all_held bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_orgs)]);
  spent bigint[] := all_held;
  lines bigint[] := all_held;
  found integer;
BEGIN
  available := all_held;
  SELECT array_agg(h.place ORDER BY i), array_agg(h.api_key_id ORDER BY i),
         array_agg(h.placed_at ORDER BY i), array_agg(h.amount_nanos ORDER BY i),
         array_agg(h.charge ORDER BY i), array_agg(h.outcome ORDER BY i),
         array_agg(coalesce(h.plain, false) ORDER BY i)
    INTO holds, keys, placed, freed, charges, outcomes, plain
    FROM (SELECT h.*, c.i, c.charge,
                 CASE c.resolution WHEN 'void' THEN 'voided' ELSE 'settled' END AS outcome,
                 h.open AND c.loss = 0 AND c.happened IS NULL
                   AND c.charge BETWEEN 0 AND h.amount_nanos AS plain
            FROM (SELECT i, org, id, resolution, loss, happened,
                         CASE resolution WHEN 'void' THEN 0 ELSE cost END AS charge
                    FROM (SELECT generate_subscripts(p_ids, 1) AS i, unnest(p_of) AS org,
                                 unnest(p_ids) AS id, unnest(p_resolutions) AS resolution,
                                 unnest(p_costs) AS cost, unnest(p_losses) AS loss,
                                 unnest(p_happened) AS happened) AS u) AS c
            -- One lookup by key for each command, whatever the statistics say.
            LEFT JOIN LATERAL (
              SELECT ctid AS place, api_key_id, placed_at, amount_nanos,
                     state = 'open' AND lease_expires_at > p_real AS open
                FROM ledger.holds WHERE organization_id = c.org AND id = c.id OFFSET 0) AS h ON true
         ) AS h;
  IF (SELECT count(place) > count(DISTINCT place) FROM unnest(holds) AS place) THEN
    -- Twins: the second is told what the first was charged.
    freed := numbers;
    RETURN;
  END IF;
  SELECT array_agg(g.place ORDER BY o.k), array_agg('grant:' || g.id ORDER BY o.k),
         array_agg(coalesce(g.remaining_nanos, 0) ORDER BY o.k)
    INTO paying, accounts, remaining
    FROM unnest(p_orgs) WITH ORDINALITY AS o (id, k)
    LEFT JOIN LATERAL (
      SELECT ctid AS place, id, remaining_nanos FROM ledger.grants
       WHERE organization_id = o.id AND NOT exhausted
       ORDER BY expires_at, paid, granted_at, id LIMIT 1) AS g ON true;
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    book := p_books[k];
    fits := book.stopped_nanos = 0 AND p_now < book.live_until;
    number := book.next_transaction;
    rest := remaining[k];
    held := 0;
    FOR i IN a .. p_ends[k] LOOP
      fits := fits AND plain[i];
      held := held + freed[i];
      IF charges[i] > 0 THEN
        rest := rest - charges[i];
        rests[i] := rest; numbers[i] := number; payers[i] := accounts[k];
        number := number + 1;
      END IF;
    END LOOP;
    IF fits AND rest >= 0 THEN
      all_held[k] := held;
      spent[k] := remaining[k] - rest;
      lines[k] := number - book.next_transaction;
      available[k] := book.live_nanos - spent[k] - (book.held_nanos - held);
    ELSE
      p_places[k] := NULL;
      FOR i IN a .. p_ends[k] LOOP
        holds[i] := NULL; numbers[i] := NULL; freed[i] := NULL;
      END LOOP;
    END IF;
    a := p_ends[k] + 1;
  END LOOP;
  UPDATE ledger.holds AS h SET resolved_at = p_now, state = c.outcome, charged_nanos = c.charge,
         transaction_no = c.number
    FROM (SELECT unnest(holds) AS place, unnest(outcomes) AS outcome, unnest(charges) AS charge,
                 unnest(numbers) AS number) AS c
   WHERE h.ctid = c.place;
  GET DIAGNOSTICS found = ROW_COUNT;
  IF found <> cardinality(array_remove(holds, NULL)) THEN
    -- A lease is renewed without the lock of the book, which moves the hold. All of it runs again.
    RAISE EXCEPTION 'a hold was renewed meanwhile' USING ERRCODE = 'serialization_failure';
  END IF;
  INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
    reason, amount_nanos, from_balance_nanos, reference, happened_at, recorded_at)
  SELECT c.org, c.number, 1, c.account, 'revenue', 'usage.settle', c.charge, c.rest, c.id, p_now,
         p_now
    FROM (SELECT unnest(p_of) AS org, unnest(numbers) AS number, unnest(payers) AS account,
                 unnest(charges) AS charge, unnest(rests) AS rest, unnest(p_ids) AS id) AS c
   WHERE c.number IS NOT NULL;
  UPDATE ledger.grants AS g SET remaining_nanos = g.remaining_nanos - u.spent
    FROM unnest(paying, spent) AS u (place, spent) WHERE g.ctid = u.place AND u.spent > 0;
  UPDATE ledger.books AS b SET held_nanos = b.held_nanos - u.held,
         live_nanos = b.live_nanos - u.spent, next_transaction = b.next_transaction + u.lines
    FROM unnest(p_places, all_held, spent, lines) AS u (place, held, spent, lines)
   WHERE b.ctid = u.place;
END $$;

-- Whose each command is.
CREATE FUNCTION charging.organization_of_each(p_orgs text[], p_ends integer[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE
    WHEN cardinality(p_orgs) = p_ends[cardinality(p_ends)] THEN p_orgs
    ELSE ARRAY(SELECT o.id FROM unnest(p_orgs, 0 || p_ends, p_ends) WITH ORDINALITY
                   AS o (id, a, z, k), generate_series(o.a + 1, o.z) AS i
                WHERE o.id IS NOT NULL ORDER BY o.k)
  END;
END $$;

-- As in 0016: commands arrive sorted by organization, p_ends[k-1]+1 .. p_ends[k] are p_orgs[k]'s.
-- Returns one row per command, in that order.
CREATE OR REPLACE FUNCTION charging.place_batch(
  p_orgs text[], p_ends integer[], p_kinds text[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_lease_ms integer)
RETURNS TABLE (outcome text, available_nanos bigint, limit_level text, limit_subject text,
  limit_lifts_at timestamptz)
LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  lease interval := make_interval(secs => p_lease_ms / 1000.0);
  a integer := 1;
  now_at timestamptz;
  real_at timestamptz;
  locked record;
  of text[] := CASE WHEN cardinality(p_orgs) = 1 THEN array_fill(p_orgs[1], p_ends)
    ELSE charging.organization_of_each(p_orgs, p_ends) END;
  sums bigint[] := array_fill(0::bigint, ARRAY[cardinality(p_orgs)]);
  sum bigint;
  p record;
  d record;
  available bigint[];
BEGIN
  -- The locks come first: a revocation committed before is seen by what follows.
  locked := ledger.lock_books(p_orgs);
  now_at := bursar.now_under_lock();
  real_at := bursar.real_now();
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    sum := 0;
    FOR i IN a .. p_ends[k] LOOP
      sum := sum + CASE p_kinds[i] WHEN 'place' THEN p_amounts[i] END;
    END LOOP;
    sums[k] := sum;
    a := p_ends[k] + 1;
  END LOOP;
  IF cardinality(p_orgs) = 1 AND p_keys[1] = ALL (p_keys) THEN
    SELECT p_orgs AS orgs, p_keys[1:1] AS keys, sums INTO p;
  ELSE
    SELECT array_agg(x.org) AS orgs, array_agg(x.key) AS keys, array_agg(x.sum) AS sums INTO p
      FROM (SELECT u.org, u.key, pg_catalog.sum(u.amount)::bigint AS sum
              FROM unnest(of, p_keys, p_amounts) AS u (org, key, amount) GROUP BY 1, 2) AS x;
  END IF;
  d := orgs.admit_plainly(p.orgs, p.keys, p.sums, now_at);
  IF d.refused IS NOT NULL THEN
    FOR k IN 1 .. cardinality(p_orgs) LOOP
      IF p_orgs[k] = ANY (d.refused) THEN sums[k] := NULL; END IF;
    END LOOP;
  END IF;
  available := ledger.place_plainly(p_orgs, locked.places, locked.books, sums, of, p_ids, p_keys,
    p_amounts, lease, now_at, real_at);
  IF d.places IS NOT NULL THEN
    PERFORM orgs.promise_plainly(d.limited, d.places, d.sums, p_orgs, available);
  END IF;
  IF array_position(available, NULL) IS NULL THEN
    RETURN QUERY SELECT 'held', o.left_over, NULL::text, NULL::text, NULL::timestamptz
      FROM (SELECT unnest(available) AS left_over, unnest(0 || p_ends) AS before,
                   unnest(p_ends) AS upto) AS o,
           generate_series(o.before + 1, o.upto);
    RETURN;
  END IF;
  a := 1;
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    IF available[k] IS NOT NULL THEN
      RETURN QUERY SELECT 'held', available[k], NULL::text, NULL::text, NULL::timestamptz
        FROM generate_series(a, p_ends[k]);
    ELSE
      RETURN QUERY SELECT * FROM charging.place_each(p_orgs[k], (locked.books)[k], p_kinds[a:p_ends[k]],
        p_ids[a:p_ends[k]], p_keys[a:p_ends[k]], p_amounts[a:p_ends[k]], lease, now_at, real_at);
    END IF;
    a := p_ends[k] + 1;
  END LOOP;
END $$;

-- One organization's commands, decided one after the other in the order in which they arrived.
CREATE FUNCTION charging.place_each(p_org text, p_book ledger.books, p_kinds text[], p_ids text[],
  p_keys text[], p_amounts bigint[], p_lease interval, p_now timestamptz, p_real timestamptz)
RETURNS TABLE (outcome text, available_nanos bigint, limit_level text, limit_subject text,
  limit_lifts_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  book ledger.books := p_book;
  capped boolean;
  d record;
  c record;
  s record;
BEGIN
  d := charging.admission(p_org, p_kinds, p_keys, p_now);
  IF book.organization_id IS NULL THEN
    -- Books begin with the first grant: who never had one has nothing to spend.
    RETURN QUERY SELECT coalesce(x, 'insufficient_credit'), 0::bigint, NULL::text, NULL::text,
           NULL::timestamptz
      FROM unnest(d.refused) AS x;
    RETURN;
  END IF;
  capped := d.limited;
  IF capped THEN
    c := charging.caps(book, p_kinds, p_ids, p_keys, p_amounts, d.workspaces, p_now, p_real);
    book.held_nanos := c.held;
    capped := c.rooms IS NOT NULL;
  END IF;
  IF NOT capped THEN
    s := ledger.place(book, p_kinds, p_ids, p_keys, p_amounts, d.refused,
      NULL, NULL, NULL, NULL, p_lease, p_now, p_real);
    RETURN QUERY SELECT o, s.available_nanos, NULL::text, NULL::text, NULL::timestamptz
      FROM unnest(s.outcomes) AS o;
    RETURN;
  END IF;
  s := ledger.place(book, p_kinds, p_ids, p_keys, p_amounts, d.refused,
    c.rooms, c.caps_a, c.caps_b, c.caps_c, p_lease, p_now, p_real);
  PERFORM orgs.count_spend(p_org, c.hold_keys, c.placed, s.added,
    array_fill(0::bigint, ARRAY[cardinality(p_ids)]), p_now);
  RETURN QUERY SELECT u.o, s.available_nanos, c.levels[u.r], c.subjects[u.r],
         CASE WHEN u.r IS NOT NULL THEN orgs.month_after(p_now) END
    FROM unnest(s.outcomes, s.refusing) AS u (o, r);
END $$;

-- As in 0016: what is plain first, then the others one organization after the other, then records.
CREATE OR REPLACE FUNCTION charging.settle_batch(
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
  now_at timestamptz;
  real_at timestamptz;
  locked record;
  of text[] := CASE WHEN cardinality(p_orgs) = 1 THEN array_fill(p_orgs[1], p_ends)
    ELSE charging.organization_of_each(p_orgs, p_ends) END;
  p record;
  s record;
  outcomes text[]; charges bigint[];
  overruns bigint[] := array_fill(0::bigint, ARRAY[n]);
  lates boolean[] := array_fill(false, ARRAY[n]);
  available bigint[] := overruns;
BEGIN
  locked := ledger.lock_books(p_orgs);
  now_at := bursar.now_under_lock();
  real_at := bursar.real_now();
  p := ledger.settle_plainly(p_orgs, p_ends, locked.places, locked.books, of, p_ids, p_resolutions,
    p_costs, p_losses, p_happened, now_at, real_at);
  PERFORM orgs.count_plainly(p_orgs, of, p.keys, p.placed, p.freed, p.charges, now_at);
  outcomes := p.outcomes;
  charges := p.charges;
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    IF (p.available)[k] IS NULL THEN
      s := charging.settle_each(p_orgs[k], (locked.books)[k], p_ids[a:p_ends[k]],
        p_resolutions[a:p_ends[k]], p_costs[a:p_ends[k]], p_losses[a:p_ends[k]],
        p_happened[a:p_ends[k]], now_at, real_at);
      FOR i IN a .. p_ends[k] LOOP
        outcomes[i] := (s.outcomes)[i - a + 1]; charges[i] := (s.charges)[i - a + 1];
        overruns[i] := (s.overruns)[i - a + 1]; lates[i] := (s.late)[i - a + 1];
        available[i] := s.available_nanos;
      END LOOP;
    ELSE
      FOR i IN a .. p_ends[k] LOOP
        available[i] := (p.available)[k];
      END LOOP;
    END IF;
    a := p_ends[k] + 1;
  END LOOP;
  PERFORM metering.record(of, p_ids, p_keys, p_workspaces, p_models, p_rules, p_usages,
    p_price_versions, p_statuses, p_disconnected, p_estimated, p_quarantined, p_started,
    outcomes, charges, overruns, p_losses, array_fill(now_at, ARRAY[n]));
  RETURN QUERY SELECT unnest(outcomes), unnest(charges), unnest(overruns), unnest(lates),
                      unnest(available);
END $$;

-- One organization's settlements, decided one after the other in the order in which they arrived.
CREATE FUNCTION charging.settle_each(p_org text, p_book ledger.books, p_ids text[],
  p_resolutions text[], p_costs bigint[], p_losses bigint[], p_happened timestamptz[],
  p_now timestamptz, p_real timestamptz,
  OUT outcomes text[], OUT charges bigint[], OUT overruns bigint[], OUT late boolean[],
  OUT available_nanos bigint)
LANGUAGE plpgsql AS $$
DECLARE
  s record;
BEGIN
  -- Whose lease has passed is late, whether or not a sweeper ran (H4); and what dead processes
  -- held is there for who needs more than its hold.
  IF ledger.needs_more_than_held(p_org, p_ids, p_costs, p_real) THEN
    p_book.held_nanos := p_book.held_nanos - charging.expire_lapsed(p_org, p_now, p_real);
  END IF;
  s := ledger.settle(p_book, p_ids, p_resolutions, p_costs, p_losses, p_happened, p_now);
  IF orgs.is_limited(p_org) THEN
    PERFORM orgs.count_spend(p_org, s.keys, s.placed, ARRAY(SELECT -x FROM unnest(s.freed) AS x),
      s.counted, p_now);
  END IF;
  outcomes := s.outcomes; charges := s.charges; overruns := s.overruns; late := s.late;
  available_nanos := s.available_nanos;
END $$;
