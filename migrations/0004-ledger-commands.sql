-- Why: placing and settling run inside one statement for many requests (group commit). Each of
-- these functions handles one organization whose book the caller has locked, decides in arrival
-- order, and lets no command fail for the sake of another.
SET lock_timeout = '5s';

-- Part of the open holds that grants already expired still cover (money rule 3: "a held part stays
-- spendable by that hold"). A grant can cover only holds that were placed before it expired.
-- Holds whose lease ended by `p_alive` are left out.
CREATE FUNCTION ledger.covered_by_expired(
  p_org text, p_now timestamptz, p_alive timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  covered bigint := 0;
  early bigint;
  g record;
BEGIN
  FOR g IN SELECT remaining_nanos, expires_at FROM ledger.grants
            WHERE organization_id = p_org AND NOT exhausted AND expires_at <= p_now
            ORDER BY expires_at, paid, granted_at, id
  LOOP
    SELECT coalesce(sum(amount_nanos), 0) INTO early FROM ledger.holds
     WHERE organization_id = p_org AND state = 'open' AND lease_expires_at > p_alive
       AND placed_at < g.expires_at;
    covered := covered + least(g.remaining_nanos, greatest(early - covered, 0));
  END LOOP;
  RETURN covered;
END $$;

-- available = unexpired grants - open holds that those must cover. What is frozen has already left
-- its grant. Admission and every display read this one number.
CREATE FUNCTION ledger.available(
  p_org text, p_held bigint, p_now timestamptz, p_alive timestamptz DEFAULT '-infinity')
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  live bigint;
  lapsed bigint;
BEGIN
  SELECT coalesce(sum(remaining_nanos) FILTER (WHERE expires_at > p_now), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE expires_at <= p_now), 0)
    INTO live, lapsed
    FROM ledger.grants WHERE organization_id = p_org AND NOT exhausted;
  IF lapsed = 0 OR p_held = 0 THEN
    RETURN live - p_held;
  END IF;
  RETURN live - p_held + ledger.covered_by_expired(p_org, p_now, p_alive);
END $$;

-- Frees what holds of dead processes still promise. By rule H4 they no longer count once their
-- lease has passed; this makes the stored sum agree.
CREATE FUNCTION ledger.expire_lapsed(p_org text, p_now timestamptz, p_real timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  freed bigint;
BEGIN
  WITH lapsed AS (
    UPDATE ledger.holds SET state = 'expired', resolved_at = p_now
     WHERE organization_id = p_org AND state = 'open' AND lease_expires_at <= p_real
    RETURNING amount_nanos
  ) SELECT coalesce(sum(amount_nanos), 0) INTO freed FROM lapsed;
  IF freed > 0 THEN
    UPDATE ledger.books SET held_nanos = held_nanos - freed WHERE organization_id = p_org;
  END IF;
  RETURN freed;
END $$;

-- Takes holds in arrival order against what is available. Idempotent by id: a repeated command
-- finds its own open hold. `p_admitted[i]` false leaves a command out.
CREATE FUNCTION ledger.place(
  p_org text, p_ids text[], p_keys text[], p_amounts bigint[], p_admitted boolean[],
  p_lease interval, p_now timestamptz, p_real timestamptz,
  OUT outcomes text[], OUT available_nanos bigint)
LANGUAGE plpgsql
-- As in ledger.settle: rows are found by key, whatever the statistics say.
SET enable_seqscan = off AS $$
DECLARE
  book ledger.books;
  accepted integer[] := '{}';
  taken bigint := 0;
  swept boolean := false;
  known jsonb;
BEGIN
  outcomes := array_fill(NULL::text, ARRAY[cardinality(p_ids)]);
  SELECT * INTO book FROM ledger.books WHERE organization_id = p_org FOR UPDATE;
  IF NOT FOUND THEN
    -- Books begin with the first grant: who never had one has nothing to spend.
    available_nanos := 0;
    FOR i IN 1 .. cardinality(p_ids) LOOP
      IF p_admitted[i] THEN
        outcomes[i] := 'insufficient_credit';
      END IF;
    END LOOP;
    RETURN;
  END IF;
  SELECT jsonb_object_agg(id, state) INTO known FROM ledger.holds
   WHERE organization_id = p_org AND id = ANY (p_ids);
  available_nanos := ledger.available(p_org, book.held_nanos, p_now);
  FOR i IN 1 .. cardinality(p_ids) LOOP
    CONTINUE WHEN NOT p_admitted[i];
    IF known ? p_ids[i] THEN
      outcomes[i] := CASE known ->> p_ids[i] WHEN 'open' THEN 'held' ELSE 'already_resolved' END;
      CONTINUE;
    END IF;
    IF book.customer_debt_nanos < 0 THEN
      outcomes[i] := 'in_debt';
      CONTINUE;
    END IF;
    IF p_amounts[i] > available_nanos - taken AND NOT swept THEN
      -- Only now is it worth looking for holds whose process died.
      swept := true;
      book.held_nanos := book.held_nanos - ledger.expire_lapsed(p_org, p_now, p_real);
      available_nanos := ledger.available(p_org, book.held_nanos, p_now);
    END IF;
    IF p_amounts[i] > available_nanos - taken THEN
      outcomes[i] := 'insufficient_credit';
    ELSIF p_amounts[i] = 0 AND available_nanos - taken <= 0 THEN
      outcomes[i] := 'insufficient_credit';
    ELSE
      outcomes[i] := 'held';
      accepted := accepted || i;
      taken := taken + p_amounts[i];
    END IF;
  END LOOP;
  IF cardinality(accepted) > 0 THEN
    INSERT INTO ledger.holds
      (organization_id, id, api_key_id, amount_nanos, placed_at, lease_expires_at)
    SELECT p_org, p_ids[i], p_keys[i], p_amounts[i], p_now, p_real + p_lease
      FROM unnest(accepted) AS i;
    UPDATE ledger.books SET held_nanos = held_nanos + taken WHERE organization_id = p_org;
  END IF;
  available_nanos := available_nanos - taken;
END $$;

-- The one statement that writes entries. Lines of one transaction share `p_ordinals[i]` (from 0) and
-- stand together; `p_base` is the number of the first transaction. Balances are those after each
-- line, NULL for accounts of the platform.
CREATE FUNCTION ledger.write_entries(
  p_org text, p_base bigint, p_ordinals integer[], p_references text[], p_reasons text[],
  p_from text[], p_to text[], p_amounts bigint[], p_from_balances bigint[], p_to_balances bigint[],
  p_happened timestamptz, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
    reason, amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at, recorded_at)
  SELECT p_org, p_base + l.ordinal, l.position - array_position(p_ordinals, l.ordinal) + 1,
         l.from_account, l.to_account, l.reason, l.amount, l.from_balance, l.to_balance,
         l.reference, p_happened, p_now
    FROM unnest(p_ordinals, p_references, p_reasons, p_from, p_to, p_amounts, p_from_balances,
           p_to_balances) WITH ORDINALITY AS l (ordinal, reference, reason, from_account,
           to_account, amount, from_balance, to_balance, position);
END $$;

-- Posts one transaction of any shape: moves the organization's own balances, whose floors are
-- constraints of their tables, and writes the lines. Returns the transaction's number.
CREATE FUNCTION ledger.post(
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
  PERFORM ledger.write_entries(p_org, number, array_fill(0, ARRAY[n]),
    array_fill(p_reference, ARRAY[n]), p_reasons, p_from, p_to, p_amounts, after_from, after_to,
    p_happened, p_now);
  RETURN number;
END $$;

-- Moves one account of the organization and answers its balance; NULL for the platform's accounts,
-- which keep none: a shared row would make every organization wait for every other.
CREATE FUNCTION ledger.move(p_org text, p_account text, p_delta bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  balance bigint;
BEGIN
  IF p_account LIKE 'grant:%' THEN
    UPDATE ledger.grants SET remaining_nanos = remaining_nanos + p_delta
     WHERE organization_id = p_org AND id = substr(p_account, 7)
    RETURNING remaining_nanos INTO STRICT balance;
  ELSIF p_account = 'dispute_frozen' THEN
    UPDATE ledger.books SET dispute_frozen_nanos = dispute_frozen_nanos + p_delta
     WHERE organization_id = p_org RETURNING dispute_frozen_nanos INTO balance;
  ELSIF p_account = 'customer_debt' THEN
    UPDATE ledger.books SET customer_debt_nanos = customer_debt_nanos + p_delta
     WHERE organization_id = p_org RETURNING customer_debt_nanos INTO balance;
  ELSIF p_account = 'receivable' THEN
    UPDATE ledger.books SET receivable_nanos = receivable_nanos + p_delta
     WHERE organization_id = p_org RETURNING receivable_nanos INTO balance;
  END IF;
  RETURN balance;
END $$;

-- The sweeper's command: organizations in id order, so that it can never wait in a circle with a
-- batch; a book that is busy is left to its next hold or the next sweep.
CREATE FUNCTION ledger.expire_lapsed_everywhere(p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  touched integer := 0;
  o text;
BEGIN
  FOR o IN SELECT DISTINCT organization_id FROM ledger.holds
            WHERE state = 'open' AND lease_expires_at <= bursar.real_now()
            ORDER BY organization_id LIMIT p_limit
  LOOP
    PERFORM FROM ledger.books WHERE organization_id = o FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM ledger.expire_lapsed(o, bursar.now(), bursar.real_now());
    touched := touched + 1;
  END LOOP;
  RETURN touched;
END $$;
