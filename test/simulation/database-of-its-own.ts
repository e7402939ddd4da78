import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { systemEntropy } from '#src/system';
import { openSimulationDatabase, type SimulationDatabase } from './world.ts';

/** Whoever waits for itself gives no connection back: the server ends that. */
const CLOSE_MS = 5_000;

/**
 * Waits for work that may never end. The timer keeps the process alive: once nothing else does, Node
 * would end it in the middle, without what still had to be said.
 */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const later = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, later]).finally(() => clearTimeout(timer));
}

/** A server of its own that forgets when it crashes: what crashes here are connections and nodes. */
export async function withDatabase<T>(
  work: (database: SimulationDatabase) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-simulation-'));
  const server = await startEmbedded({ dataDir, entropy: systemEntropy, fsync: false });
  if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
  try {
    const migrated = await migrate(server.ownerUrl);
    if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
    const superUrl = new URL(server.adminUrl);
    superUrl.pathname = new URL(server.ownerUrl).pathname;
    const { url, ownerUrl } = server;
    const database = await openSimulationDatabase({ url, ownerUrl, superUrl: superUrl.href });
    try {
      return await work(database);
    } finally {
      await atMost(CLOSE_MS, database.close());
    }
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
