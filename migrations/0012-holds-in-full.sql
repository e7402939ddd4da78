-- Why: holds that grow, holds that stopped grants still cover, and caps that several of them share,
-- decided under one lock. Replaces bodies of 0004; what they promised stays true.
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
    IF NOT swept AND (delta > available_nanos - taken OR available_nanos - taken <= 0) THEN
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
