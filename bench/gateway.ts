import { Pool } from 'undici';
import { bodyOf, SHAPES, type Shape, type Taken, timedCall } from './gateway-calls.ts';
import { memoryOfStreams } from './gateway-memory.ts';
import { startTargets, type Target } from './gateway-targets.ts';
import { keep, load, middle, percentile, type Row } from './report.ts';

interface Plan {
  readonly connections: readonly number[];
  readonly runs: number;
  readonly ms: number;
  readonly openStreams: number;
}

const FULL: Plan = { connections: [1, 64, 256], runs: 3, ms: 4_000, openStreams: 1_000 };
const QUICK: Plan = { connections: [1, 64], runs: 1, ms: 1_000, openStreams: 100 };

/** A run of one case, with how long the first byte and each event took, in ms. */
interface Measured extends Row {
  readonly first: Middle;
  readonly event: Middle;
}

interface Middle {
  readonly p50: number;
  readonly p99: number;
}

/**
 * Requests per second and added latency of the gateway, against the model itself, the barest proxy
 * and, if asked for, Portkey: all in one run, each a process of its own. What a case adds is its
 * percentile less that of the model asked directly. Latencies under full load are those of queues.
 */
export async function benchGateway(quick: boolean, portkey: boolean): Promise<void> {
  const plan = quick ? QUICK : FULL;
  const targets = await startTargets(portkey);
  const metrics: Record<string, number> = {};
  try {
    // Before the load: a process that has had its peak has room for what is measured here.
    console.log(`\nMemory of ${plan.openStreams} open streams, MB above idle`);
    for (const target of targets.all.slice(1)) {
      await warmUp(target, plan.ms / 4);
      const grown = await memoryOfStreams(target, plan.openStreams);
      console.log(`${target.name.padEnd(NAME_WIDTH)} ${grown.toFixed(0).padStart(8)}`);
      metrics[`mb_of_${plan.openStreams}_streams_${target.label}`] = grown;
    }
    for (const shape of SHAPES) {
      for (const connections of plan.connections) {
        const rows = await measure(targets.all, shape, connections, plan);
        printCase(shape, connections, targets.all, rows);
        Object.assign(metrics, figuresOf(shape, connections, targets.all, rows));
      }
    }
  } finally {
    await targets.stop();
  }
  keep('gateway', metrics);
}

/** So that what a process needs to answer anything at all is not counted as that of open streams. */
async function warmUp(target: Target, ms: number): Promise<void> {
  for (const shape of SHAPES) if (shape.label !== 'paced') await runOnce(target, shape, 16, ms);
}

/** The middle of several runs for every target, one run of each after the other. */
async function measure(
  targets: readonly Target[],
  shape: Shape,
  connections: number,
  { runs, ms }: Plan,
): Promise<readonly Measured[]> {
  const results: Measured[][] = targets.map(() => []);
  for (let run = 0; run < runs; run += 1) {
    for (const [index, target] of targets.entries()) {
      results[index]?.push(await runOnce(target, shape, connections, ms));
    }
  }
  return results.map(middle);
}

async function runOnce(
  target: Target,
  shape: Shape,
  connections: number,
  ms: number,
): Promise<Measured> {
  const pool = new Pool(target.url, { connections, pipelining: 1 });
  const body = bodyOf(shape);
  const taken: Taken[] = [];
  const call = async (): Promise<number> => {
    const one = await timedCall(pool, target, shape, body);
    taken.push(one);
    return one.totalMs;
  };
  await load('warm-up', connections, ms / 8, call);
  taken.length = 0;
  // A paced stream takes half a second, whatever it passes through.
  const row = await load(target.name, connections, shape.label === 'paced' ? 3 * ms : ms, call);
  await pool.close();
  return {
    ...row,
    first: middleOf(taken.map(({ firstMs }) => firstMs)),
    event: middleOf(taken.flatMap(({ eventsMs }) => eventsMs)),
  };
}

function middleOf(values: readonly number[]): Middle {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

const NAME_WIDTH = 36;
const times = (p50: number, p99: number): string =>
  Number.isNaN(p50) ? ''.padStart(15) : `${p50.toFixed(2)} / ${p99.toFixed(2)}`.padStart(15);

/** What a target adds to the model's own time; of the model itself, that time. */
const added = (row: Middle, model: Middle, itself: boolean): Middle =>
  itself ? row : { p50: row.p50 - model.p50, p99: row.p99 - model.p99 };

const whole = ({ p50Ms, p99Ms }: Row): Middle => ({ p50: p50Ms, p99: p99Ms });

function printCase(
  shape: Shape,
  connections: number,
  targets: readonly Target[],
  rows: readonly Measured[],
): void {
  const [model, bare] = rows;
  if (model === undefined || bare === undefined) throw new Error('a target did not run');
  console.log(
    `\n${shape.name}, ${connections} connections; ms p50 / p99, added to the model's own`,
  );
  const titles = ['per s', 'of bare'].map((title) => title.padStart(9)).join('');
  const columns = ['whole', 'first byte', 'each event'].map((title) => title.padStart(16)).join('');
  console.log(`${''.padEnd(NAME_WIDTH)}${titles}${columns}`);
  for (const [index, row] of rows.entries()) {
    const itself = index === 0;
    const cells = [
      added(whole(row), whole(model), itself),
      added(row.first, model.first, itself),
      added(row.event, model.event, itself),
    ].map(({ p50, p99 }) => times(p50, p99));
    const share = `${(row.perSecond / bare.perSecond).toFixed(2)}x`;
    console.log(
      `${(targets[index]?.name ?? '').padEnd(NAME_WIDTH)}${row.perSecond.toFixed(0).padStart(9)}` +
        `${share.padStart(9)} ${cells.join(' ')}`,
    );
  }
}

/** The figures of one case by name: throughput and its ratios, and what each target adds. */
function figuresOf(
  { label }: Shape,
  connections: number,
  targets: readonly Target[],
  rows: readonly Measured[],
): Record<string, number> {
  const figures: Record<string, number> = {};
  const of = (name: Target['label']): Measured | undefined =>
    rows[targets.findIndex((target) => target.label === name)];
  const [model, bare, gateway, portkey] = [
    of('upstream'),
    of('bare_proxy'),
    of('gateway'),
    of('portkey'),
  ];
  if (model === undefined || bare === undefined || gateway === undefined) return figures;
  const at = `${label}_${connections}`;
  for (const [index, { label: name }] of targets.entries()) {
    const row = rows[index];
    if (row === undefined) continue;
    figures[`${at}_per_s_${name}`] = row.perSecond;
    if (row === model) continue;
    const parts = [
      ['whole', whole(row), whole(model), label !== 'paced'],
      ['first', row.first, model.first, label !== 'json'],
      ['event', row.event, model.event, label === 'paced'],
    ] as const;
    for (const [part, mine, models, tells] of parts) {
      if (!tells) continue;
      figures[`${at}_added_${part}_p50_ms_${name}`] = mine.p50 - models.p50;
      figures[`${at}_added_${part}_p99_ms_${name}`] = mine.p99 - models.p99;
    }
  }
  // How many paced streams there are in a second is for the pace to say.
  if (label === 'paced') return figures;
  figures[`${at}_gateway_share_of_bare`] = gateway.perSecond / bare.perSecond;
  if (portkey !== undefined) {
    figures[`${at}_gateway_times_portkey`] = gateway.perSecond / portkey.perSecond;
  }
  return figures;
}
