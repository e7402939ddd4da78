-- Why: settlement charges what was used, allocates it to grants in burn-down order and frees the
-- hold, for many requests of one organization at once. A second resolution changes nothing.
SET lock_timeout = '5s';

-- Resolutions: 'settle' charges p_costs[i]; 'void' charges nothing. p_losses[i] is known usage that
-- the customer is not charged for (rules S7, S8), noted on the operator's loss account.
CREATE FUNCTION ledger.settle(
  p_org text, p_ids text[], p_resolutions text[], p_costs bigint[], p_losses bigint[],
  p_now timestamptz,
  OUT outcomes text[], OUT charges bigint[], OUT overruns bigint[], OUT late boolean[],
  OUT available_nanos bigint)
LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
  book ledger.books;
  n integer := cardinality(p_ids);
  amounts bigint[]; states text[]; placed timestamptz[]; earlier bigint[];
  g_ids text[]; g_left bigint[]; g_ends timestamptz[];
  first_live integer := 1;
  held bigint; live bigint; free bigint;
  charge bigint; rest bigint; part bigint; freed bigint := 0;
  l_ord integer[] := '{}'; l_ref text[] := '{}'; l_reason text[] := '{}';
  l_from text[] := '{}'; l_to text[] := '{}'; l_amount bigint[] := '{}'; l_left bigint[] := '{}';
  g_before bigint[]; expired boolean;
  ordinal integer := -1;
  changed integer[] := '{}'; fresh text[];
BEGIN
  SELECT * INTO STRICT book FROM ledger.books WHERE organization_id = p_org FOR UPDATE;
  held := book.held_nanos;
  SELECT array_agg(h.amount_nanos ORDER BY c.i), array_agg(h.state ORDER BY c.i),
         array_agg(h.placed_at ORDER BY c.i), array_agg(h.charged_nanos ORDER BY c.i)
    INTO amounts, states, placed, earlier
    FROM unnest(p_ids) WITH ORDINALITY AS c (id, i)
    -- One lookup by key for each command. As a plain join it was planned while the tables were
    -- small and then read all holds of the organization: 240 ms after 6,000 requests.
    LEFT JOIN LATERAL (
      SELECT * FROM ledger.holds WHERE organization_id = p_org AND id = c.id OFFSET 0
    ) AS h ON true;
  SELECT coalesce(array_agg(id ORDER BY expires_at, paid, granted_at, id), '{}'),
         coalesce(array_agg(remaining_nanos ORDER BY expires_at, paid, granted_at, id), '{}'),
         coalesce(array_agg(expires_at ORDER BY expires_at, paid, granted_at, id), '{}'),
         coalesce(sum(remaining_nanos) FILTER (WHERE expires_at > p_now), 0),
         bool_or(expires_at <= p_now)
    INTO g_ids, g_left, g_ends, live, expired
    FROM ledger.grants WHERE organization_id = p_org AND NOT exhausted;

  g_before := g_left;
  outcomes := array_fill(NULL::text, ARRAY[n]);
  charges := array_fill(0::bigint, ARRAY[n]);
  overruns := array_fill(0::bigint, ARRAY[n]);
  late := array_fill(false, ARRAY[n]);

  FOR i IN 1 .. n LOOP
    IF states[i] IS NULL THEN
      outcomes[i] := 'unknown_hold';
      CONTINUE;
    ELSIF states[i] NOT IN ('open', 'expired') OR p_ids[i] = ANY (p_ids[1:i - 1]) THEN
      outcomes[i] := 'already_resolved';
      charges[i] := coalesce(earlier[i], 0);
      CONTINUE;
    END IF;
    late[i] := states[i] = 'expired';
    changed := changed || i;
    IF NOT late[i] THEN
      held := held - amounts[i];
      freed := freed + amounts[i];
    END IF;
    ordinal := ordinal + 1;
    IF p_losses[i] > 0 THEN
      l_ord := l_ord || ordinal; l_ref := l_ref || p_ids[i]; l_reason := l_reason || 'upstream.loss'::text;
      l_from := l_from || 'operator_upstream_loss'::text; l_to := l_to || 'upstream_unbilled'::text;
      l_amount := l_amount || p_losses[i]; l_left := l_left || NULL::bigint;
    END IF;
    IF p_resolutions[i] = 'void' THEN
      outcomes[i] := 'voided';
      IF p_losses[i] = 0 THEN ordinal := ordinal - 1; END IF;
      CONTINUE;
    END IF;
    outcomes[i] := 'settled';
    -- S13 and H4: beyond the hold (or without one any more) only what nobody else holds may be
    -- taken. Expired grants' cover is left out here, which can only make this smaller.
    free := greatest(live - held - CASE WHEN late[i] THEN 0 ELSE least(p_costs[i], amounts[i]) END, 0);
    IF late[i] THEN
      charge := least(p_costs[i], amounts[i], free);
    ELSE
      charge := least(p_costs[i], amounts[i]);
      charge := charge + least(p_costs[i] - charge, free);
    END IF;
    rest := charge;
    -- Grants exhausted by earlier settlements of this batch need no second look.
    WHILE first_live <= cardinality(g_ids) AND g_left[first_live] = 0 LOOP
      first_live := first_live + 1;
    END LOOP;
    FOR j IN first_live .. cardinality(g_ids) LOOP
      EXIT WHEN rest = 0;
      -- An expired grant pays only for holds placed while it was usable, and never late.
      CONTINUE WHEN g_left[j] = 0
        OR (g_ends[j] <= p_now AND (late[i] OR g_ends[j] <= placed[i]));
      part := least(rest, g_left[j]);
      g_left[j] := g_left[j] - part;
      IF g_ends[j] > p_now THEN live := live - part; END IF;
      rest := rest - part;
      l_ord := l_ord || ordinal; l_ref := l_ref || p_ids[i]; l_reason := l_reason || 'usage.settle'::text;
      l_from := l_from || ('grant:' || g_ids[j]); l_to := l_to || 'revenue'::text;
      l_amount := l_amount || part; l_left := l_left || g_left[j];
    END LOOP;
    -- Grants always cover open holds; if that were ever false the operator pays, not the floor.
    charges[i] := charge - rest;
    overruns[i] := p_costs[i] - charges[i];
    IF overruns[i] > 0 THEN
      l_ord := l_ord || ordinal; l_ref := l_ref || p_ids[i]; l_reason := l_reason || 'usage.overrun'::text;
      l_from := l_from || 'operator_overrun'::text; l_to := l_to || 'revenue'::text;
      l_amount := l_amount || overruns[i]; l_left := l_left || NULL::bigint;
    END IF;
    IF p_costs[i] = 0 AND p_losses[i] = 0 THEN ordinal := ordinal - 1; END IF;
  END LOOP;

  IF cardinality(changed) > 0 THEN
    fresh := ARRAY(SELECT p_ids[i] FROM unnest(changed) AS i);
    UPDATE ledger.holds h SET resolved_at = p_now,
      charged_nanos = charges[array_position(p_ids, h.id)],
      state = CASE WHEN outcomes[array_position(p_ids, h.id)] <> 'settled' THEN 'voided'
                   WHEN h.state = 'expired' THEN 'settled_late' ELSE 'settled' END
     WHERE h.organization_id = p_org AND h.id = ANY (fresh);
    UPDATE ledger.books SET held_nanos = held_nanos - freed,
           next_transaction = next_transaction + ordinal + 1
     WHERE organization_id = p_org;
  END IF;
  IF cardinality(l_ord) > 0 THEN
    UPDATE ledger.grants g SET remaining_nanos = g_left[j]
      FROM generate_subscripts(g_ids, 1) AS j
     WHERE g.organization_id = p_org AND g.id = g_ids[j] AND g_left[j] <> g_before[j];
    PERFORM ledger.write_entries(p_org, book.next_transaction, l_ord, l_ref, l_reason, l_from, l_to,
      l_amount, l_left, array_fill(NULL::bigint, ARRAY[cardinality(l_ord)]), p_now, p_now);
  END IF;
  -- Only an expired grant that still covers a hold makes this more than a subtraction.
  available_nanos := live - held
    + CASE WHEN expired AND held > 0 THEN ledger.covered_by_expired(p_org, p_now, '-infinity')
           ELSE 0 END;
END $$;
