import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chaos, openChaos, type Victim } from './chaos.ts';
import { makeFolder, removeFolder } from './folder.ts';

// About 15 s on a quiet machine. A server of its own, fsync on: the one all other tests share must live.
let dir: string;
let chaos: Chaos | undefined;

beforeAll(async () => {
  dir = makeFolder();
  chaos = await openChaos(dir);
});
afterAll(async () => {
  await chaos?.close();
  removeFolder(dir);
});

test.each<{ readonly victim: Victim; readonly fault: string }>([
  { victim: 'node', fault: 'F6, F7: kill -9 of a node' },
  { victim: 'all nodes', fault: 'F26: kill -9 of all nodes' },
  { victim: 'postgres', fault: 'F22: kill -9 of PostgreSQL' },
])('$fault under load loses nothing and does nothing twice', async ({ victim }) => {
  const round = await chaos?.round(victim, 1);
  expect(round?.violations).toEqual([]);
  expect(round?.acknowledged).toBeGreaterThan(0);
});
