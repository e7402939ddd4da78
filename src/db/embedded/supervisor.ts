import { mkdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from '#db/embedded/account';
import { findBinaries } from '#db/embedded/binaries';
import { ensureCluster, type Passwords, readPasswords, serverFolder } from '#db/embedded/files';
import { lockDirectory } from '#db/embedded/lock';
import {
  type Cluster,
  type Postmaster,
  runningPostmaster,
  startPostmaster,
  stopPostmaster,
} from '#db/embedded/postmaster';
import * as sql from '#db/embedded/sql';
import { openPool } from '#db/pool';
import type { Entropy } from '#kernel/ids';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly entropy: Entropy;
  /** Default true. False is for throw-away test databases only. */
  readonly fsync?: boolean;
}

export interface EmbeddedDatabase {
  readonly outcome: 'running';
  /** The application role on database `bursar`. */
  readonly url: string;
  /** The role that owns the schema: migrations only. */
  readonly ownerUrl: string;
  /** The superuser, on database `postgres`: for whoever makes and drops databases (tests). */
  readonly adminUrl: string;
  /** True if the server had outlived an earlier Bursar. */
  readonly adopted: boolean;
  readonly pid: number;
  stop(): Promise<void>;
}

export type EmbeddedStart =
  | EmbeddedDatabase
  | { readonly outcome: 'in_use'; readonly pid: number }
  | { readonly outcome: 'unsupported'; readonly reason: string };

/**
 * A PostgreSQL of our own in the data directory: made on first use, started on a free loopback
 * port, stopped by `stop()`. A server left behind by a killed Bursar is adopted with all its data.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedStart> {
  const account = serverAccount();
  const wanted = resolve(options.dataDir);
  // Others may pass through (PostgreSQL's account must), but not list what is inside.
  mkdirSync(wanted, { recursive: true, mode: account === undefined ? 0o700 : 0o711 });
  const dataDir = realpathSync(wanted);
  const binaries = findBinaries(account);
  if (binaries.outcome === 'unsupported') return binaries;
  const lock = lockDirectory(dataDir);
  if (lock.outcome === 'in_use') return lock;
  let server: Postmaster | undefined;
  try {
    const fsync = options.fsync ?? true;
    const passwords = readPasswords(dataDir, options.entropy);
    const folder = realpathSync(serverFolder(dataDir, account));
    const { native } = binaries;
    const password = passwords.superuser;
    const data = await ensureCluster({ native, folder, account, password, fsync });
    const cluster: Cluster = { native, data, log: join(dataDir, 'postgres.log'), account, fsync };
    const running = await adopted(data, passwords);
    server = running ?? (await startPostmaster(cluster));
    await ensureRoles(urlOf('postgres', passwords.superuser, server, 'postgres'), passwords);
    return describe(server, passwords, lock.release);
  } catch (error) {
    if (server !== undefined) await stopPostmaster(server);
    lock.release();
    throw error;
  }
}

function describe(server: Postmaster, passwords: Passwords, release: () => void): EmbeddedDatabase {
  let stopping: Promise<void> | undefined;
  return {
    outcome: 'running',
    url: urlOf(sql.APP_ROLE, passwords.app, server, sql.DATABASE),
    ownerUrl: urlOf(sql.OWNER_ROLE, passwords.owner, server, sql.DATABASE),
    adminUrl: urlOf('postgres', passwords.superuser, server, 'postgres'),
    adopted: server.adopted,
    pid: server.pid,
    stop() {
      stopping ??= stopPostmaster(server).then(release);
      return stopping;
    },
  };
}

const urlOf = (role: string, password: string, server: { port: number }, database: string) =>
  `postgres://${role}:${password}@127.0.0.1:${server.port}/${database}`;

/** An orphan is kept if it lets us in; one that is shutting down or wedged is replaced. */
async function adopted(data: string, passwords: Passwords): Promise<Postmaster | undefined> {
  const server = runningPostmaster(data);
  if (server === undefined) return undefined;
  const url = urlOf('postgres', passwords.superuser, server, 'postgres');
  const pool = openPool({ url, name: 'adoption', max: 1, connectTimeoutMs: 2_000 });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        await pool.query(sql.ping);
        return server;
      } catch {
        await sleep(200);
      }
    }
  } finally {
    await pool.close();
  }
  await stopPostmaster(server);
  return undefined;
}

async function ensureRoles(adminUrl: string, passwords: Passwords): Promise<void> {
  const pool = openPool({ url: adminUrl, name: 'setup', max: 1 });
  try {
    const wanted = [
      [sql.OWNER_ROLE, passwords.owner],
      [sql.APP_ROLE, passwords.app],
    ] as const;
    for (const [role, password] of wanted) {
      const found = await pool.query(sql.readRole(role));
      if (found.length === 0) await pool.query(sql.createRole(role, password));
    }
    const found = await pool.query(sql.readDatabase(sql.DATABASE));
    if (found.length > 0) return;
    await pool.query(sql.createDatabase);
    await pool.query(sql.closeDatabase);
    await pool.query(sql.openDatabase);
  } finally {
    await pool.close();
  }
}
