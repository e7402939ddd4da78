import { type Addresses, readAddresses } from '#db/addresses';
import { openPool } from '#db/pool';
import { type Config, runFileOf } from '#src/config';
import { readRunFile } from '#src/start/run-file';

/**
 * Where the servers of the system are that this process joins. The database tells it of the very
 * system; a run file beside it may be that of another one, and only fills what the database does not
 * know. Its schema has to be there.
 */
export async function joinedAddresses(config: Config, databaseUrl: string): Promise<Addresses> {
  const { console, stripe_sim, model_sim } = readRunFile(runFileOf(config)) ?? {};
  const beside = {
    ...(console === undefined ? {} : { console }),
    ...(stripe_sim === undefined ? {} : { stripe_sim }),
    ...(model_sim === undefined ? {} : { model_sim }),
  };
  const pool = openPool({ url: databaseUrl, name: 'join', max: 1 });
  try {
    return { ...beside, ...(await readAddresses(pool)) };
  } finally {
    await pool.close();
  }
}
