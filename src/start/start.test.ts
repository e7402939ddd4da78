import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startOf } from '#db/embedded/alive';
import { cleanEnvironment, newDataDir, root, startProduct } from '#test/product';

test('a wrong configuration is reported whole, exits with 78 and starts nothing', () => {
  const environment = { BURSAR_ROLE: 'boss', BURSAR_OPS_PORT: 'x', STRIPE_SECRET_KEY: 'hunter2' };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bin', 'bursar.mjs'), 'start'],
    { env: cleanEnvironment(environment), encoding: 'utf8', timeout: 60_000 },
  );
  expect([status, stdout]).toEqual([78, '']);
  for (const name of Object.keys(environment)) expect(stderr).toContain(name);
  expect(stderr).not.toContain('hunter2');
});

test('after SIGKILL the next start adopts the database and has every dollar', async () => {
  const dataDir = newDataDir();
  const balance = z.object({ available_usd: z.string() });
  try {
    const first = await startProduct({ dataDir });
    const { id } = await first.cli(z.object({ id: z.string() }), 'org', 'create', 'Kept');
    await first.cli(z.unknown(), 'grant', '--org', id, '--usd', '5');
    process.kill(first.run.pid, 'SIGKILL');
    await expect.poll(() => startOf(first.run.pid)).toBeUndefined();

    // What it left lies about a process that is gone; the harness would take its word.
    rmSync(first.runFile);
    const second = await startProduct({ dataDir });
    try {
      expect(second.output()).toContain('Adopted the database server');
      expect(new URL(second.run.database_url).port).toBe(new URL(first.run.database_url).port);
      expect(await second.cli(balance, 'balance', '--org', id)).toEqual(
        expect.objectContaining({ available_usd: '5' }),
      );
      // The simulators of a killed Bursar end by themselves, or their ports would stay taken.
      await expect(fetch(first.run.stripe_sim)).rejects.toThrow();
      await expect(fetch(first.run.model_sim)).rejects.toThrow();
    } finally {
      expect(await second.halt()).toBe(0);
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
