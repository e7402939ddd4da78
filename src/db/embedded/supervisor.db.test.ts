import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startOf } from '#db/embedded/alive';
import { type EmbeddedDatabase, startEmbedded } from '#db/embedded/supervisor';
import { openPool } from '#db/pool';
import { systemEntropy } from '#src/system';

let dataDir: string;
let stopLater: EmbeddedDatabase[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'bursar-embedded-'));
  stopLater = [];
});
afterEach(async () => {
  for (const server of stopLater) await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const attempt = () => startEmbedded({ dataDir, entropy: systemEntropy, fsync: false });

async function start(): Promise<EmbeddedDatabase> {
  const result = await attempt();
  if (result.outcome !== 'running') throw new Error(result.outcome);
  stopLater.push(result);
  return result;
}

async function ask(url: string, text: string): Promise<unknown[]> {
  const pool = openPool({ url, name: 'test', max: 1 });
  try {
    return await pool.query({ text });
  } finally {
    await pool.close();
  }
}

test('what was written is there after a stop and a start, and stop leaves no process', async () => {
  const first = await start();
  await ask(first.ownerUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.stop();
  expect(startOf(first.pid)).toBeUndefined();
  const second = await start();
  expect(await ask(second.ownerUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
});

test('a data directory in use is refused, and free again after the stop', async () => {
  const server = await start();
  expect(await attempt()).toEqual({ outcome: 'in_use', pid: process.pid });
  await server.stop();
  expect((await start()).adopted).toBe(false);
});

test('a server that outlived its Bursar is adopted with its data', async () => {
  const orphan = await start();
  await ask(orphan.ownerUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
  // As after SIGKILL: the server runs, the lock is there, its holder is not.
  rmSync(join(dataDir, 'bursar.lock'));
  const again = await start();
  expect(again).toMatchObject({ adopted: true, pid: orphan.pid });
  expect(await ask(again.ownerUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
});

test('the application role is no superuser, owns nothing and needs its password', async () => {
  const server = await start();
  const rights =
    'SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user';
  expect(await ask(server.url, rights)).toEqual([
    { rolsuper: false, rolcreaterole: false, rolcreatedb: false },
  ]);
  const wrong = new URL(server.url);
  wrong.password = 'guessed';
  await expect(ask(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
});

test('secrets in the data directory are for its owner only', async () => {
  await start();
  for (const name of readdirSync(dataDir)) {
    expect([name, statSync(join(dataDir, name)).mode & 0o077 & ~0o011]).toEqual([name, 0]);
  }
});
