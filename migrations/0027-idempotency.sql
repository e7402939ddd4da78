-- Why: of all requests with one Idempotency-Key one is executed and charged, whichever process they
-- reach. Whether it runs, is finished or came to nothing is read from its hold, so that there is one
-- truth about it. Only requests that send the header touch this table.
SET lock_timeout = '5s';

-- What a request's hold has come to: alive, charged, or free (nothing was or will be charged for it,
-- but for the late settlement of a lapsed one). NULL if it has none.
CREATE FUNCTION ledger.hold_standing(p_org text, p_id text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN state = 'open' AND lease_expires_at > bursar.real_now() THEN 'alive'
              WHEN state IN ('settled', 'settled_late') THEN 'charged'
              ELSE 'free' END
    FROM ledger.holds WHERE organization_id = p_org AND id = p_id
$$;

CREATE TABLE charging.idempotency_keys (
  organization_id text NOT NULL,
  api_key_id      text NOT NULL,
  -- SHA-256 of the key; it is the client's text and could say anything.
  key_hash        bytea NOT NULL,
  -- SHA-256 of all that decides whether two requests ask the same.
  asked           bytea NOT NULL,
  request_id      text NOT NULL,
  -- Real time, as the leases of holds have: until then the request may still get its hold.
  claimed_until   timestamptz NOT NULL,
  -- Business time: from then on the key is new.
  expires_at      timestamptz NOT NULL,
  PRIMARY KEY (organization_id, api_key_id, key_hash)
);
CREATE INDEX idempotency_keys_by_end ON charging.idempotency_keys (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON charging.idempotency_keys TO bursar_app;

-- Gives the key to this request if it is free, and says whose it is otherwise. The row is locked
-- while that is decided; each step reads what was committed before it.
CREATE FUNCTION charging.claim_key(
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
