import { join } from 'node:path';
import { readPrices } from '#catalog/live';
import type { SystemOutcome } from '#cli/answer';
import { readTextFields } from '#db/embedded/json-file';
import { openPool } from '#db/pool';
import { createIdentity } from '#identity/sign-in';
import type { Entropy } from '#kernel/ids';
import { type Config, runFileOf } from '#src/config';
import { ensureDataDir, keyPepper } from '#src/start/data-dir';
import { mailerOf } from '#src/start/mailer';
import { urlOf } from '#src/start/ports';
import { priceBook } from '#src/start/price-book';
import { readRunFile } from '#src/start/run-file';
import { systemClock } from '#src/system';

/** Where a command line finds the database: told, or from the system that runs here. */
export function databaseUrlOf(config: Config): string | undefined {
  return config.database?.url.reveal() ?? readRunFile(runFileOf(config))?.database_url;
}

/** The owner's URL; of the embedded database from the passwords beside it. */
export function ownerUrlOf(config: Config): string | undefined {
  if (config.database !== undefined) return config.database.ownerUrl.reveal();
  const url = readRunFile(runFileOf(config))?.database_url;
  const passwords = join(config.dataDir, 'postgres-passwords.json');
  const owner = readTextFields(passwords, ['owner'])?.owner;
  if (url === undefined || owner === undefined) return undefined;
  const changed = new URL(url);
  changed.username = 'bursar_owner';
  changed.password = owner;
  return changed.href;
}

/** The running system for one verb of the command line. */
export async function openSystem(config: Config, entropy: Entropy): Promise<SystemOutcome> {
  const databaseUrl = databaseUrlOf(config);
  if (databaseUrl === undefined) {
    return {
      outcome: 'failed',
      code: 'not_running',
      message: `No Bursar runs on ${config.dataDir}. Start it with "npm start", or set DATABASE_URL.`,
    };
  }
  const run = readRunFile(runFileOf(config));
  const pool = openPool({ url: databaseUrl, name: 'cli', max: 2 });
  ensureDataDir(config.dataDir);
  const pepper = keyPepper(config, entropy);
  const consoleUrl =
    config.publicConsoleUrl ?? run?.console ?? urlOf(config.host, config.ports.console);
  const mailer = mailerOf(config, entropy, () => {});
  const brand = config.brand ?? 'Bursar';
  const identity = createIdentity({ pool, entropy, pepper, mailer, consoleUrl, brand });
  const book = priceBook(config);
  const system = {
    ...{ pool, book, databaseUrl, entropy, pepper, identity, close: pool.close },
    ...{ tiers: config.tiers, defaultTier: config.defaultTier },
    payments: async () => {
      // The processor's library is loaded only by the verbs that ask it.
      const [{ paymentsOf }, { stripeAccessOf }] = await Promise.all([
        import('#src/start/payments'),
        import('#src/start/supplies'),
      ]);
      const stripe = stripeAccessOf(config, run?.stripe_sim);
      return paymentsOf({ config, pool, clock: systemClock, entropy, pepper, consoleUrl, stripe });
    },
    // A look changes nothing: what this command line was configured with is only for who has none.
    latestPrices: () => readPrices(pool, book),
  };
  return { outcome: 'found', system };
}
