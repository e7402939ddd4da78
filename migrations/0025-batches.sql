-- Why: a message batch runs for up to a day at the upstream, under the operator's one account, and is
-- paid for by one organization. Whose it is, what of it is settled and by which prices has to outlive
-- every process. No prompt and no answer is kept: of each item its name, its model and its limit.
SET lock_timeout = '5s';

CREATE SCHEMA batches;
GRANT USAGE ON SCHEMA batches TO bursar_app;

CREATE TABLE batches.batches (
  organization_id     text NOT NULL,
  -- Ids sort by creation as their bytes do, whatever the database's language.
  id                  text COLLATE "C" NOT NULL,
  workspace_id        text NOT NULL,
  api_key_id          text NOT NULL,
  -- Its transitions are a table: src/batches/states.ts.
  state               text NOT NULL CHECK (state IN ('creating', 'refused', 'in_progress',
    'canceling', 'ended', 'settled', 'deleted', 'abandoning', 'abandoned')),
  -- Its name at the upstream; NULL until that has taken it.
  upstream_id         text,
  items               integer NOT NULL CHECK (items > 0),
  -- The prices of its holds: by them it is settled, whatever is in force by then (F88).
  price_epoch         bigint NOT NULL,
  -- Business time of admission.
  admitted_at         timestamptz NOT NULL,
  -- Real time from here on: how long its holds are kept, when it was made, when to look at it again.
  leased_until        timestamptz NOT NULL,
  made_at             timestamptz NOT NULL DEFAULT bursar.real_now(),
  look_at             timestamptz NOT NULL,
  -- What the upstream last said of it.
  processing          integer NOT NULL,
  succeeded           integer NOT NULL DEFAULT 0,
  errored             integer NOT NULL DEFAULT 0,
  canceled            integer NOT NULL DEFAULT 0,
  expired             integer NOT NULL DEFAULT 0,
  created_at          timestamptz,
  expires_at          timestamptz,
  ended_at            timestamptz,
  cancel_initiated_at timestamptz,
  archived_at         timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT taken_by_the_upstream CHECK (
    state IN ('creating', 'refused', 'abandoning', 'abandoned') OR upstream_id IS NOT NULL)
);
CREATE INDEX batches_of_workspaces ON batches.batches (organization_id, workspace_id, id);
CREATE INDEX batches_to_look_at ON batches.batches (look_at)
  WHERE state IN ('creating', 'in_progress', 'canceling', 'ended', 'abandoning');
GRANT SELECT, INSERT, UPDATE ON batches.batches TO bursar_app;

-- Item n of a batch is paid for by a request of its own, whose id follows from the batch's and n.
CREATE TABLE batches.items (
  organization_id   text NOT NULL,
  batch_id          text COLLATE "C" NOT NULL,
  number            integer NOT NULL,
  custom_id         text NOT NULL,
  model             text NOT NULL,
  output_tokens_max integer NOT NULL,
  -- Its request is resolved in the ledger. Told after that, so it may lag behind, never run ahead.
  settled           boolean NOT NULL DEFAULT false,
  PRIMARY KEY (organization_id, batch_id, number),
  UNIQUE (organization_id, batch_id, custom_id),
  FOREIGN KEY (organization_id, batch_id) REFERENCES batches.batches (organization_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON batches.items TO bursar_app;

-- Keeps open holds of one organization alive, thousands at a time: each is found by its key, whatever
-- the statistics say. One that has lapsed stays so, and a longer lease is never shortened: whoever
-- renews may have been overtaken by who took the hold over. Answers how many were kept.
CREATE FUNCTION charging.keep_holds(p_org text, p_ids text[], p_lease_ms integer)
RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
  kept integer;
BEGIN
  UPDATE ledger.holds
     SET lease_expires_at = greatest(lease_expires_at,
           bursar.real_now() + make_interval(secs => p_lease_ms / 1000.0))
   WHERE organization_id = p_org AND id = ANY (p_ids) AND state = 'open'
     AND lease_expires_at > bursar.real_now();
  GET DIAGNOSTICS kept = ROW_COUNT;
  RETURN kept;
END $$;
