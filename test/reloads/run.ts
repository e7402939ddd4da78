// Reloads under races: see README.md beside this file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { systemEntropy } from '#src/system';
import { offWins } from './off.ts';
import { crossThreshold } from './rounds.ts';
import { runSeed } from './seed.ts';
import { openReloads, type ReloadsWorld } from './world.ts';

const whole = (text: string): number => {
  const value = Number.parseInt(text, 10);
  if (!(value >= 0)) throw new Error(`--rounds, --trials, --seeds … take whole numbers: ${text}`);
  return value;
};
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    settlements: { type: 'string', default: '10000' },
    trials: { type: 'string', default: '1000' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** Ends at the first seed that fails. */
    first: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const began = performance.now();
const seconds = (): string => `${((performance.now() - began) / 1_000).toFixed(0)} s`;

async function prove(world: ReloadsWorld): Promise<number> {
  let failures = 0;
  const rounds = values.seed === undefined ? whole(values.rounds) : 0;
  for (let round = 1; round <= rounds; round += 1) {
    const { charges, settled } = await crossThreshold(world, whole(values.settlements));
    if (charges.length !== 1) failures += 1;
    if (charges.length !== 1 || round % 10 === 0) {
      say(`round ${round}: ${settled} settlements, charges of ${charges} cents, ${seconds()}`);
    }
  }
  const trials = values.seed === undefined ? whole(values.trials) : 0;
  const tally = new Map<string, number>();
  for (let trial = 1; trial <= trials; trial += 1) {
    const { outcome, wrong } = await offWins(world, trial);
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    if (wrong === undefined) continue;
    failures += 1;
    say(`trial ${trial}: ${wrong}`);
  }
  if (trials > 0)
    say(`${trials} trials of off: ${[...tally].map(([k, n]) => `${n} ${k}`)}, ${seconds()}`);
  const first = whole(values.seed ?? values.from);
  const seeds = values.seed === undefined ? whole(values.seeds) : 1;
  let [charges, steps] = [0, 0];
  for (let seed = first; seed < first + seeds; seed += 1) {
    const result = await runSeed(world, seed);
    charges += result.charges;
    steps += result.steps;
    if (result.violation === undefined) continue;
    failures += 1;
    say(`seed ${seed}: ${result.violation}\n  ${result.trace.join('\n  ')}`);
    say(`again: npm run reloads -- --seed ${seed}`);
    if (values.first) break;
  }
  if (seeds > 0) say(`${seeds} seeds: ${steps} steps, ${charges} charges, ${seconds()}`);
  return failures;
}

const dataDir = mkdtempSync(join(tmpdir(), 'bursar-reloads-'));
const server = await startEmbedded({ dataDir, entropy: systemEntropy, fsync: false });
if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
try {
  const migrated = await migrate(server.ownerUrl);
  if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
  const world = await openReloads(server);
  const failures = await prove(world).finally(() => world.close());
  say(failures === 0 ? 'all held' : `${failures} FAILED`);
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
