-- Why: settlement where grants may have stopped, costs may have been journaled, and most batches need
-- no decision at all. Replaces 0005; what it promised stays true.
SET lock_timeout = '5s';

-- The one statement that writes entries. Lines of one transaction share `p_ordinals[i]` (from 0) and
-- stand together; `p_base` is the number of the first transaction. Balances are those after each
-- line, NULL for accounts of the platform. `p_happened[i]` NULL means that it happens now.
DROP FUNCTION ledger.write_entries(text, bigint, integer[], text[], text[], text[], text[], bigint[],
  bigint[], bigint[], timestamptz, timestamptz);
CREATE FUNCTION ledger.write_entries(
  p_org text, p_base bigint, p_ordinals integer[], p_lines smallint[], p_references text[],
  p_reasons text[], p_from text[], p_to text[], p_amounts bigint[], p_from_balances bigint[],
  p_to_balances bigint[], p_happened timestamptz[], p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
    reason, amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at, recorded_at)
  SELECT p_org, p_base + l.ordinal, l.line, l.from_account, l.to_account, l.reason, l.amount,
         l.from_balance, l.to_balance, l.reference, coalesce(l.happened, p_now), p_now
    FROM unnest(p_ordinals, p_lines, p_references, p_reasons, p_from, p_to, p_amounts,
           p_from_balances, p_to_balances, p_happened)
      AS l (ordinal, line, reference, reason, from_account, to_account, amount, from_balance,
            to_balance, happened);
END $$;

-- Posts one transaction of any shape: moves the organization's own balances, whose floors are
-- constraints of their tables, and writes the lines. Returns the transaction's number.
CREATE OR REPLACE FUNCTION ledger.post(
  p_org text, p_reference text, p_reasons text[], p_from text[], p_to text[], p_amounts bigint[],
  p_happened timestamptz, p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
  n integer := cardinality(p_amounts);
  after_from bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  after_to bigint[] := array_fill(NULL::bigint, ARRAY[n]);
BEGIN
  UPDATE ledger.books SET next_transaction = next_transaction + 1
   WHERE organization_id = p_org RETURNING next_transaction - 1 INTO STRICT number;
  FOR i IN 1 .. n LOOP
    after_from[i] := ledger.move(p_org, p_from[i], -p_amounts[i]);
    after_to[i] := ledger.move(p_org, p_to[i], p_amounts[i]);
  END LOOP;
  PERFORM ledger.count_grants(p_org, p_now);
  PERFORM ledger.write_entries(p_org, number, array_fill(0, ARRAY[n]),
    ARRAY(SELECT generate_series(1, n)::smallint), array_fill(p_reference, ARRAY[n]), p_reasons,
    p_from, p_to, p_amounts, after_from, after_to, array_fill(p_happened, ARRAY[n]), p_now);
  RETURN number;
END $$;

-- The common case, without a loop: all happens now, every hold is open and alive, none used more than it held, and one grant
-- pays for all, so that nothing is left to decide. Otherwise it has done nothing. `keys`, `placed`,
-- `freed` and `counted` (charged) are the holds', in one order, not that of the commands.
CREATE FUNCTION ledger.settle_plainly(
  p_book ledger.books, p_ids text[], p_resolutions text[], p_costs bigint[], p_losses bigint[],
  p_happened timestamptz[], p_now timestamptz, p_real timestamptz,
  OUT done boolean, OUT keys text[], OUT placed timestamptz[], OUT freed bigint[],
  OUT counted bigint[], OUT available_nanos bigint)
LANGUAGE plpgsql AS $$
DECLARE
  org text := p_book.organization_id;
  base bigint := p_book.next_transaction;
  n integer := cardinality(p_ids);
  hold ledger.holds;
  paying ledger.grants;
  costs bigint;
  held bigint;
  found bigint;
  ends jsonb;
BEGIN
  done := false;
  IF p_book.stopped_nanos > 0 OR p_now >= p_book.live_until THEN
    RETURN;
  END IF;
  SELECT * INTO paying FROM ledger.grants WHERE organization_id = org AND NOT exhausted
   ORDER BY expires_at, paid, granted_at, id LIMIT 1;
  IF n = 1 THEN
    costs := p_costs[1];
    SELECT * INTO hold FROM ledger.holds WHERE organization_id = org AND id = p_ids[1];
    held := hold.amount_nanos;
    IF p_happened[1] IS NULL AND p_resolutions[1] = 'settle' AND p_losses[1] = 0
       AND costs > 0 AND costs <= held AND costs <= paying.remaining_nanos AND hold.state = 'open'
       AND hold.lease_expires_at > p_real THEN
      UPDATE ledger.holds SET resolved_at = p_now, state = 'settled', charged_nanos = costs,
             transaction_no = base
       WHERE organization_id = org AND id = p_ids[1];
      INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
        reason, amount_nanos, from_balance_nanos, reference, happened_at, recorded_at)
      VALUES (org, base, 1, 'grant:' || paying.id, 'revenue', 'usage.settle', costs,
        paying.remaining_nanos - costs, p_ids[1], p_now, p_now);
      keys := ARRAY[hold.api_key_id]; placed := ARRAY[hold.placed_at]; freed := ARRAY[held];
      counted := p_costs;
      done := true;
    END IF;
  ELSE
    -- Holds are found by key and matched by a map: a join would be planned on statistics that are
    -- not there. A map has one place for twins, so they are missed and settled elsewhere.
    SELECT jsonb_object_agg(c.id, jsonb_build_array(c.cost, base + c.i - 1)), sum(c.cost)
      INTO ends, costs
      FROM unnest(p_ids, p_resolutions, p_costs, p_losses, p_happened) WITH ORDINALITY
        AS c (id, resolution, cost, loss, happened, i)
     WHERE c.happened IS NULL AND c.resolution = 'settle' AND c.loss = 0 AND c.cost > 0;
    IF costs <= paying.remaining_nanos THEN
      -- What decides is no condition of the search: with one on state and lease the planner may read
      -- the index of open holds, all of the organization's.
      SELECT count(*) FILTER (WHERE h.state = 'open' AND h.lease_expires_at > p_real
                                AND h.amount_nanos >= (ends -> h.id ->> 0)::bigint),
             sum(h.amount_nanos), array_agg(h.api_key_id), array_agg(h.placed_at),
             array_agg(h.amount_nanos), array_agg((ends -> h.id ->> 0)::bigint)
        INTO found, held, keys, placed, freed, counted
        FROM ledger.holds h WHERE h.organization_id = org AND h.id = ANY (p_ids);
      done := found = n;
    END IF;
    IF done THEN
      UPDATE ledger.holds h SET resolved_at = p_now, state = 'settled',
             charged_nanos = (ends -> h.id ->> 0)::bigint,
             transaction_no = (ends -> h.id ->> 1)::bigint
       WHERE h.organization_id = org AND h.id = ANY (p_ids);
      INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
        reason, amount_nanos, from_balance_nanos, reference, happened_at, recorded_at)
      SELECT org, base + c.i - 1, 1, 'grant:' || paying.id, 'revenue', 'usage.settle', c.cost,
             paying.remaining_nanos - sum(c.cost) OVER (ORDER BY c.i ROWS UNBOUNDED PRECEDING),
             c.id, p_now, p_now
        FROM unnest(p_ids, p_costs) WITH ORDINALITY AS c (id, cost, i);
    END IF;
  END IF;
  IF done THEN
    UPDATE ledger.grants SET remaining_nanos = remaining_nanos - costs
     WHERE organization_id = org AND id = paying.id;
    UPDATE ledger.books SET held_nanos = held_nanos - held, live_nanos = live_nanos - costs,
           next_transaction = base + n
     WHERE organization_id = org;
    available_nanos := p_book.live_nanos - costs - (p_book.held_nanos - held);
  END IF;
END $$;

-- Whether one of these holds has lapsed or cannot pay its cost alone: only then it matters what others
-- hold.
CREATE FUNCTION ledger.needs_more_than_held(p_org text, p_ids text[], p_costs bigint[],
  p_real timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM unnest(p_ids, p_costs) AS c (id, cost)
     CROSS JOIN LATERAL (
       SELECT * FROM ledger.holds WHERE organization_id = p_org AND id = c.id OFFSET 0
     ) AS h
     WHERE h.state = 'expired' OR h.lease_expires_at <= p_real OR c.cost > h.amount_nanos);
END $$;

-- Charges what was used, allocates it to grants and frees the holds, for many requests of one
-- organization at once. 'settle' charges p_costs[i]; 'void' charges nothing. p_losses[i] is known
-- usage that the customer is not charged for (rules S7, S8). A second resolution changes nothing.
-- What limits count is answered as `keys`, `placed`, `freed` and `counted` (charged), in one order.
-- Grants that stopped pay first, for what was promised before they did: no other money may be left
-- for those holds. Then usable grants in burn-down order.
DROP FUNCTION ledger.settle(text, text[], text[], bigint[], bigint[], timestamptz);
CREATE FUNCTION ledger.settle(
  p_book ledger.books, p_ids text[], p_resolutions text[], p_costs bigint[], p_losses bigint[],
  p_happened timestamptz[], p_now timestamptz,
  OUT outcomes text[], OUT charges bigint[], OUT overruns bigint[], OUT late boolean[],
  OUT keys text[], OUT placed timestamptz[], OUT freed bigint[], OUT counted bigint[],
  OUT available_nanos bigint)
LANGUAGE plpgsql AS $$
DECLARE
  book ledger.books := p_book;
  org text := p_book.organization_id;
  n integer := cardinality(p_ids);
  twins boolean;
  amounts bigint[]; states text[]; earlier bigint[];
  g_ids text[] := '{}'; g_left bigint[] := '{}'; g_before bigint[] := '{}';
  g_ends timestamptz[] := '{}';
  more record; all_grants boolean := false;
  stopped integer := 0; first_live integer;
  charge bigint; rest bigint; part bigint; promised bigint; free bigint; j integer;
  from_live bigint := 0; from_stopped bigint := 0; all_freed bigint := 0;
  l_ord integer[] := '{}'; l_line smallint[] := '{}'; l_ref text[] := '{}';
  l_reason text[] := '{}'; l_from text[] := '{}'; l_to text[] := '{}'; l_amount bigint[] := '{}';
  l_left bigint[] := '{}'; l_happened timestamptz[] := '{}';
  lines integer := 0; line smallint; happened timestamptz;
  ordinal integer := -1;
  resolved integer[] := '{}';
  numbers bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  ends jsonb;
BEGIN
  IF p_now >= book.live_until THEN
    book := ledger.count_grants(org, p_now);
  END IF;
  outcomes := array_fill(NULL::text, ARRAY[n]);
  charges := array_fill(0::bigint, ARRAY[n]);
  overruns := charges;
  freed := charges;
  counted := charges;
  late := array_fill(false, ARRAY[n]);

  SELECT array_agg(h.amount_nanos ORDER BY c.i), array_agg(h.state ORDER BY c.i),
         array_agg(h.placed_at ORDER BY c.i), array_agg(h.charged_nanos ORDER BY c.i),
         array_agg(h.api_key_id ORDER BY c.i)
    INTO amounts, states, placed, earlier, keys
    FROM unnest(p_ids) WITH ORDINALITY AS c (id, i)
    -- One lookup by key for each command. As a plain join it was planned while the tables were
    -- small and then read all holds of the organization: 240 ms after 6,000 requests.
    LEFT JOIN LATERAL (
      SELECT * FROM ledger.holds WHERE organization_id = org AND id = c.id OFFSET 0
    ) AS h ON true;
  twins := n <> (SELECT count(DISTINCT id) FROM unnest(p_ids) AS id);
  IF book.stopped_nanos > 0 THEN
    SELECT array_agg(id ORDER BY u, e, paid, at, id), array_agg(r ORDER BY u, e, paid, at, id),
           array_agg(u ORDER BY u, e, paid, at, id), count(*)
      INTO g_ids, g_left, g_ends, stopped
      FROM (SELECT id, remaining_nanos AS r, usable_until AS u, expires_at AS e, paid,
                   granted_at AS at FROM ledger.grants
             WHERE organization_id = org AND NOT exhausted AND usable_until <= p_now) AS g;
    g_before := g_left;
  END IF;
  first_live := stopped + 1;

  FOR i IN 1 .. n LOOP
    IF states[i] IS NULL THEN
      outcomes[i] := 'unknown_hold';
      CONTINUE;
    ELSIF states[i] NOT IN ('open', 'expired') THEN
      outcomes[i] := 'already_resolved';
      charges[i] := coalesce(earlier[i], 0);
      CONTINUE;
    ELSIF twins AND p_ids[i] = ANY (p_ids[1:i - 1]) THEN
      outcomes[i] := 'already_resolved';
      charges[i] := charges[array_position(p_ids, p_ids[i])];
      CONTINUE;
    END IF;
    late[i] := states[i] = 'expired';
    resolved := resolved || i;
    -- By the clock of the process that journaled it, so never before the hold nor after now (F28).
    happened := CASE WHEN p_happened[i] IS NOT NULL
      THEN least(greatest(p_happened[i], placed[i]), p_now) END;
    IF NOT late[i] THEN
      freed[i] := amounts[i];
      all_freed := all_freed + amounts[i];
    END IF;
    ordinal := ordinal + 1;
    line := 0;
    IF p_losses[i] > 0 THEN
      line := line + 1; lines := lines + 1;
      l_ord[lines] := ordinal; l_line[lines] := line; l_ref[lines] := p_ids[i];
      l_reason[lines] := 'upstream.loss'; l_from[lines] := 'operator_upstream_loss';
      l_to[lines] := 'upstream_unbilled'; l_amount[lines] := p_losses[i];
      l_left[lines] := NULL; l_happened[lines] := happened;
    END IF;
    IF p_resolutions[i] = 'void' THEN
      outcomes[i] := 'voided';
      IF line = 0 THEN ordinal := ordinal - 1; ELSE numbers[i] := book.next_transaction + ordinal; END IF;
      CONTINUE;
    END IF;
    outcomes[i] := 'settled';
    -- S13 and H4: beyond the hold, or without one any more, only what nobody else holds may be
    -- taken. What stopped grants cover is left out here, which can only make this smaller.
    free := book.live_nanos - from_live - (book.held_nanos - all_freed);
    IF late[i] THEN
      charge := least(p_costs[i], amounts[i], greatest(free, 0));
      promised := 0;
    ELSE
      promised := least(p_costs[i], amounts[i]);
      charge := promised + least(p_costs[i] - promised, greatest(free - promised, 0));
    END IF;
    rest := charge;
    FOR j IN 1 .. stopped LOOP
      EXIT WHEN promised = 0;
      CONTINUE WHEN g_left[j] = 0 OR g_ends[j] <= placed[i];
      -- Promised before the grant stopped, without what earlier ones have just paid of it.
      part := least(promised, g_left[j],
        ledger.held_before(org, p_ids[i], amounts[i], g_ends[j]) - (charge - rest));
      CONTINUE WHEN part <= 0;
      g_left[j] := g_left[j] - part;
      from_stopped := from_stopped + part;
      promised := promised - part;
      rest := rest - part;
      line := line + 1; lines := lines + 1;
      l_ord[lines] := ordinal; l_line[lines] := line; l_ref[lines] := p_ids[i];
      l_reason[lines] := 'usage.settle'; l_from[lines] := 'grant:' || g_ids[j];
      l_to[lines] := 'revenue'; l_amount[lines] := part; l_left[lines] := g_left[j];
      l_happened[lines] := happened;
    END LOOP;
    j := first_live;
    WHILE rest > 0 LOOP
      IF j > cardinality(g_ids) THEN
        EXIT WHEN all_grants;
        -- A few at a time: most requests need one, whatever the number of grants.
        FOR more IN
          SELECT id, remaining_nanos FROM ledger.grants
           WHERE organization_id = org AND NOT exhausted AND usable_until > p_now
           ORDER BY expires_at, paid, granted_at, id
          OFFSET cardinality(g_ids) - stopped LIMIT 4
        LOOP
          g_ids := g_ids || more.id;
          g_left := g_left || more.remaining_nanos;
          g_before := g_before || more.remaining_nanos;
        END LOOP;
        all_grants := j > cardinality(g_ids);
        EXIT WHEN all_grants;
      END IF;
      IF g_left[j] > 0 THEN
        part := least(rest, g_left[j]);
        g_left[j] := g_left[j] - part;
        from_live := from_live + part;
        rest := rest - part;
        line := line + 1; lines := lines + 1;
        l_ord[lines] := ordinal; l_line[lines] := line; l_ref[lines] := p_ids[i];
        l_reason[lines] := 'usage.settle'; l_from[lines] := 'grant:' || g_ids[j];
        l_to[lines] := 'revenue'; l_amount[lines] := part; l_left[lines] := g_left[j];
        l_happened[lines] := happened;
      END IF;
      IF g_left[j] = 0 AND j = first_live THEN first_live := first_live + 1; END IF;
      j := j + 1;
    END LOOP;
    -- Grants always cover open holds; if that were ever false the operator pays, not the floor.
    charges[i] := charge - rest;
    counted[i] := charges[i];
    overruns[i] := p_costs[i] - charges[i];
    IF overruns[i] > 0 THEN
      line := line + 1; lines := lines + 1;
      l_ord[lines] := ordinal; l_line[lines] := line; l_ref[lines] := p_ids[i];
      l_reason[lines] := 'usage.overrun'; l_from[lines] := 'operator_overrun';
      l_to[lines] := 'revenue'; l_amount[lines] := overruns[i];
      l_left[lines] := NULL; l_happened[lines] := happened;
    END IF;
    IF line = 0 THEN ordinal := ordinal - 1; ELSE numbers[i] := book.next_transaction + ordinal; END IF;
  END LOOP;

  IF cardinality(resolved) > 0 THEN
    -- Found by key and matched by a map: a join would be planned on statistics that are not there.
    SELECT jsonb_object_agg(p_ids[i], jsonb_build_array(charges[i], CASE
             WHEN outcomes[i] <> 'settled' THEN 'voided'
             WHEN late[i] THEN 'settled_late' ELSE 'settled' END, numbers[i]))
      INTO ends FROM unnest(resolved) AS i;
    UPDATE ledger.holds h SET resolved_at = p_now,
           charged_nanos = (ends -> h.id ->> 0)::bigint, state = ends -> h.id ->> 1,
           transaction_no = (ends -> h.id ->> 2)::bigint
     WHERE h.organization_id = org AND h.id = ANY (ARRAY(SELECT p_ids[i] FROM unnest(resolved) AS i));
    UPDATE ledger.books SET held_nanos = held_nanos - all_freed,
           live_nanos = live_nanos - from_live, stopped_nanos = stopped_nanos - from_stopped,
           next_transaction = next_transaction + ordinal + 1
     WHERE organization_id = org;
  END IF;
  IF lines > 0 THEN
    FOR j IN 1 .. cardinality(g_ids) LOOP
      IF g_left[j] <> g_before[j] THEN
        UPDATE ledger.grants SET remaining_nanos = g_left[j]
         WHERE organization_id = org AND id = g_ids[j];
      END IF;
    END LOOP;
    PERFORM ledger.write_entries(org, book.next_transaction, l_ord, l_line, l_ref, l_reason, l_from,
      l_to, l_amount, l_left, NULL, l_happened, p_now);
  END IF;
  available_nanos := book.live_nanos - from_live - (book.held_nanos - all_freed);
  IF book.stopped_nanos > from_stopped AND book.held_nanos > all_freed THEN
    available_nanos := available_nanos + ledger.covered_by_expired(org, p_now, '-infinity');
  END IF;
END $$;

-- What the holds of a month were charged and still promise, by keys. Reads every hold of the
-- organization: asked once, when a subject gets its first limit.
CREATE FUNCTION ledger.spent_in_month(p_org text, p_keys text[], p_month date,
  OUT charged bigint, OUT held bigint) LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(charged_nanos), 0)::bigint,
         coalesce(sum(amount_nanos) FILTER (WHERE state = 'open'), 0)::bigint
    FROM ledger.holds
   WHERE organization_id = p_org AND api_key_id = ANY (p_keys)
     AND placed_at >= p_month::timestamp AT TIME ZONE 'UTC'
     AND placed_at < (p_month + interval '1 month') AT TIME ZONE 'UTC'
$$;
