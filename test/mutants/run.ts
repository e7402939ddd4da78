// Plants each bug in a scratch copy of this checkout and looks who catches it: see README.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAll } from './bounded-run.ts';
import { BUGS } from './catalogue.ts';
import { type PlantedBug, patched } from './planted-bug.ts';
import {
  caughtBy,
  type Result,
  resultOf,
  resultsOn,
  resultsPage,
  summary,
  together,
  uncaught,
} from './results.ts';
import { copyCheckout, type ScratchCopy, sweepAbandoned } from './scratch-copy.ts';
import { type TrialOptions, trial, trialOfNothing } from './trial.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const PAGE = join(import.meta.dirname, 'RESULTS.md');
const JOBS_MAX = 8;
const SECOND_MS = 1_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '150' },
      jobs: { type: 'string', default: '2' },
      /** For looking at a patch while the simulation itself is being changed. */
      'tests-only': { type: 'boolean', default: false },
    },
  });
  const wanted = values.only.split(',').filter((id) => id !== '');
  const unknown = wanted.filter((id) => !BUGS.some((bug) => bug.id === id));
  if (unknown.length > 0) throw new Error(`no planted bug is called ${unknown.join(', ')}`);
  const seeds = Number.parseInt(values.seeds, 10);
  const jobs = Number.parseInt(values.jobs, 10);
  if (!(seeds > 0) || !(jobs > 0 && jobs <= JOBS_MAX)) {
    throw new Error(`--seeds takes a whole number, --jobs one up to ${JOBS_MAX}`);
  }
  const chosen = wanted.length === 0 ? BUGS : BUGS.filter(({ id }) => wanted.includes(id));
  const bugs = values['tests-only'] ? chosen.map((b) => ({ ...b, simulated: false })) : chosen;
  return { bugs, seeds, jobs, keep: !values['tests-only'] };
}

/** Before anything runs: a patch that no longer applies is named at once. */
function unfitting(bugs: readonly PlantedBug[]): string[] {
  return bugs.flatMap((bug) => {
    const after = patched(readFileSync(join(CHECKOUT, bug.file), 'utf8'), bug);
    if (after.outcome === 'patched') return [];
    return [`${bug.id}: its text is found ${after.found} times in ${bug.file}`];
  });
}

async function timed<T>(work: () => Promise<T>): Promise<{ done: T; seconds: number }> {
  const began = performance.now();
  const done = await work();
  return { done, seconds: (performance.now() - began) / SECOND_MS };
}

async function tryAll(
  copies: readonly ScratchCopy[],
  bugs: readonly PlantedBug[],
  limits: TrialOptions,
  onResult: (now: ReadonlyMap<string, Result>) => void,
): Promise<Map<string, Result>> {
  const found = new Map<string, Result>();
  const waiting = bugs.values();
  const lane = async (copy: ScratchCopy): Promise<void> => {
    for (const bug of waiting) {
      const { done, seconds } = await timed(() => trial(copy, bug, limits));
      const result = resultOf(bug, done, { seeds: limits.seeds, seconds });
      found.set(bug.id, result);
      onResult(found);
      const place = `${found.size}`.padStart(4);
      say(`${place} ${bug.id.padEnd(40)} ${seconds.toFixed(1).padStart(6)} s  ${result.caughtBy}`);
    }
  };
  await Promise.all(copies.map(lane));
  return found;
}

async function main(): Promise<number> {
  const { bugs, seeds, jobs, keep } = options();
  const loose = unfitting(bugs);
  for (const text of loose) say(text);
  if (loose.length > 0) return 2;
  await sweepAbandoned();
  const copies = Array.from({ length: Math.min(jobs, bugs.length) }, () => copyCheckout(CHECKOUT));
  const clean = (): Promise<unknown> => Promise.all(copies.map((copy) => copy.remove()));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(
      signal,
      () =>
        void endAll()
          .then(clean)
          .finally(() => process.exit(130)),
    );
  }
  try {
    const generous = { seeds, simulationMs: 600 * SECOND_MS, testsMs: 600 * SECOND_MS };
    say(`without a bug: ${seeds} seeds of the simulation, and every test named`);
    const { done: calm, seconds } = await timed(() => trialOfNothing(copies, bugs, generous));
    await Promise.all(copies.map((copy) => copy.tidy()));
    if (calm.verdict !== 'survived') {
      say(`red without a bug, so red proves nothing: ${caughtBy(calm, seeds)}`);
      return 2;
    }
    say(`green, ${seconds.toFixed(0)} s`);
    // All of it together without a bug, three times: no part of it should need longer with one.
    const limitMs = (3 * seconds + 60) * SECOND_MS;
    const before = resultsOn(existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '');
    // Kept row by row, so that a run that is stopped has still found something.
    const write = (now: ReadonlyMap<string, Result>): void => {
      if (keep) writeFileSync(PAGE, resultsPage(together(BUGS, now, before)));
    };
    const limits = { seeds, simulationMs: limitMs, testsMs: limitMs };
    const now = await tryAll(copies, bugs, limits, write);
    const results = [...now.values()];
    for (const line of summary(results)) say(line);
    return results.some(uncaught) ? 1 : 0;
  } finally {
    await clean();
  }
}

process.exitCode = await main();
