import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { biasOf } from './bias.ts';
import { type Difference, runPart, type Tally, VECTORS_PER_PART } from './fuzz-part.ts';

// npm run price:fuzz -- --vectors 10000000 --seed 1 [--workers 2] [--bias]
// Engine against oracle on random books and random answers; 0 differences or exit code 1.

/** One worker's share: every `step`-th part, beginning with `first`. */
interface Share {
  readonly seed: number;
  readonly vectors: number;
  readonly first: number;
  readonly step: number;
}

interface Report {
  readonly done: number;
  readonly tally: Tally;
  readonly difference: Difference | undefined;
}

const REPORT_EVERY_PARTS = 4;

function work({ seed, vectors, first, step }: Share, report: (report: Report) => void): void {
  const parts = Math.ceil(vectors / VECTORS_PER_PART);
  let tally = noTally();
  let done = 0;
  for (let part = first; part < parts; part += step) {
    const count = Math.min(VECTORS_PER_PART, vectors - part * VECTORS_PER_PART);
    const difference = runPart(seed, part, count, tally);
    done += difference === undefined ? count : difference.vector + 1;
    const last = part + step >= parts || difference !== undefined;
    if (!last && done < REPORT_EVERY_PARTS * VECTORS_PER_PART) continue;
    report({ done, tally, difference });
    if (difference !== undefined) return;
    tally = noTally();
    done = 0;
  }
}

const noTally = (): Tally => ({ charged: 0, free: 0, quarantined: 0 });

async function fuzz(vectors: number, seed: number, workers: number): Promise<boolean> {
  const sum = noTally();
  const started = performance.now();
  let done = 0;
  let shown = started;
  let difference: Difference | undefined;
  const take = (report: Report): void => {
    done += report.done;
    for (const name of ['charged', 'free', 'quarantined'] as const) {
      sum[name] += report.tally[name];
    }
    difference ??= report.difference;
    const now = performance.now();
    if (now - shown < 10_000) return;
    shown = now;
    console.log(`${done} of ${vectors} vectors, ${rate(done, now - started)} vectors/s`);
  };
  const shares = Array.from({ length: workers }, (_, first) => ({
    seed,
    vectors,
    first,
    step: workers,
  }));
  await Promise.all(shares.map((share) => inWorker(share, take)));
  const took = performance.now() - started;
  console.log(
    `${done} vectors of seed ${seed}: ${sum.charged} charged, ${sum.free} free, ` +
      `${sum.quarantined} quarantined; ${rate(done, took)} vectors/s on ${workers} worker(s)`,
  );
  console.log(difference === undefined ? '0 differences' : JSON.stringify(difference, null, 2));
  return difference === undefined;
}

const rate = (count: number, ms: number): number => Math.round((count * 1_000) / ms);

function inWorker(share: Share, take: (report: Report) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.on('message', (report: Report) => {
      take(report);
      if (report.difference !== undefined) void worker.terminate();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

function readCount(text: string, name: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  console.error(`--${name} takes a whole number, not ${text}`);
  process.exit(2);
}

if (!isMainThread) {
  const port = parentPort;
  if (port !== null) work(workerData, (report) => port.postMessage(report));
} else {
  const { values } = parseArgs({
    options: {
      vectors: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      bias: { type: 'boolean', default: false },
    },
  });
  const [vectors, seed] = [readCount(values.vectors, 'vectors'), readCount(values.seed, 'seed')];
  const workers = Math.max(1, readCount(values.workers, 'workers'));
  if (values.bias) {
    const bias = biasOf(vectors, seed);
    console.log(bias.text);
    process.exitCode = bias.withinFourSigma ? 0 : 1;
  } else {
    process.exitCode = (await fuzz(vectors, seed, workers)) ? 0 : 1;
  }
}
