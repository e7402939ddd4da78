import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from '#db/embedded/account';
import { findBinaries } from '#db/embedded/binaries';
import { runningPostmaster, stopPostmaster } from '#db/embedded/postmaster';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { openPool } from '#db/pool';
import { systemEntropy } from '#src/system';
import { familyOf, runs } from '../e2e/processes.ts';

/** A PostgreSQL that is killed and started again where it was: same files, same port. */
export interface Victim {
  readonly url: string;
  readonly ownerUrl: string;
  readonly adminUrl: string;
  /**
   * kill -9 of the postmaster and of every process it started, after they have stood still for
   * `frozenMs`: a store that first says nothing and then is gone. Returns when all are gone.
   */
  kill(frozenMs: number): Promise<void>;
  /** Starts the binary on the files as they are; returns when it accepts connections. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const START_MS = 60_000;

/**
 * Made and migrated by the supervisor of the product, then run by this file: the supervisor takes
 * a new port at every start, and survivors must find the server where it was. fsync and
 * synchronous_commit are at their defaults, on, unless `settings` say otherwise.
 */
export async function makePostgres(dataDir: string, settings: readonly string[]): Promise<Victim> {
  const made = await startEmbedded({ dataDir, entropy: systemEntropy });
  if (made.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(made)}`);
  try {
    const migrated = await migrate(made.ownerUrl);
    if (migrated.outcome !== 'migrated') throw new Error(migrated.message);
  } finally {
    await made.stop();
  }
  const { port } = new URL(made.url);
  const server = serverOn(dataDir, port, settings, made.adminUrl);
  await server.start();
  return { url: made.url, ownerUrl: made.ownerUrl, adminUrl: made.adminUrl, ...server };
}

function serverOn(dataDir: string, port: string, settings: readonly string[], adminUrl: string) {
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawnServer(dataDir, port, settings);
    const until = performance.now() + START_MS;
    while (!(await accepts(adminUrl))) {
      if (performance.now() > until || child.exitCode !== null) {
        throw new Error(`PostgreSQL did not start again:\n${lastLines(dataDir)}`);
      }
      await sleep(10);
    }
  }

  async function kill(frozenMs: number): Promise<void> {
    const pid = child?.pid;
    if (pid === undefined) return;
    // Stopped first, so that it starts nothing and tidies nothing while we look for its children.
    process.kill(pid, 'SIGSTOP');
    const family = familyOf(pid);
    if (frozenMs > 0) {
      for (const member of family) signal(member, 'SIGSTOP');
      await sleep(frozenMs);
    }
    for (const member of family) signal(member, 'SIGKILL');
    while (family.some(runs)) await sleep(2);
  }

  return {
    start,
    kill,
    async stop() {
      if (child?.pid === undefined || child.exitCode !== null) return;
      await stopPostmaster({ pid: child.pid, port: Number(port), adopted: false });
    },
  };
}

/** A run that was killed itself leaves its server behind; nobody else works on these files. */
export async function stopAbandoned(dataDir: string): Promise<void> {
  const data = join(dataDir, 'postgres', 'data');
  const server = existsSync(data) ? runningPostmaster(data) : undefined;
  if (server !== undefined) await stopPostmaster(server);
}

function spawnServer(dataDir: string, port: string, settings: readonly string[]): ChildProcess {
  const account = serverAccount();
  const binaries = findBinaries(account);
  if (binaries.outcome !== 'found') throw new Error(binaries.reason);
  const all = [
    ...['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='],
    ...['max_connections=50', ...settings],
  ];
  const log = openSync(join(dataDir, 'postgres.log'), 'a', 0o600);
  try {
    return spawn(
      join(binaries.native, 'bin', 'postgres'),
      ['-D', join(dataDir, 'postgres', 'data'), ...all.flatMap((setting) => ['-c', setting])],
      {
        ...(account ?? {}),
        cwd: '/',
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        stdio: ['ignore', log, log],
        // Its own session: Ctrl-C must reach the driver, which ends it in order.
        detached: true,
      },
    );
  } finally {
    closeSync(log);
  }
}

async function accepts(url: string): Promise<boolean> {
  const pool = openPool({ url, name: 'chaos probe', max: 1, connectTimeoutMs: 1_000 });
  try {
    await pool.query({ text: 'SELECT 1' });
    return true;
  } catch {
    return false;
  } finally {
    await pool.close();
  }
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone by itself in the meantime.
  }
}

const lastLines = (dataDir: string): string =>
  readFileSync(join(dataDir, 'postgres.log'), 'utf8').split('\n').slice(-12).join('\n');
