import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Logger, runMigrations } from 'graphile-worker';
import { type Db, openPool } from '#db/pool';
import * as sql from '#db/sql';
import { Fault } from '#kernel/assert';

export type MigrateOutcome =
  | { readonly outcome: 'migrated'; readonly applied: readonly string[] }
  | { readonly outcome: 'refused'; readonly message: string };

interface MigrationFile {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/;
const BUNDLED = fileURLToPath(new URL('../../migrations', import.meta.url));
const STATEMENT_LIMIT_MS = 600_000;

/**
 * Brings the database up to this program's schema, as the owner role. All pending files are one
 * transaction: either all of them are there afterwards, or none. Refused when a file that was
 * applied is not the same any more, or when the database is ahead of this program.
 */
export async function migrate(
  ownerUrl: string,
  directory: string = BUNDLED,
): Promise<MigrateOutcome> {
  const pool = openPool({
    url: ownerUrl,
    name: 'migrate',
    max: 1,
    statementTimeoutMs: STATEMENT_LIMIT_MS,
  });
  try {
    const files = readMigrationFiles(directory);
    const result = await pool.transaction((tx) => applyPending(tx, files));
    if (result.outcome === 'refused') return result;
    await runMigrations({ connectionString: ownerUrl, logger: SILENT });
    await pool.transaction(async (tx) => {
      await tx.query(sql.lockMigrations);
      await tx.query(sql.grantApplication);
    });
    return result;
  } finally {
    await pool.close();
  }
}

/** Files this program brings that the database lacks; empty when it is up to date. */
export async function pendingMigrations(
  db: Db,
  directory: string = BUNDLED,
): Promise<readonly string[]> {
  const files = readMigrationFiles(directory).map(({ name }) => name);
  const table = await db.query(sql.readMigrationsTable);
  if (table.length === 0) return files;
  const rows = await db.query<sql.AppliedMigration>(sql.readMigrations);
  const applied = new Set(rows.map(({ name }) => name));
  return files.filter((name) => !applied.has(name));
}

/** The queue would write its migrations to the terminal, in the middle of ours. */
const SILENT = new Logger(() => () => {});

async function applyPending(tx: Db, files: readonly MigrationFile[]): Promise<MigrateOutcome> {
  await tx.query(sql.lockMigrations);
  await tx.query(sql.createMigrationsTable);
  const applied = await tx.query<sql.AppliedMigration>(sql.readMigrations);
  const problem = difference(files, applied);
  if (problem !== undefined) return { outcome: 'refused', message: problem };
  const done = new Set(applied.map(({ name }) => name));
  const pending = files.filter(({ name }) => !done.has(name));
  for (const file of pending) {
    try {
      await tx.query({ text: file.text });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Fault(`migration ${file.name} failed: ${reason}`, undefined, error);
    }
    await tx.query(sql.resetSettings);
    await tx.query(sql.recordMigration(file));
  }
  return { outcome: 'migrated', applied: pending.map(({ name }) => name) };
}

function difference(
  files: readonly MigrationFile[],
  applied: readonly sql.AppliedMigration[],
): string | undefined {
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const { name, sha256 } of applied) {
    const file = byName.get(name);
    if (file === undefined) {
      return `The database has migration ${name}, which this version of Bursar does not know. Start the newer version.`;
    }
    if (file.sha256 !== sha256) {
      return `Migration ${name} was changed after it had been applied. Restore the file and put the change into a new migration.`;
    }
  }
  return undefined;
}

function readMigrationFiles(directory: string): MigrationFile[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name) => {
    if (!FILE_NAME.test(name)) throw new Fault(`${name} is not a migration name: 0001-words.sql`);
    const text = readFileSync(join(directory, name), 'utf8');
    return { name, text, sha256: createHash('sha256').update(text).digest('hex') };
  });
}
