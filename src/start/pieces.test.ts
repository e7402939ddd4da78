import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '#src/config';
import { Closers } from '#src/start/closers';
import { startOps } from '#src/start/ops';
import { choosePorts } from '#src/start/ports';
import { readRunFile, removeRunFile, writeRunFile } from '#src/start/run-file';
import { pagesAreStale } from '#src/start/web-build';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bursar-start-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function configOf(environment: Record<string, string>) {
  const parsed = parseConfig(environment);
  if (parsed.outcome === 'invalid') throw new Error('invalid test configuration');
  return parsed.config;
}

test('what was started is stopped in reverse order, even past a failure', async () => {
  const seen: string[] = [];
  const closers = new Closers((name) => seen.push(`${name} failed`));
  closers.add('database', async () => void seen.push('database'));
  closers.add('pool', async () => Promise.reject(new Error('stuck')));
  closers.add('gateway', async () => void seen.push('gateway'));
  await closers.closeAll();
  await closers.closeAll();
  expect(seen).toEqual(['gateway', 'pool failed', 'database']);
});

test('free ports differ, and a taken one is told by its variable', async () => {
  const zero = configOf({ BURSAR_CONSOLE_PORT: '0', BURSAR_GATEWAY_PORT: '0' });
  const chosen = await choosePorts(zero, ['console', 'gateway']);
  expect(chosen.console).toBeGreaterThan(0);
  expect(chosen.gateway).not.toBe(chosen.console);
  // Outgoing connections take theirs from above.
  expect(chosen.gateway).toBeLessThan(32_768);

  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const taken = configOf({ BURSAR_OPS_PORT: String(port) });
  await expect(choosePorts(taken, ['ops'])).rejects.toThrow(
    `Port ${port} is taken. Set BURSAR_OPS_PORT`,
  );
  await new Promise<void>((resolve) => holder.close(() => resolve()));
});

test('a run file is for its owner, and counts only while its process runs', () => {
  const path = join(folder, 'deep', 'run.json');
  const content = { pid: process.pid, role: 'all', database_url: 'postgres://h/d' };
  writeRunFile(path, content);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readRunFile(path)).toEqual(content);
  writeRunFile(path, { ...content, pid: 4_000_000 });
  expect(readRunFile(path)).toBeUndefined();
  removeRunFile(path);
  expect(statSync(path).isFile()).toBe(true);
  writeRunFile(path, content);
  removeRunFile(path);
  expect(() => statSync(path)).toThrow();
});

test('pages are built again when any of their sources is newer', () => {
  const write = (path: string, seconds: number): void => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    utimesSync(file, seconds, seconds);
  };
  expect(pagesAreStale(folder)).toBe(true);
  write('dist/web/index.html', 2_000);
  write('web/src/app/main.tsx', 1_000);
  write('src/kernel/money.ts', 1_000);
  expect(pagesAreStale(folder)).toBe(false);
  write('src/kernel/money.ts', 3_000);
  expect(pagesAreStale(folder)).toBe(true);
});

test('the ops port tells alive from ready, and answers nothing else', async () => {
  let ready = false;
  const { ops: port } = await choosePorts(configOf({ BURSAR_OPS_PORT: '0' }), ['ops']);
  const about = { host: '127.0.0.1', port, version: '1.2.3', role: 'worker' };
  const ops = await startOps({ ...about, ready: async () => ready });
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/readyz')).status).toBe(503);
  ready = true;
  expect((await ask('/readyz')).status).toBe(200);
  expect(await (await ask('/version')).json()).toMatchObject({ version: '1.2.3', role: 'worker' });
  expect(await (await ask('/metrics')).text()).toContain('bursar_ready 1');
  expect((await ask('/debug')).status).toBe(404);
  await ops.close();
  await expect(ask('/healthz')).rejects.toThrow();
});
