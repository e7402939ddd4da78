import { declareSimulated } from '#db/deployment';
import { lockDirectory } from '#db/embedded/lock';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate, pendingMigrations } from '#db/migrate';
import { openPool, type Pool } from '#db/pool';
import type { Entropy } from '#kernel/ids';
import type { Config } from '#src/config';
import { StartRefused } from '#src/start/refusal';

export interface Database {
  readonly url: string;
  readonly ownerUrl: string;
  readonly embedded: boolean;
  readonly adopted: boolean;
  stop(): Promise<void>;
}

/** The database this process works on, running; refused if another Bursar has the directory. */
export async function openDatabase(config: Config, entropy: Entropy): Promise<Database> {
  const { dataDir } = config;
  if (config.database !== undefined) {
    const release = config.role === 'all' ? lockOf(dataDir) : () => {};
    return {
      url: config.database.url.reveal(),
      ownerUrl: config.database.ownerUrl.reveal(),
      embedded: false,
      adopted: false,
      stop: async () => release(),
    };
  }
  const started = await startEmbedded({ dataDir, entropy });
  switch (started.outcome) {
    case 'running':
      return { ...started, embedded: true };
    case 'in_use':
      throw inUse(dataDir, started.pid);
    case 'unsupported':
      throw new StartRefused(
        `There is no DATABASE_URL, and the embedded database cannot run here: ${started.reason}.`,
      );
  }
}

function lockOf(dataDir: string): () => void {
  const lock = lockDirectory(dataDir);
  if (lock.outcome === 'in_use') throw inUse(dataDir, lock.pid);
  return lock.release;
}

const inUse = (dataDir: string, pid: number): StartRefused =>
  new StartRefused(
    `The data directory ${dataDir} is in use by a running Bursar (process ${pid}). ` +
      'Stop it first, or set BURSAR_DATA_DIR to another directory.',
  );

/** A process that runs everything migrates; one that joins with less rights only checks. */
export async function prepareSchema(config: Config, database: Database): Promise<void> {
  const owner = config.database?.ownerUrl.reveal() !== config.database?.url.reveal();
  if (config.role === 'all' || owner) {
    const result = await migrate(database.ownerUrl);
    if (result.outcome === 'refused') throw new StartRefused(result.message);
    return;
  }
  const pool = openPool({ url: database.url, name: 'check', max: 1 });
  try {
    const pending = await pendingMigrations(pool);
    if (pending.length === 0) return;
    throw new StartRefused(
      `The database lacks ${pending.join(', ')}. Run "bursar migrate" with DATABASE_OWNER_URL.`,
    );
  } finally {
    await pool.close();
  }
}

/** Only a whole system says whether its money is simulated; those who join accept what it said. */
export async function declareMoney(config: Config, pool: Pool, simulated: boolean): Promise<void> {
  if (config.role !== 'all') return;
  const declared = await declareSimulated(pool, simulated);
  if (declared.outcome === 'clock_was_moved') {
    throw new StartRefused(
      'The clock of this database was moved with the simulators, so it cannot take real money. ' +
        'Start with an empty database.',
    );
  }
}
