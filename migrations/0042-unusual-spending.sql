-- Why: a stolen key spends until somebody looks, and nobody looks at night. What every key and every
-- organization spends is compared with what it is used to, from what has been settled and beside the
-- statements that settle it; a key that spends far faster is told of, or paused.
SET lock_timeout = '5s';

-- paused: by the watch over spending, until a person resumes it. To a process of the release before it
-- is a key that opens nothing, as to the statement that takes the hold.
ALTER TABLE orgs.api_keys
  DROP CONSTRAINT api_keys_status_check,
  ADD CONSTRAINT api_keys_status_check CHECK (status IN ('active', 'inactive', 'paused', 'revoked'));

-- Who spends, as the watch asks: since when, and the least that may be spent in a month by any limit
-- that pauses. The tier's cap is the operator's and says nothing about what a customer is used to.
CREATE VIEW orgs.spenders AS
  SELECT s.organization_id, s.subject_id, s.level, s.status, s.created_at, (
      SELECT min(l.amount_nanos) FROM orgs.spend_limits l
       WHERE l.organization_id = s.organization_id AND l.action = 'notify_and_pause'
         AND l.level <> 'tier' AND l.subject_id IN (s.organization_id, s.workspace_id, s.subject_id)
    ) AS monthly_nanos
    FROM (SELECT organization_id, id AS subject_id, 'api_key' AS level,
                 CASE WHEN status <> 'revoked' AND expires_at <= bursar.now() THEN 'expired'
                      ELSE status END AS status, created_at, workspace_id
            FROM orgs.api_keys
          UNION ALL
          SELECT id, id, 'organization', status, created_at, NULL FROM orgs.organizations) AS s;
GRANT SELECT ON orgs.spenders TO bursar_app;

-- What was charged, in the order in which it was settled.
CREATE VIEW metering.charges AS
  SELECT organization_id, api_key_id, settled_at, charged_nanos FROM metering.requests
   WHERE charged_nanos > 0;
GRANT SELECT ON metering.charges TO bursar_app;
-- The newest megabytes are read every second: their summary must not wait for the next vacuum.
ALTER INDEX metering.requests_as_they_settled SET (autosummarize = on);

CREATE SCHEMA spend_watch;
GRANT USAGE ON SCHEMA spend_watch TO bursar_app;

-- One row: how far charges have been counted. Whoever holds its lock counts.
CREATE TABLE spend_watch.progress (
  only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Organizations that were there before are learned from first.
  began_at      timestamptz NOT NULL DEFAULT bursar.now(),
  -- Charges settled until then are in spend_watch.minutes, each once; those after counted_from came
  -- with the last look. Business time.
  counted_from  timestamptz NOT NULL DEFAULT bursar.now(),
  counted_until timestamptz NOT NULL DEFAULT bursar.now(),
  -- Minutes before have been noted as what is usual.
  noted_until   timestamptz NOT NULL DEFAULT date_trunc('minute', bursar.now()),
  -- Real time of the last look, by whichever process.
  looked_at     timestamptz NOT NULL DEFAULT bursar.real_now()
);
INSERT INTO spend_watch.progress DEFAULT VALUES;
GRANT SELECT, UPDATE ON spend_watch.progress TO bursar_app;

-- What each key was charged in each minute of the last hour.
CREATE TABLE spend_watch.minutes (
  organization_id text NOT NULL,
  api_key_id      text NOT NULL,
  minute          timestamptz NOT NULL,
  charged_nanos   bigint NOT NULL CHECK (charged_nanos > 0),
  PRIMARY KEY (organization_id, api_key_id, minute)
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, DELETE ON spend_watch.minutes TO bursar_app;

-- What a key or an organization is used to: the most it was charged in five minutes and in an hour of
-- that day, outside anomalies; and what a person has since called usual.
CREATE TABLE spend_watch.days (
  organization_id text NOT NULL,
  subject_id      text NOT NULL,
  day             date NOT NULL,
  most_five_minutes_nanos   bigint NOT NULL DEFAULT 0 CHECK (most_five_minutes_nanos >= 0),
  most_hour_nanos           bigint NOT NULL DEFAULT 0 CHECK (most_hour_nanos >= 0),
  agreed_five_minutes_nanos bigint NOT NULL DEFAULT 0 CHECK (agreed_five_minutes_nanos >= 0),
  agreed_hour_nanos         bigint NOT NULL DEFAULT 0 CHECK (agreed_hour_nanos >= 0),
  PRIMARY KEY (organization_id, subject_id, day)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON spend_watch.days TO bursar_app;

-- What is to be done about unusual spending. Without a row: alert.
CREATE TABLE spend_watch.policies (
  organization_id text PRIMARY KEY REFERENCES orgs.organizations (id),
  action          text NOT NULL CHECK (action IN ('off', 'alert', 'pause')),
  set_by          text NOT NULL,
  set_at          timestamptz NOT NULL DEFAULT bursar.now()
);
GRANT SELECT, INSERT, UPDATE ON spend_watch.policies TO bursar_app;

CREATE TABLE spend_watch.anomalies (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  id              text NOT NULL,
  level           text NOT NULL CHECK (level IN ('api_key', 'organization')),
  subject_id      text NOT NULL,
  state           text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'acknowledged', 'resumed', 'passed')),
  -- The evidence: what was spent in which window, what it may, and the most it was before.
  window_name     text NOT NULL CHECK (window_name IN ('five_minutes', 'hour')),
  spent_nanos     bigint NOT NULL CHECK (spent_nanos > 0),
  usual_nanos     bigint NOT NULL CHECK (usual_nanos >= 0),
  allowed_nanos   bigint NOT NULL CHECK (allowed_nanos >= 0),
  peak_five_minutes_nanos bigint NOT NULL CHECK (peak_five_minutes_nanos >= 0),
  peak_hour_nanos bigint NOT NULL CHECK (peak_hour_nanos >= 0),
  opened_at       timestamptz NOT NULL DEFAULT bursar.now(),
  -- When it was last seen to spend beyond what it may.
  beyond_at       timestamptz NOT NULL DEFAULT bursar.now(),
  -- When its key was paused; NULL if only told of.
  paused_at       timestamptz,
  ended_at        timestamptz,
  -- The person, admin key or operator whose answer ended it; NULL if it passed.
  ended_by        text,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT ended_says_when CHECK ((state = 'open') = (ended_at IS NULL)),
  CONSTRAINT answered_says_by_whom CHECK ((state IN ('acknowledged', 'resumed')) = (ended_by IS NOT NULL)),
  CONSTRAINT only_keys_are_paused CHECK (paused_at IS NULL OR level = 'api_key')
);
-- Several processes see the same: one anomaly of a subject at a time.
CREATE UNIQUE INDEX one_anomaly_at_a_time ON spend_watch.anomalies (organization_id, subject_id)
  WHERE state = 'open';
CREATE INDEX anomalies_of_a_subject ON spend_watch.anomalies (organization_id, subject_id, opened_at);
CREATE INDEX anomalies_to_pass ON spend_watch.anomalies (beyond_at) WHERE state = 'open';
GRANT SELECT, INSERT, UPDATE ON spend_watch.anomalies TO bursar_app;
