-- Why: what happens to an organization's credit is told to programs of its own. An event is written
-- in the transaction that causes it, once; one row for each endpoint it goes to says when it is tried
-- next, so that what was not delivered survives every crash, and each endpoint waits for itself only.
SET lock_timeout = '5s';

CREATE SCHEMA outgoing_webhooks;
GRANT USAGE ON SCHEMA outgoing_webhooks TO bursar_app;

CREATE TABLE outgoing_webhooks.endpoints (
  organization_id  text NOT NULL REFERENCES orgs.organizations (id),
  id               text NOT NULL,
  url              text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2000),
  description      text NOT NULL CHECK (char_length(description) <= 200),
  -- None named: every type, also those that come later.
  event_types      text[] NOT NULL,
  status           text NOT NULL DEFAULT 'enabled'
                     CHECK (status IN ('enabled', 'paused', 'failing', 'gone')),
  status_at        timestamptz NOT NULL DEFAULT bursar.now(),
  -- Of the first failure since it last took something.
  failing_since    timestamptz,
  -- Sealed under a key that is not in the database.
  secret           bytea NOT NULL,
  old_secret       bytea,
  old_secret_until timestamptz,
  created_at       timestamptz NOT NULL DEFAULT bursar.now(),
  created_by       text NOT NULL,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT old_secret_ends CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
);

CREATE TABLE outgoing_webhooks.events (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  -- What a receiver tells repetitions by. Made from the id of whoever published it: one event each.
  id              text NOT NULL CHECK (id ~ '^evt_[0-9a-f]{32}$'),
  type            text NOT NULL,
  occurred_at     timestamptz NOT NULL,
  -- As it is signed and sent, to the byte, however often.
  body            text NOT NULL CHECK (octet_length(body) <= 20480),
  published_at    timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, id)
);
CREATE INDEX events_by_age ON outgoing_webhooks.events (published_at);

CREATE TABLE outgoing_webhooks.deliveries (
  organization_id text NOT NULL,
  endpoint_id     text NOT NULL,
  event_id        text NOT NULL,
  state           text NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'delivered', 'given_up')),
  -- Ever made, which numbers them; and of the plan of retries, which a person may begin anew.
  attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  tries           integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at          timestamptz NOT NULL DEFAULT bursar.now(),
  -- Real time: whoever sends it and died is dead in real time.
  leased_until    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT bursar.now(),
  PRIMARY KEY (organization_id, endpoint_id, event_id),
  FOREIGN KEY (organization_id, endpoint_id)
    REFERENCES outgoing_webhooks.endpoints (organization_id, id) ON DELETE CASCADE,
  FOREIGN KEY (organization_id, event_id)
    REFERENCES outgoing_webhooks.events (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX deliveries_due ON outgoing_webhooks.deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_by_event ON outgoing_webhooks.deliveries (organization_id, event_id);
CREATE INDEX deliveries_by_age ON outgoing_webhooks.deliveries
  (organization_id, endpoint_id, created_at DESC, event_id DESC);

-- Nothing of an answer is kept but its status: a body may hold what is not ours to keep.
CREATE TABLE outgoing_webhooks.attempts (
  organization_id text NOT NULL,
  endpoint_id     text NOT NULL,
  event_id        text NOT NULL,
  number          integer NOT NULL CHECK (number > 0),
  began_at        timestamptz NOT NULL DEFAULT bursar.now(),
  -- Absent while it is under way.
  result          text,
  status          integer,
  duration_ms     integer CHECK (duration_ms >= 0),
  PRIMARY KEY (organization_id, endpoint_id, event_id, number),
  FOREIGN KEY (organization_id, endpoint_id, event_id)
    REFERENCES outgoing_webhooks.deliveries (organization_id, endpoint_id, event_id)
    ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON outgoing_webhooks.endpoints, outgoing_webhooks.deliveries,
  outgoing_webhooks.attempts TO bursar_app;
GRANT SELECT, INSERT, DELETE ON outgoing_webhooks.events TO bursar_app;
