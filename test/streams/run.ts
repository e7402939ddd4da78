// Ten thousand streams cut anywhere over two nodes: see README.md beside this file.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatUsd, nanos } from '#kernel/money';
import { joinGateway, startProduct } from '#test/product';
import { type Result, startSwarm } from './swarm.ts';

const STEP = 1_000;
/** So that no account meets the limit on its requests a minute. */
const STREAMS_EACH = 500;
/** What a node may have grown by since its first thousand streams: bounded, whatever their number. */
const GROWTH_MB_MAX = 64;
/** A heap without room for garbage: what is kept of a stream that is over would soon fill it. */
const SMALL_HEAP = { LOG_LEVEL: 'fatal', NODE_OPTIONS: '--max-old-space-size=96' };

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
});
const streams = Number.parseInt(values.streams, 10);
const seed = Number.parseInt(values.seed, 10);
if (!(streams > 0) || !(seed >= 0)) throw new Error('--streams and --seed take whole numbers');

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Resident memory of a process in MB. */
function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

/** What does not hold of a run; empty if all does. */
function problemsOf(result: Result, grownMb: readonly number[]): string[] {
  const sums = result.charged.flatMap((charged, payer) => {
    const expected = result.expected[payer] ?? 0n;
    const [paid, due] = [charged, expected].map((amount) => formatUsd(nanos(amount)));
    return charged === expected ? [] : [`account ${payer} paid ${paid}, the oracle says ${due}`];
  });
  const memory = grownMb
    .filter((grown) => grown > GROWTH_MB_MAX)
    .map((grown) => `a node grew by ${grown.toFixed(0)} MB`);
  return [...sums, ...result.broken, ...memory];
}

const product = await startProduct({ environment: SMALL_HEAP });
try {
  const second = await joinGateway(product, product.run.database_url, SMALL_HEAP);
  try {
    const nodes = [product.run, second.run];
    const swarm = await startSwarm(
      product,
      nodes.map(({ gateway }) => gateway),
      { seed, payers: Math.max(4, Math.ceil(streams / STREAMS_EACH)) },
    );
    const memory = () => nodes.map(({ pid }) => residentMb(pid));
    const began = performance.now();
    let warm: number[] = [];
    for (let done = 0; done < streams; done += STEP) {
      await swarm.run(Math.min(STEP, streams - done));
      const now = memory();
      if (done === 0) warm = now;
      const resident = now.map((mb) => `${mb.toFixed(0)} MB`).join(', ');
      const seconds = (performance.now() - began) / 1_000;
      say(
        `${Math.min(done + STEP, streams)} streams, ${seconds.toFixed(0)} s; resident: ${resident}`,
      );
    }
    const asked = performance.now();
    const result = await swarm.settle();
    swarm.close();
    const waited = (performance.now() - asked) / 1_000;
    const grown = memory().map((mb, node) => mb - (warm[node] ?? mb));
    const total = result.charged.reduce((sum, amount) => sum + amount, 0n);
    say(
      `${result.opened} opened, ${result.cut} cut, ${result.refused} refused, ` +
        `${result.calls} reached the model; ${formatUsd(nanos(total))} USD charged; ` +
        `no hold open ${waited.toFixed(1)} s later`,
    );
    const problems = problemsOf(result, grown);
    for (const problem of problems) say(`WRONG: ${problem}`);
    if (problems.length === 0) say('charges equal the oracle, the books are sound, memory is flat');
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    await second.stop();
  }
} finally {
  await product.stop();
}
