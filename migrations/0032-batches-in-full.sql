-- Why: a batch goes on where it was begun, a creation that is repeated is one batch, what can never
-- be booked is withheld for good, and what nobody may ask for any more is forgotten. Containers of
-- all customers run in the operator's one account upstream, as their files lie there: whose each
-- one is stands here and nowhere else.
SET lock_timeout = '5s';

ALTER TABLE batches.batches
  -- Where it was made. NULL: by the release before, at the first upstream.
  ADD COLUMN upstream  text,
  -- Its items were forgotten then; receipts stay.
  ADD COLUMN purged_at timestamptz;
CREATE INDEX batches_to_purge ON batches.batches (made_at)
  WHERE state IN ('settled', 'abandoned') AND purged_at IS NULL;

-- A batch's id is all an operator is given at 3 a.m.
CREATE INDEX batches_by_id ON batches.batches (id);

-- The ledger can never take it, so its result is given to nobody.
ALTER TABLE batches.items ADD COLUMN withheld boolean NOT NULL DEFAULT false;

-- An item is found by its number or by its name, and each way has one index that can be used for it.
-- With two that begin alike, a table whose statistics are old is read whole for every item.
CREATE UNIQUE INDEX items_by_name ON batches.items (custom_id, batch_id);
ALTER TABLE batches.items DROP CONSTRAINT items_organization_id_batch_id_custom_id_key;

-- Of the items of a batch those with these names, one look for each.
CREATE FUNCTION batches.items_named(p_org text, p_batch text, p_names text[])
RETURNS SETOF batches.items LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  RETURN QUERY
    SELECT i.* FROM unnest(p_names) AS asked (custom_id)
     CROSS JOIN LATERAL (
       SELECT * FROM batches.items AS named
        WHERE named.custom_id = asked.custom_id AND named.batch_id = p_batch COLLATE "C"
          -- Not by the primary key, of which this is the beginning.
          AND named.organization_id || '' = p_org OFFSET 0) AS i;
END $$;

-- Notes that items are resolved in the ledger, and which of them it can never take. No later note
-- takes that back.
CREATE FUNCTION batches.mark_settled(
  p_org text, p_batch text, p_numbers integer[], p_withheld integer[])
RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  UPDATE batches.items
     SET settled = true, withheld = withheld OR number = ANY (p_withheld)
   WHERE organization_id = p_org AND batch_id = p_batch COLLATE "C" AND number = ANY (p_numbers);
END $$;

-- As before, but each hold is found by its key: no partial index of open holds can be used, which
-- would be read from its beginning for thousands of them at a time.
CREATE OR REPLACE FUNCTION charging.keep_holds(p_org text, p_ids text[], p_lease_ms integer)
RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  kept integer;
BEGIN
  UPDATE ledger.holds
     SET lease_expires_at = greatest(lease_expires_at,
           bursar.real_now() + make_interval(secs => p_lease_ms / 1000.0))
   WHERE organization_id = p_org AND id = ANY (p_ids) AND state || '' = 'open'
     AND lease_expires_at > bursar.real_now();
  GET DIAGNOSTICS kept = ROW_COUNT;
  RETURN kept;
END $$;

-- Which batch was made under an Idempotency-Key. What has become of it is read from the batch.
CREATE TABLE batches.creation_keys (
  organization_id text NOT NULL,
  api_key_id      text NOT NULL,
  -- SHA-256 of the key; it is the client's text and could say anything.
  key_hash        bytea NOT NULL,
  -- SHA-256 of all that decides whether two creations ask the same.
  asked           bytea NOT NULL,
  -- Until the batch is written down, no batch has this id.
  batch_id        text COLLATE "C" NOT NULL,
  -- Real time, as the leases of holds have: until then its maker lives.
  claimed_until   timestamptz NOT NULL,
  -- Business time: from then on the key is new.
  expires_at      timestamptz NOT NULL,
  PRIMARY KEY (organization_id, api_key_id, key_hash)
);
CREATE INDEX creation_keys_by_end ON batches.creation_keys (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON batches.creation_keys TO bursar_app;

-- What a key stands for: making (its batch may still come to be), made, deleted (by its customer),
-- or nothing (none came of it, none is held for and none will be).
CREATE FUNCTION batches.creation_standing(p_key batches.creation_keys)
RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT CASE WHEN b.state = 'refused' THEN 'nothing'
                WHEN b.state = 'deleted' THEN 'deleted'
                WHEN b.upstream_id IS NOT NULL THEN 'made'
                WHEN b.state = 'abandoned' THEN 'nothing'
                ELSE 'making' END
      FROM batches.batches b
     WHERE b.organization_id = p_key.organization_id AND b.id = p_key.batch_id),
    CASE WHEN p_key.claimed_until > bursar.real_now() THEN 'making' ELSE 'nothing' END)
$$;

-- Gives the key to this creation if it is free, and says what it stands for otherwise. The row is
-- locked while that is decided; each step reads what was committed before it.
CREATE FUNCTION batches.claim_creation(
  p_org text, p_api_key text, p_key_hash bytea, p_asked bytea, p_batch text, p_lease_ms integer,
  OUT outcome text, OUT batch_id text)
LANGUAGE plpgsql AS $$
DECLARE
  known batches.creation_keys;
  standing text;
  until_real timestamptz := bursar.real_now() + make_interval(secs => p_lease_ms / 1000.0);
  until_business timestamptz := bursar.now() + interval '24 h';
BEGIN
  batch_id := p_batch;
  outcome := 'claimed';
  LOOP
    INSERT INTO batches.creation_keys
    VALUES (p_org, p_api_key, p_key_hash, p_asked, p_batch, until_real, until_business)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN RETURN; END IF;
    SELECT * INTO known FROM batches.creation_keys AS k
     WHERE k.organization_id = p_org AND k.api_key_id = p_api_key AND k.key_hash = p_key_hash
       FOR UPDATE;
    -- Unless it was released meanwhile.
    EXIT WHEN FOUND;
  END LOOP;
  standing := batches.creation_standing(known);
  IF standing = 'nothing' OR standing <> 'making' AND known.expires_at <= bursar.now() THEN
    UPDATE batches.creation_keys AS k
       SET asked = p_asked, batch_id = p_batch, claimed_until = until_real,
           expires_at = until_business
     WHERE k.organization_id = p_org AND k.api_key_id = p_api_key AND k.key_hash = p_key_hash;
    RETURN;
  END IF;
  batch_id := known.batch_id;
  outcome := CASE WHEN known.asked <> p_asked THEN 'mismatch'
                  WHEN standing = 'making' THEN 'in_flight'
                  WHEN standing = 'deleted' THEN 'finished' ELSE 'made' END;
END $$;

CREATE TABLE orgs.containers (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  workspace_id    text NOT NULL,
  -- As the upstream made it.
  id              text NOT NULL CHECK (id ~ '^[A-Za-z0-9_-]{1,200}$'),
  -- Real time: containers live by the upstream's clock, for thirty days.
  first_seen_at   timestamptz NOT NULL DEFAULT bursar.real_now(),
  PRIMARY KEY (organization_id, workspace_id, id),
  FOREIGN KEY (organization_id, workspace_id) REFERENCES orgs.workspaces (organization_id, id)
);
CREATE INDEX containers_by_age ON orgs.containers (first_seen_at);
GRANT SELECT, INSERT, DELETE ON orgs.containers TO bursar_app;
