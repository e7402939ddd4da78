import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setSpendLimit } from '#charging/limits';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { openPool, type Pool } from '#db/pool';
import { nanos } from '#kernel/money';
import { systemEntropy } from '#src/system';
import {
  type chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  usd,
} from '#test/ledger-world';

/** A PostgreSQL of the bench's own, fsync on, that stops and vanishes with it. */
export async function withServer<T>(
  work: (server: { url: string; ownerUrl: string; adminUrl: string }) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-bench-'));
  const server = await startEmbedded({ dataDir, entropy: systemEntropy });
  if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
  try {
    const migrated = await migrate(server.ownerUrl);
    if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
    return await work(server);
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/**
 * A server makes the files of its log once and uses them again. A new one would be measured making
 * them: 50 ms for every 16 MB, in which nothing is committed. So they are made before.
 */
export async function makeLogFiles(adminUrl: string): Promise<void> {
  const admin = openPool({ url: adminUrl, name: 'bench', max: 1, statementTimeoutMs: 60_000 });
  await admin.query({ text: `ALTER SYSTEM SET min_wal_size = '1GB'` });
  await admin.query({ text: 'SELECT pg_reload_conf()' });
  const fill = `SELECT pg_logical_emit_message(false, 'bench', repeat('x', 8 << 20))`;
  for (let written = 0; written < 100; written++) await admin.query({ text: fill });
  await admin.query({ text: 'CHECKPOINT' });
  await admin.close();
}

/** A second migrated database on the same server. */
export async function secondDatabase(
  server: { url: string; ownerUrl: string; adminUrl: string },
  name: string,
): Promise<{ url: string; ownerUrl: string }> {
  const admin = openPool({ url: server.adminUrl, name: 'bench', max: 1 });
  await admin.query({ text: `CREATE DATABASE ${name} OWNER bursar_owner` });
  await admin.close();
  const on = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const second = { url: on(server.url), ownerUrl: on(server.ownerUrl) };
  const migrated = await migrate(second.ownerUrl);
  if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
  return second;
}

/** What a real organization has: several grants, and a limit on each of the three levels. */
export async function fullPayer(pool: Pool, grants: number): Promise<Payer> {
  const payer = await makePayer(pool);
  for (let made = 0; made < grants; made++) await give(pool, payer, usd('100000'));
  const { organizationId } = payer;
  for (const [level, subjectId] of [
    ['organization', organizationId],
    ['workspace', payer.workspaceId],
    ['api_key', payer.apiKeyId],
  ] as const) {
    await setSpendLimit(pool, {
      organizationId,
      level,
      subjectId,
      amount: usd('1000000'),
      action: 'notify_and_pause',
      setBy: 'bench',
    });
  }
  return payer;
}

export async function inParallel<T>(
  count: number,
  atOnce: number,
  make: () => Promise<T>,
): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    made.push(...(await Promise.all(Array.from({ length: atOnce }, make))));
  }
  return made.slice(0, count);
}

type Node = ReturnType<typeof chargingOn>;
const HOLD = nanos(1_000_000n);
const COST = nanos(600_000n);

/** Hold and settle one request; answers how long the hold took, in ms. */
export async function pairThrough({ charging, failures }: Node, payer: Payer): Promise<number> {
  const began = performance.now();
  const held = await hold(charging, payer, HOLD);
  if (held.outcome !== 'held') throw new Error(`hold: ${held.outcome} ${failures.join()}`);
  const waited = performance.now() - began;
  const settled = await settle(charging, payer, held.id, COST);
  if (settled.outcome !== 'settled') throw new Error(`settle: ${settled.outcome}`);
  return waited;
}

export async function walPosition(pool: Pool): Promise<bigint> {
  const [row] = await pool.query<{ bytes: bigint }>({
    text: `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS bytes`,
  });
  return row?.bytes ?? 0n;
}

export function raise(message: string): never {
  throw new Error(message);
}
