-- Why: one row per answered or refused-by-upstream request, written with its settlement, so that
-- what was charged can always be explained: units, price version, rule. No prompt, no answer.
SET lock_timeout = '5s';

CREATE SCHEMA metering;
GRANT USAGE ON SCHEMA metering TO bursar_app;

CREATE TABLE metering.requests (
  organization_id     text NOT NULL,
  request_id          text NOT NULL,
  api_key_id          text NOT NULL,
  workspace_id        text NOT NULL,
  model               text NOT NULL,
  -- The rule of docs/what-is-charged.md that decided, such as S2.
  rule                text NOT NULL,
  usage               jsonb,
  price_version       text NOT NULL,
  charged_nanos       bigint NOT NULL CHECK (charged_nanos >= 0),
  overrun_nanos       bigint NOT NULL DEFAULT 0 CHECK (overrun_nanos >= 0),
  loss_nanos          bigint NOT NULL DEFAULT 0 CHECK (loss_nanos >= 0),
  upstream_status     smallint,
  client_disconnected boolean NOT NULL,
  estimated           boolean NOT NULL,
  quarantined         boolean NOT NULL,
  started_at          timestamptz NOT NULL,
  settled_at          timestamptz NOT NULL,
  PRIMARY KEY (organization_id, request_id)
);
CREATE INDEX requests_by_time ON metering.requests (organization_id, settled_at DESC);
-- A request id is all an operator is given at 3 a.m.
CREATE INDEX requests_by_id ON metering.requests (request_id);
GRANT SELECT, INSERT ON metering.requests TO bursar_app;

-- p_rows: one JSON object per request, see `RequestRecord`; amounts arrive as the ledger decided.
CREATE FUNCTION metering.record(
  p_org text, p_ids text[], p_rows jsonb[], p_charges bigint[], p_overruns bigint[],
  p_losses bigint[], p_now timestamptz)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO metering.requests (organization_id, request_id, api_key_id, workspace_id, model, rule,
    usage, price_version, charged_nanos, overrun_nanos, loss_nanos, upstream_status,
    client_disconnected, estimated, quarantined, started_at, settled_at)
  SELECT p_org, r.id, r.row ->> 'key', r.row ->> 'workspace', r.row ->> 'model', r.row ->> 'rule',
         nullif(r.row -> 'usage', 'null'), r.row ->> 'price_version', r.charge, r.overrun, r.loss,
         (r.row ->> 'status')::smallint, (r.row ->> 'disconnected')::boolean,
         (r.row ->> 'estimated')::boolean, (r.row ->> 'quarantined')::boolean,
         (r.row ->> 'started_at')::timestamptz, p_now
    FROM unnest(p_ids, p_rows, p_charges, p_overruns, p_losses)
      AS r (id, row, charge, overrun, loss)
$$;
