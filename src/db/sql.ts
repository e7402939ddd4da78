import type { Statement } from '#db/pool';

/** Any constant: every migrator of this product takes the same lock. */
const MIGRATION_LOCK = 7_303_014;

export const lockMigrations: Statement = {
  text: 'SELECT pg_catalog.pg_advisory_xact_lock($1)',
  values: [MIGRATION_LOCK],
};

export const createMigrationsTable: Statement = {
  text: `
    CREATE SCHEMA IF NOT EXISTS bursar;
    CREATE TABLE IF NOT EXISTS bursar.migrations (
      name text PRIMARY KEY,
      sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
};

export interface AppliedMigration {
  readonly name: string;
  readonly sha256: string;
}

export const readMigrations: Statement = {
  text: 'SELECT name, sha256 FROM bursar.migrations ORDER BY name',
};

export const readMigrationsTable: Statement = {
  text: `SELECT 1 AS found WHERE to_regclass('bursar.migrations') IS NOT NULL`,
};

export const recordMigration = (migration: AppliedMigration): Statement => ({
  text: 'INSERT INTO bursar.migrations (name, sha256) VALUES ($1, $2)',
  values: [migration.name, migration.sha256],
});

/** A file may set its own limits on locks; the next one starts from the server's defaults. */
export const resetSettings: Statement = { text: 'RESET ALL' };

/**
 * Lets the application role add and run jobs, and see which migrations there are. The queue's tables have row security on, which
 * only their owner passes unasked, hence one policy per table.
 */
export const grantApplication: Statement = {
  text: `
    DO $$
    DECLARE
      queue_table regclass;
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bursar_app')
        OR current_user = 'bursar_app' THEN
        RETURN;
      END IF;
      GRANT USAGE ON SCHEMA bursar, graphile_worker TO bursar_app;
      GRANT SELECT ON bursar.migrations TO bursar_app;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO bursar_app;
      GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA graphile_worker TO bursar_app;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA graphile_worker TO bursar_app;
      REVOKE INSERT, UPDATE, DELETE ON graphile_worker.migrations FROM bursar_app;
      ALTER DEFAULT PRIVILEGES IN SCHEMA graphile_worker
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO bursar_app;
      ALTER DEFAULT PRIVILEGES IN SCHEMA graphile_worker
        GRANT USAGE, SELECT ON SEQUENCES TO bursar_app;
      FOR queue_table IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'graphile_worker'::regnamespace
          AND c.relrowsecurity
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_policy AS p
            WHERE p.polrelid = c.oid AND p.polname = 'bursar_app'
          )
      LOOP
        EXECUTE format(
          'CREATE POLICY bursar_app ON %s TO bursar_app USING (true) WITH CHECK (true)',
          queue_table
        );
      END LOOP;
    END
    $$`,
};

export interface JobRow {
  readonly task: string;
  readonly payload: string;
  readonly jobKey: string | null;
  readonly runAt: Date | null;
}

export const addJob = (job: JobRow): Statement => ({
  text: `SELECT FROM graphile_worker.add_job(
    identifier := $1::text, payload := $2::json, job_key := $3::text, run_at := $4::timestamptz)`,
  values: [job.task, job.payload, job.jobKey, job.runAt],
});
