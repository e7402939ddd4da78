-- Why: a process that joins knows the database and nothing else, perhaps on another data directory.
-- Where a system's own servers listen, on ports it may have been free to choose, is told here.
SET lock_timeout = '5s';

CREATE TABLE bursar.addresses (
  name text PRIMARY KEY CHECK (name IN ('console', 'stripe_sim', 'model_sim')),
  url  text NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON bursar.addresses TO bursar_app;
