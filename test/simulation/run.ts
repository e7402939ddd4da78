import { parseArgs } from 'node:util';
import { withDatabase } from './database-of-its-own.ts';
import { PATIENCE_MS } from './patience.ts';
import { Report } from './report.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { shrink } from './shrink.ts';
import type { SimulationDatabase } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '60' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** How many seeds run at once, each on a server of its own. */
    lanes: { type: 'string', default: '1' },
    'first-violation': { type: 'boolean', default: false },
    without: { type: 'string', default: '' },
    /** For how many seconds nothing may happen in a seed. */
    patience: { type: 'string', default: `${PATIENCE_MS / 1_000}` },
  },
});

const from = Number(values.seed ?? values.from);
const end = from + (values.seed === undefined ? Number(values.seeds) : 1);
const calm = { without: values.without === '' ? [] : values.without.split(',') };
const patienceMs = Number(values.patience) * 1_000;
const began = performance.now();
const until = began + Number(values.minutes) * 60_000;
const seconds = (): number => (performance.now() - began) / 1_000;

const report = new Report();
let next = from;

async function lane(database: SimulationDatabase): Promise<void> {
  while (next < end && performance.now() < until) {
    const result = await runSeed(database, next++, calm, patienceMs);
    report.add(result);
    if (result.violation !== undefined && (await tell(database, result))) return;
    if (report.seeds % 100 !== 0) continue;
    const { seeds, failed } = report;
    console.log(`${seeds} seeds, ${failed.length} failed, ${seconds().toFixed(0)} s`);
  }
}

/** True if that was enough. Whoever only wants to know whether anything is wrong needs no small trace. */
async function tell(database: SimulationDatabase, failed: SeedResult): Promise<boolean> {
  const first = values['first-violation'];
  const small = first ? failed : await shrink(database, failed, calm, patienceMs);
  const { seed } = failed;
  const without = values.without === '' ? '' : ` --without ${values.without}`;
  console.log(`seed ${seed}: ${small.violation}\n  ${small.trace.join('\n  ')}\n`);
  console.log(`again: npm run simulate -- --seed ${seed}${without}\n`);
  if (!first && !small.stalled) return false;
  next = end;
  if (first) console.log(`caught at seed ${seed}`);
  else console.log(`ended at seed ${seed}, which goes no further: its database cannot be used`);
  return true;
}

const lanes = values.seed === undefined ? Number(values.lanes) : 1;
await Promise.all(Array.from({ length: lanes }, () => withDatabase(lane)));
if (!values['first-violation'] || report.failed.length === 0) {
  console.log(report.lines(seconds()).join('\n'));
}
process.exitCode = report.failed.length > 0 ? 1 : 0;
