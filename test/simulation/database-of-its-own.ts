import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { systemEntropy } from '#src/system';
import { openSimulationDatabase, type SimulationDatabase } from './world.ts';

/** Whoever waits for itself gives no connection back: the server ends that. */
const CLOSE_MS = 5_000;

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

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
      await Promise.race([database.close(), later(CLOSE_MS)]);
    }
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
