import { readFileSync } from 'node:fs';
import { bundledTiers } from '#rate-limits/bundled-tiers';
import { NO_TIER, type TierBook, tierOf } from '#rate-limits/tiers';
import { parseTiersFile } from '#rate-limits/tiers-file';
import type { Config } from '#src/config';
import { EXIT_CONFIG, StartRefused } from '#src/start/refusal';

/** The tiers of this deployment. A file with a single wrong field is refused as a whole. */
export function tierBook(config: Pick<Config, 'tiersFile' | 'defaultTier'>): TierBook {
  const book = config.tiersFile === undefined ? bundledTiers : fromFile(config.tiersFile);
  const { defaultTier } = config;
  if (defaultTier === NO_TIER || tierOf(book, defaultTier) !== undefined) return book;
  const names = [NO_TIER, ...book.tiers.map(({ name }) => name)].join(', ');
  throw new StartRefused(
    `BURSAR_DEFAULT_TIER: found "${defaultTier}", expected one of ${names}.`,
    EXIT_CONFIG,
  );
}

function fromFile(path: string): TierBook {
  const loaded = parseTiersFile(readTiersFile(path));
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new StartRefused(
    `The tiers in ${path} are refused:\n  ${loaded.problems.join('\n  ')}`,
    EXIT_CONFIG,
  );
}

function readTiersFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartRefused(`BURSAR_TIERS_FILE: ${path} cannot be read: ${reason}`, EXIT_CONFIG);
  }
}
