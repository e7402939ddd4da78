-- Why: holds that grow, holds that stopped grants still cover, and limits, decided under one lock in
-- one statement. Replaces the bodies of 0004, 0005 and 0007; what they promised stays true.
SET lock_timeout = '5s';

-- Every index of these tables is paid for by every request. A hold remembers the transaction that
-- settled it, so only what is not a request is looked up by its reference; lapsed holds are found
-- through the index of open ones; a request is found through its organization.
ALTER TABLE ledger.holds ADD COLUMN transaction_no bigint;
GRANT UPDATE (transaction_no) ON ledger.holds TO bursar_app;
UPDATE ledger.holds h SET transaction_no = e.transaction_no FROM ledger.entries e
 WHERE e.organization_id = h.organization_id AND e.reference = h.id;
DROP INDEX ledger.entries_by_reference;
CREATE INDEX entries_by_reference ON ledger.entries (organization_id, reference)
  WHERE reason NOT IN ('usage.settle', 'usage.overrun', 'upstream.loss');
DROP INDEX ledger.lapsing_holds;
DROP INDEX metering.requests_by_time;
DROP INDEX metering.requests_by_id;

-- What every request books is told apart in the trigger's condition, which costs no call.
DROP TRIGGER only_permitted_flows ON ledger.entries;
CREATE TRIGGER only_permitted_flows BEFORE INSERT ON ledger.entries FOR EACH ROW
  WHEN (NOT (NEW.reason = 'usage.settle' AND NEW.from_account LIKE 'grant:_%'
             AND NEW.to_account = 'revenue'))
  EXECUTE FUNCTION ledger.refuse_flow();

-- The lock of an organization's money, with sums that are true at `p_now`; NULL if it has no book.
CREATE FUNCTION ledger.lock_book(p_org text) RETURNS ledger.books
LANGUAGE plpgsql AS $$
DECLARE
  book ledger.books;
BEGIN
  SELECT * INTO book FROM ledger.books WHERE organization_id = p_org FOR UPDATE;
  RETURN book;
END $$;

DROP FUNCTION ledger.expire_lapsed_everywhere(integer);
DROP FUNCTION ledger.expire_lapsed(text, timestamptz, timestamptz);
-- Frees what holds of dead processes still promise. By rule H4 they no longer count once their
-- lease has passed; this makes the stored sum agree. Answers the holds, for whoever else counts them.
CREATE FUNCTION ledger.expire_lapsed(p_org text, p_now timestamptz, p_real timestamptz,
  OUT freed bigint, OUT keys text[], OUT placed timestamptz[], OUT amounts bigint[])
LANGUAGE plpgsql AS $$
BEGIN
  freed := 0;
  IF NOT EXISTS (SELECT FROM ledger.holds WHERE organization_id = p_org AND state = 'open'
                    AND lease_expires_at <= p_real) THEN
    RETURN;
  END IF;
  WITH lapsed AS (
    UPDATE ledger.holds SET state = 'expired', resolved_at = p_now
     WHERE organization_id = p_org AND state = 'open' AND lease_expires_at <= p_real
    RETURNING api_key_id, placed_at, amount_nanos
  ) SELECT coalesce(sum(amount_nanos), 0), array_agg(api_key_id), array_agg(placed_at),
           array_agg(amount_nanos)
      INTO freed, keys, placed, amounts FROM lapsed;
  IF freed > 0 THEN
    UPDATE ledger.books SET held_nanos = held_nanos - freed WHERE organization_id = p_org;
  END IF;
END $$;

-- Takes and extends holds in arrival order against what is available. Kind 'place' promises
-- p_amounts[i]; kind 'extend' raises a hold to p_amounts[i]. Idempotent by id: a repeated command
-- finds its own open hold. `p_refused[i]` is why a command may not be tried, else NULL.
--
-- A cap is an upper bound that commands share: `p_rooms` is what each cap leaves, NULL for no bound;
-- p_caps_a/b/c[i] are the caps of command i, NULL for none. `p_rooms` is NULL if there are none.
-- Answers the cap that refused, and what each command newly promises.
DROP FUNCTION ledger.place(text, text[], text[], bigint[], boolean[], interval, timestamptz,
  timestamptz);
CREATE FUNCTION ledger.place(
  p_book ledger.books, p_kinds text[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_refused text[], p_rooms bigint[], p_caps_a integer[], p_caps_b integer[], p_caps_c integer[],
  p_lease interval, p_now timestamptz, p_real timestamptz,
  OUT outcomes text[], OUT refusing integer[], OUT added bigint[], OUT available_nanos bigint)
LANGUAGE plpgsql AS $$
DECLARE
  book ledger.books := p_book;
  org text := p_book.organization_id;
  n integer := cardinality(p_ids);
  taken bigint := 0;
  all_new boolean;
  swept boolean := false;
  known jsonb;
  before jsonb;
  placed integer[] := '{}';
  grown integer[] := '{}';
  delta bigint;
  cap integer;
BEGIN
  outcomes := p_refused;
  refusing := array_fill(NULL::integer, ARRAY[n]);
  added := array_fill(0::bigint, ARRAY[n]);
  IF p_now >= book.live_until THEN
    book := ledger.count_grants(org, p_now);
  END IF;
  available_nanos := book.live_nanos - book.held_nanos;
  IF book.stopped_nanos > 0 AND book.held_nanos > 0 THEN
    available_nanos := available_nanos + ledger.covered_by_expired(org, p_now, '-infinity');
  END IF;
  SELECT jsonb_object_agg(id, jsonb_build_array(
           CASE WHEN state = 'open' AND lease_expires_at <= p_real THEN 'lapsed' ELSE state END,
           amount_nanos))
    INTO known FROM ledger.holds WHERE organization_id = org AND id = ANY (p_ids);
  IF known IS NULL AND book.customer_debt_nanos = 0 AND available_nanos > 0 THEN
    -- Whoever is not short of anything is spared the questions: all are new and all fit at once.
    SELECT count(*) FILTER (WHERE c.kind = 'place' AND c.refused IS NULL) = n,
           sum(c.amount)
      INTO all_new, taken
      FROM unnest(p_kinds, p_refused, p_amounts) AS c (kind, refused, amount);
    IF all_new AND (taken < available_nanos OR taken = available_nanos AND 0 <> ALL (p_amounts))
       AND (p_rooms IS NULL OR taken < (SELECT min(room) FROM unnest(p_rooms) AS room)) THEN
      INSERT INTO ledger.holds
        (organization_id, id, api_key_id, amount_nanos, placed_at, lease_expires_at)
      SELECT org, c.id, c.key, c.amount, p_now, p_real + p_lease
        FROM unnest(p_ids, p_keys, p_amounts) AS c (id, key, amount);
      UPDATE ledger.books SET held_nanos = held_nanos + taken WHERE organization_id = org;
      outcomes := array_fill('held'::text, ARRAY[n]);
      added := p_amounts;
      available_nanos := available_nanos - taken;
      RETURN;
    END IF;
    taken := 0;
  END IF;
  FOR i IN 1 .. n LOOP
    CONTINUE WHEN outcomes[i] IS NOT NULL;
    before := known -> p_ids[i];
    delta := p_amounts[i];
    IF p_kinds[i] = 'extend' THEN
      delta := delta - (before ->> 1)::bigint;
      outcomes[i] := CASE
        WHEN before IS NULL THEN 'unknown_hold'
        WHEN before ->> 0 IN ('expired', 'lapsed') THEN 'hold_expired'
        WHEN before ->> 0 <> 'open' THEN 'already_resolved'
        WHEN delta <= 0 THEN 'held' END;
    ELSIF before IS NOT NULL THEN
      outcomes[i] := CASE before ->> 0 WHEN 'open' THEN 'held' ELSE 'already_resolved' END;
    END IF;
    CONTINUE WHEN outcomes[i] IS NOT NULL;
    IF book.customer_debt_nanos < 0 THEN
      outcomes[i] := 'in_debt';
      CONTINUE;
    END IF;
    IF p_rooms IS NOT NULL THEN
      -- The tightest cap refuses; of equals the first, which is the widest.
      FOREACH cap IN ARRAY ARRAY[p_caps_a[i], p_caps_b[i], p_caps_c[i]] LOOP
        -- A request that is promised nothing still needs a cap that is not used up.
        IF p_rooms[cap] < greatest(delta, 1)
           AND (refusing[i] IS NULL OR p_rooms[cap] < p_rooms[refusing[i]]) THEN
          refusing[i] := cap;
        END IF;
      END LOOP;
      IF refusing[i] IS NOT NULL THEN
        outcomes[i] := 'limit_reached';
        CONTINUE;
      END IF;
    END IF;
    IF delta > available_nanos - taken AND NOT swept THEN
      -- Only now is it worth looking for holds whose process died.
      swept := true;
      book.held_nanos := book.held_nanos - (ledger.expire_lapsed(org, p_now, p_real)).freed;
      available_nanos := ledger.available(org, book.held_nanos, p_now);
    END IF;
    IF delta > available_nanos - taken OR available_nanos - taken <= 0 THEN
      outcomes[i] := 'insufficient_credit';
      CONTINUE;
    END IF;
    outcomes[i] := 'held';
    added[i] := delta;
    taken := taken + delta;
    IF p_rooms IS NOT NULL THEN
      FOREACH cap IN ARRAY ARRAY[p_caps_a[i], p_caps_b[i], p_caps_c[i]] LOOP
        IF p_rooms[cap] IS NOT NULL THEN p_rooms[cap] := p_rooms[cap] - delta; END IF;
      END LOOP;
    END IF;
    IF p_kinds[i] = 'extend' THEN
      grown := grown || i;
      known := jsonb_set(known, ARRAY[p_ids[i], '1'], to_jsonb(p_amounts[i]));
    ELSE
      placed := placed || i;
    END IF;
  END LOOP;
  IF cardinality(placed) > 0 THEN
    INSERT INTO ledger.holds
      (organization_id, id, api_key_id, amount_nanos, placed_at, lease_expires_at)
    SELECT org, p_ids[i], p_keys[i], p_amounts[i], p_now, p_real + p_lease
      FROM unnest(placed) AS i;
  END IF;
  IF cardinality(grown) > 0 THEN
    INSERT INTO ledger.hold_extensions (organization_id, hold_id, to_nanos, added_nanos, extended_at)
    SELECT org, p_ids[i], p_amounts[i], added[i], p_now FROM unnest(grown) AS i;
    UPDATE ledger.holds h SET amount_nanos = (known -> h.id ->> 1)::bigint
     WHERE h.organization_id = org AND h.id = ANY (ARRAY(SELECT p_ids[i] FROM unnest(grown) AS i));
  END IF;
  IF taken > 0 THEN
    UPDATE ledger.books SET held_nanos = held_nanos + taken WHERE organization_id = org;
  END IF;
  available_nanos := available_nanos - taken;
END $$;

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

-- The common case, without a loop: every hold is open and alive, none used more than it held, and one grant
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
    IF p_resolutions[1] = 'settle' AND p_losses[1] = 0 AND costs > 0 AND costs <= held
       AND costs <= paying.remaining_nanos AND hold.state = 'open'
       AND hold.lease_expires_at > p_real THEN
      UPDATE ledger.holds SET resolved_at = p_now, state = 'settled', charged_nanos = costs,
             transaction_no = base
       WHERE organization_id = org AND id = p_ids[1];
      INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
        reason, amount_nanos, from_balance_nanos, reference, happened_at, recorded_at)
      VALUES (org, base, 1, 'grant:' || paying.id, 'revenue', 'usage.settle', costs,
        paying.remaining_nanos - costs, p_ids[1], coalesce(p_happened[1], p_now), p_now);
      keys := ARRAY[hold.api_key_id]; placed := ARRAY[hold.placed_at]; freed := ARRAY[held];
      counted := p_costs;
      done := true;
    END IF;
  ELSE
    -- Holds are found by key and matched by a map: a join would be planned on statistics that are
    -- not there. A map has one place for twins, so they are missed and settled elsewhere.
    SELECT jsonb_object_agg(c.id, jsonb_build_array(c.cost, base + c.i - 1)), sum(c.cost)
      INTO ends, costs
      FROM unnest(p_ids, p_resolutions, p_costs, p_losses) WITH ORDINALITY
        AS c (id, resolution, cost, loss, i)
     WHERE c.resolution = 'settle' AND c.loss = 0 AND c.cost > 0;
    IF costs <= paying.remaining_nanos THEN
      SELECT count(*), sum(h.amount_nanos), array_agg(h.api_key_id), array_agg(h.placed_at),
             array_agg(h.amount_nanos), array_agg((ends -> h.id ->> 0)::bigint)
        INTO found, held, keys, placed, freed, counted
        FROM ledger.holds h
       WHERE h.organization_id = org AND h.id = ANY (p_ids) AND h.state = 'open'
         AND h.lease_expires_at > p_real AND h.amount_nanos >= (ends -> h.id ->> 0)::bigint;
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
             c.id, coalesce(c.happened, p_now), p_now
        FROM unnest(p_ids, p_costs, p_happened) WITH ORDINALITY AS c (id, cost, happened, i);
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
  lines integer := 0; line smallint;
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
      l_left[lines] := NULL; l_happened[lines] := p_happened[i];
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
      l_happened[lines] := p_happened[i];
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
        l_happened[lines] := p_happened[i];
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
      l_left[lines] := NULL; l_happened[lines] := p_happened[i];
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

-- Commands arrive sorted by organization: commands p_ends[k-1]+1 .. p_ends[k] are p_orgs[k]'s.
-- Returns one row per command, in that order. Rows are found by key, whatever the statistics say.
DROP FUNCTION charging.place_batch(text[], integer[], text[], text[], bigint[], integer);
CREATE FUNCTION charging.place_batch(
  p_orgs text[], p_ends integer[], p_kinds text[], p_ids text[], p_keys text[], p_amounts bigint[],
  p_lease_ms integer)
RETURNS TABLE (outcome text, available_nanos bigint, limit_level text, limit_subject text)
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
      RETURN QUERY SELECT coalesce(x, 'insufficient_credit'), 0::bigint, NULL::text, NULL::text
        FROM unnest(d.refused) AS x;
    ELSE
      capped := d.limited;
      IF capped THEN
        c := charging.caps(book, kinds, ids, keys, d.workspaces, now_at, real_at);
        book.held_nanos := c.held;
        capped := c.rooms IS NOT NULL;
      END IF;
      IF capped THEN
        s := ledger.place(book, kinds, ids, keys, amounts, d.refused,
          c.rooms, c.caps_a, c.caps_b, c.caps_c, lease, now_at, real_at);
        PERFORM orgs.count_spend(p_orgs[k], c.hold_keys, c.placed, s.added,
          array_fill(0::bigint, ARRAY[z - a + 1]), now_at);
        RETURN QUERY SELECT u.o, s.available_nanos, c.levels[u.r], c.subjects[u.r]
          FROM unnest(s.outcomes, s.refusing) AS u (o, r);
      ELSE
        s := ledger.place(book, kinds, ids, keys, amounts, d.refused,
          NULL, NULL, NULL, NULL, lease, now_at, real_at);
        IF a = z THEN
          outcome := s.outcomes[1]; available_nanos := s.available_nanos;
          RETURN NEXT;
        ELSE
          RETURN QUERY SELECT o, s.available_nanos, NULL::text, NULL::text
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

-- The limits that bound each command, as caps of ledger.place. Holds of dead processes are freed
-- first, because by rule H4 they no longer count. An extension counts for the key and the month of
-- its hold: caps of the month before stand behind those of this one.
CREATE FUNCTION charging.caps(p_book ledger.books, p_kinds text[], p_ids text[], p_keys text[],
  p_workspaces text[], p_now timestamptz, p_real timestamptz,
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
  held := p_book.held_nanos - charging.expire_lapsed(org, p_now, p_real);
  SELECT l.levels, l.subjects, l.rooms, l.last_rooms INTO levels, subjects, rooms, last_rooms
    FROM orgs.limits_in(org, this_month) AS l;
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
      -- Whose lease has passed is late, whether or not a sweeper ran (H4).
      book.held_nanos := book.held_nanos - charging.expire_lapsed(p_orgs[k], now_at, real_at);
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
