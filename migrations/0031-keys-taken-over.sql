-- Why: one Idempotency-Key could be charged twice. When the store was away for longer than a lease, a
-- request with the key reached another process and took it over from the lapsed hold, while the first
-- still ran and was settled late. Now the hold ends in the transaction that gives its key away: either
-- the first request is charged, and keeps the key, or the second one has it, and the first is nobody's
-- to pay for.
SET lock_timeout = '5s';

-- superseded: lapsed, and its Idempotency-Key went to another request; a late settlement charges nothing.
-- Not validated, which would read all holds: those that are there have passed a narrower check.
ALTER TABLE ledger.holds DROP CONSTRAINT holds_state_check;
ALTER TABLE ledger.holds ADD CONSTRAINT holds_state_check CHECK (
  state IN ('open', 'settled', 'voided', 'expired', 'settled_late', 'superseded')) NOT VALID;

-- As in 0027; lapsed is told apart from free: a lapsed hold may still be charged, by its late settlement.
CREATE OR REPLACE FUNCTION ledger.hold_standing(p_org text, p_id text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN state = 'open' AND lease_expires_at > bursar.real_now() THEN 'alive'
              WHEN state IN ('open', 'expired') THEN 'lapsed'
              WHEN state IN ('settled', 'settled_late') THEN 'charged'
              ELSE 'free' END
    FROM ledger.holds WHERE organization_id = p_org AND id = p_id
$$;

-- Ends a hold whose lapse is booked, under the lock of its book.
CREATE FUNCTION ledger.supersede(p_org text, p_id text, p_now timestamptz) RETURNS void
LANGUAGE sql AS $$
  UPDATE ledger.holds SET state = 'superseded', resolved_at = p_now
   WHERE organization_id = p_org AND id = p_id AND state = 'expired'
$$;

-- What the answer to a superseded hold cost, under the lock of its book: a loss of the operator's.
-- False if the hold is none, or its loss was booked before.
CREATE FUNCTION ledger.lose_superseded(p_org text, p_id text, p_loss bigint, p_happened timestamptz,
  p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  placed timestamptz;
  number bigint;
BEGIN
  SELECT placed_at INTO placed FROM ledger.holds
   WHERE organization_id = p_org AND id = p_id AND state = 'superseded';
  IF NOT FOUND THEN RETURN false; END IF;
  number := ledger.post(p_org, p_id, ARRAY['upstream.loss'], ARRAY['operator_upstream_loss'],
    ARRAY['upstream_unbilled'], ARRAY[p_loss],
    least(greatest(coalesce(p_happened, p_now), placed), p_now), p_now);
  UPDATE ledger.holds SET state = 'voided', charged_nanos = 0, resolved_at = p_now,
         transaction_no = number
   WHERE organization_id = p_org AND id = p_id;
  RETURN true;
END $$;

-- As in 0027, but a lapsed hold is ended before its key is given away. The book is locked after the
-- row of the key, and nobody who has a book asks for a key.
CREATE OR REPLACE FUNCTION charging.claim_key(
  p_org text, p_api_key text, p_key_hash bytea, p_asked bytea, p_request text,
  OUT outcome text, OUT request_id text)
LANGUAGE plpgsql AS $$
DECLARE
  known charging.idempotency_keys;
  standing text;
  until_real timestamptz := bursar.real_now() + interval '60 s';
  until_business timestamptz := bursar.now() + interval '24 h';
BEGIN
  request_id := p_request;
  outcome := 'claimed';
  LOOP
    INSERT INTO charging.idempotency_keys
    VALUES (p_org, p_api_key, p_key_hash, p_asked, p_request, until_real, until_business)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN RETURN; END IF;
    SELECT * INTO known FROM charging.idempotency_keys AS k
     WHERE k.organization_id = p_org AND k.api_key_id = p_api_key AND k.key_hash = p_key_hash
       FOR UPDATE;
    -- Unless it was released meanwhile.
    EXIT WHEN FOUND;
  END LOOP;
  standing := ledger.hold_standing(p_org, known.request_id);
  IF standing = 'lapsed' THEN
    -- All that has lapsed, so that the limits hear of it too (0020).
    PERFORM ledger.lock_book(p_org);
    PERFORM charging.expire_lapsed(p_org, bursar.now_under_lock(), bursar.real_now());
    PERFORM ledger.supersede(p_org, known.request_id, bursar.now_under_lock());
    -- Charged, if it was settled before the lock was ours.
    standing := ledger.hold_standing(p_org, known.request_id);
  END IF;
  IF standing = 'free'
     OR standing = 'charged' AND known.expires_at <= bursar.now()
     OR standing IS NULL AND known.claimed_until <= bursar.real_now() THEN
    UPDATE charging.idempotency_keys AS k
       SET asked = p_asked, request_id = p_request, claimed_until = until_real,
           expires_at = until_business
     WHERE k.organization_id = p_org AND k.api_key_id = p_api_key AND k.key_hash = p_key_hash;
    RETURN;
  END IF;
  request_id := known.request_id;
  outcome := CASE WHEN known.asked <> p_asked THEN 'mismatch'
                  WHEN standing = 'charged' THEN 'finished' ELSE 'in_flight' END;
END $$;

-- Notes the late answer of a request whose key was taken over: its loss and its receipt, or nothing if
-- that is not what became of it. The receipt's columns are those of charging.settle_batch.
CREATE FUNCTION charging.lose_superseded(
  p_org text, p_id text, p_loss bigint, p_happened timestamptz, p_keys text[],
  p_workspaces text[], p_models text[], p_rules text[], p_usages jsonb[], p_price_versions text[],
  p_statuses smallint[], p_disconnected boolean[], p_estimated boolean[], p_quarantined boolean[],
  p_started timestamptz[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  now_at timestamptz;
BEGIN
  PERFORM ledger.lock_book(p_org);
  now_at := bursar.now_under_lock();
  IF NOT ledger.lose_superseded(p_org, p_id, p_loss, p_happened, now_at) THEN
    RETURN false;
  END IF;
  PERFORM metering.record(ARRAY[p_org], ARRAY[p_id], p_keys, p_workspaces, p_models, p_rules,
    p_usages, p_price_versions, p_statuses, p_disconnected, p_estimated, p_quarantined, p_started,
    ARRAY['voided'], ARRAY[0::bigint], ARRAY[0::bigint], ARRAY[p_loss], ARRAY[now_at]);
  RETURN true;
END $$;
