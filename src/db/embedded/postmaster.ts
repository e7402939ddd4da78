import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '#db/embedded/account';
import { programOf, startOf } from '#db/embedded/alive';
import { Fault } from '#kernel/assert';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly adopted: boolean;
}

export interface Cluster {
  readonly native: string;
  /** Where the database files are. */
  readonly data: string;
  readonly log: string;
  readonly account: Account | undefined;
  /** Off only for throw-away databases: a power cut then loses everything. */
  readonly fsync: boolean;
}

const START_TRIES = 3;
const READY_MS = 30_000;
const STOP_STEPS = [
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;

/** A server that outlived its Bursar and still works on these files. */
export function runningPostmaster(data: string): Postmaster | undefined {
  const lines = pidFile(data);
  const pid = Number.parseInt(lines?.[0] ?? '', 10);
  const port = Number.parseInt(lines?.[3] ?? '', 10);
  if (!(pid > 0) || !(port > 0) || startOf(pid) === undefined) return undefined;
  // The id may have gone to another program since; PostgreSQL itself clears a stale file.
  if (programOf(pid)?.endsWith('postgres') !== true) return undefined;
  return { pid, port, adopted: true };
}

const pidFile = (data: string): string[] | undefined => {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
};

/** Starts the server on a free loopback port and waits until it accepts connections. */
export async function startPostmaster(cluster: Cluster): Promise<Postmaster> {
  for (let attempt = 1; attempt <= START_TRIES; attempt++) {
    const port = await freePort();
    const child = spawnServer(cluster, port);
    if (await becameReady(cluster.data, child)) {
      // The server may outlive this process, and must not keep it from ending.
      child.unref();
      return { pid: child.pid ?? 0, port, adopted: false };
    }
  }
  throw new Fault(`PostgreSQL did not start; its own account is in ${cluster.log}`);
}

function spawnServer(cluster: Cluster, port: number): ChildProcess {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'max_connections=200',
    // Kept for use again after a quiet time: making a file of the log stops every commit for 50 ms.
    'min_wal_size=256MB',
    ...(cluster.fsync ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
  ];
  const log = openSync(cluster.log, 'a', 0o600);
  try {
    return spawn(
      join(cluster.native, 'bin', 'postgres'),
      ['-D', cluster.data, ...settings.flatMap((setting) => ['-c', setting])],
      {
        ...(cluster.account ?? {}),
        cwd: '/',
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        stdio: ['ignore', log, log],
        // Its own session: Ctrl-C in the terminal must reach Bursar, which drains first.
        detached: true,
      },
    );
  } finally {
    closeSync(log);
  }
}

async function becameReady(data: string, child: ChildProcess): Promise<boolean> {
  let gone = false;
  child.once('exit', () => {
    gone = true;
  });
  child.once('error', () => {
    gone = true;
  });
  for (let waited = 0; waited < READY_MS && !gone; waited += 20) {
    const lines = pidFile(data);
    if (lines?.[0] === String(child.pid) && lines[7]?.trim() === 'ready') return true;
    await sleep(20);
  }
  if (!gone) child.kill('SIGKILL');
  return false;
}

/** Fast shutdown first; harsher signals only if it does not end. Returns when it is gone. */
export async function stopPostmaster(server: Postmaster): Promise<void> {
  const started = startOf(server.pid);
  for (const { signal, waitMs } of STOP_STEPS) {
    if (started === undefined || startOf(server.pid) !== started) return;
    try {
      process.kill(server.pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < waitMs && startOf(server.pid) === started; waited += 20) {
      await sleep(20);
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Fault('no free port'));
        else resolve(address.port);
      });
    });
  });
