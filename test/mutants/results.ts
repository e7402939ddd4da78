import type { PlantedBug } from './planted-bug.ts';
import type { Verdict } from './trial.ts';

/** One row of the table that is kept. */
export interface Result {
  readonly id: string;
  readonly bug: string;
  readonly file: string;
  readonly caughtBy: string;
  readonly seconds: string;
}

const SURVIVED = 'SURVIVED';
const UNFIT = 'UNFIT: ';
const NOT_TRIED = 'not tried yet';
const SIMULATION = /^simulation, seed (\d+) of \d+$/;

export function caughtBy(verdict: Verdict, seeds: number): string {
  if (verdict.verdict === 'unfit') return `${UNFIT}${verdict.why}`;
  if (verdict.verdict === 'survived') return SURVIVED;
  if (verdict.by === 'test') return verdict.test;
  return `simulation, seed ${verdict.seed} of ${seeds}`;
}

export const uncaught = ({ caughtBy: by }: Result): boolean =>
  by === SURVIVED || by === NOT_TRIED || by.startsWith(UNFIT);

export function resultOf(
  { id, bug, file }: PlantedBug,
  verdict: Verdict,
  of: { readonly seeds: number; readonly seconds: number },
): Result {
  return { id, bug, file, caughtBy: caughtBy(verdict, of.seeds), seconds: of.seconds.toFixed(0) };
}

/** Counts, and how many seeds it took: a bug caught late would be missed by a shorter run. */
export function summary(results: readonly Result[]): string[] {
  const seeds = results
    .flatMap(({ caughtBy: by }) => SIMULATION.exec(by)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const caught = results.filter((result) => !uncaught(result)).length;
  const survivors = results.filter(uncaught).map(({ id }) => id);
  return [
    `${caught} of ${results.length} planted bugs are caught.`,
    `${seeds.length} by the simulation: half of them by seed ${
      seeds[Math.floor(seeds.length / 2)] ?? '-'
    }, all by seed ${seeds.at(-1) ?? '-'}.`,
    `${caught - seeds.length} by a test, where the simulation sees nothing or does not look.`,
    `Not caught: ${survivors.join(', ') || 'none'}.`,
  ];
}

const cell = (text: string): string => text.replaceAll('|', '/').replaceAll('\n', ' ');

/** The page that is kept: generated, never written by hand. */
export function resultsPage(results: readonly Result[]): string {
  const rows = results.map((result) =>
    [result.id, result.bug, result.file, result.caughtBy, result.seconds].map(cell).join(' | '),
  );
  return [
    '# Planted bugs and what catches them',
    '',
    'Written by `npm run mutants`; see [README.md](README.md).',
    '',
    ...summary(results).map((line) => `- ${line}`),
    '',
    '| Bug | What is wrong | File | Caught by | Seconds |',
    '|---|---|---|---|---:|',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}

/** What an earlier run has said of bugs that were not tried again and have not changed since. */
export function resultsOn(page: string): Map<string, Result> {
  const found = new Map<string, Result>();
  for (const line of page.split('\n')) {
    const [id = '', bug = '', file = '', by = '', seconds = ''] = line.split(/ ?\| ?/).slice(1);
    if (/^[a-z-]+$/.test(id)) found.set(id, { id, bug, file, caughtBy: by, seconds });
  }
  return found;
}

/** All bugs, in the order of the catalogue: as found now, or else as found before. */
export const together = (
  bugs: readonly PlantedBug[],
  now: ReadonlyMap<string, Result>,
  before: ReadonlyMap<string, Result>,
): Result[] =>
  bugs.map(({ id, bug, file }) => {
    const known = before.get(id);
    const same = known?.bug === bug && known.file === file;
    const none = { id, bug, file, caughtBy: NOT_TRIED, seconds: '-' };
    return now.get(id) ?? (same ? known : none);
  });
