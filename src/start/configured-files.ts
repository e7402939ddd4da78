import { bundledTiers } from '#rate-limits/bundled-tiers';
import { NO_TIER, type TierBook, tierOf } from '#rate-limits/tiers';
import { parseTiersFile } from '#rate-limits/tiers-file';
import type { EnvironmentReader } from '#src/start/environment';
import { parseUpstreams, type UpstreamEntry } from '#src/start/upstreams-file';

interface PlacedProblem {
  readonly place: string;
  readonly found: string;
  readonly expected: string;
}

/** What is wrong inside a file is one line each of the report, under the variable that names it. */
function tell(read: EnvironmentReader, variable: string, problems: readonly PlacedProblem[]): void {
  for (const { place, found, expected } of problems) {
    read.problems.push({ variable, found: `${found} (${place})`, expected });
  }
}

/** The upstreams of a file, which may change while this process runs; undefined without one. */
export function readUpstreams(
  read: EnvironmentReader,
): { readonly file: string; readonly entries: readonly UpstreamEntry[] } | undefined {
  const variable = 'BURSAR_UPSTREAMS_FILE';
  const file = read.text(variable);
  if (file === undefined) return undefined;
  if (read.text('BURSAR_UPSTREAM_URL') !== undefined) {
    read.problem(variable, file, 'no value, because BURSAR_UPSTREAM_URL is set too');
  }
  const parsed = parseUpstreams(file, (path) => read.content(path));
  if (parsed.outcome === 'valid') return { file, entries: parsed.entries };
  tell(read, variable, parsed.problems);
  return undefined;
}

const TIERS_FILE = 'BURSAR_TIERS_FILE';

/** The tiers there are, and which of them is for whoever has none of their own. */
export function readTiers(read: EnvironmentReader): {
  readonly tiersFile: string | undefined;
  readonly tiers: TierBook;
  readonly defaultTier: string;
} {
  const defaultTier = read.text('BURSAR_DEFAULT_TIER') ?? NO_TIER;
  const tiersFile = read.readableFile(TIERS_FILE);
  const tiers = tiersFile === undefined ? bundledTiers : tiersIn(read, tiersFile);
  if (tiers === undefined) return { tiersFile, tiers: bundledTiers, defaultTier };
  if (defaultTier !== NO_TIER && tierOf(tiers, defaultTier) === undefined) {
    const names = [NO_TIER, ...tiers.tiers.map(({ name }) => name)];
    read.problem('BURSAR_DEFAULT_TIER', defaultTier, `one of ${names.join(', ')}`);
  }
  return { tiersFile, tiers, defaultTier };
}

/** Undefined if the file is refused, as a whole and for a single wrong field. */
function tiersIn(read: EnvironmentReader, file: string): TierBook | undefined {
  const text = read.content(file);
  if (text === undefined) return undefined;
  const loaded = parseTiersFile(text);
  if (loaded.outcome === 'loaded') return loaded.book;
  tell(read, TIERS_FILE, loaded.problems);
  return undefined;
}
