import { mkdirSync, writeFileSync } from 'node:fs';

/** One measured figure of a run; `group` is what a ratio is taken within. */
export interface Row {
  readonly case: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** The middle run of several of one case, by throughput. */
export function middle<R extends Row>(rows: readonly R[]): R {
  const wanted = median(rows.map((row) => row.perSecond));
  const row = rows.find((r) => r.perSecond === wanted);
  if (row === undefined) throw new Error('no runs to take the median of');
  return row;
}

/** Prints a table with the ratio of every row to the first, which is the yardstick. */
export function printTable(title: string, rows: readonly Row[]): void {
  const yardstick = rows[0]?.perSecond ?? Number.NaN;
  console.log(`\n${title}`);
  console.log(`${'case'.padEnd(52)} ${'per s'.padStart(8)} ${'ratio'.padStart(7)}  p50 / p99 ms`);
  for (const row of rows) {
    const ratio = `${(row.perSecond / yardstick).toFixed(2)}x`;
    const latency = `${row.p50Ms.toFixed(1)} / ${row.p99Ms.toFixed(1)}`;
    console.log(
      `${row.case.padEnd(52)} ${row.perSecond.toFixed(0).padStart(8)} ${ratio.padStart(7)}  ${latency}`,
    );
  }
}

/** Keeps the figures as `bench/results/<name>.json`: {"metric": value}. */
export function keep(name: string, metrics: Readonly<Record<string, number>>): void {
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const rounded = Object.fromEntries(
    Object.entries(metrics).map(([metric, value]) => [metric, Math.round(value * 100) / 100]),
  );
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(rounded, null, 2)}\n`);
}

/** Keeps `inFlight` tasks running for `ms`; answers throughput and latency of the whole. */
export async function load(
  label: string,
  inFlight: number,
  ms: number,
  task: (worker: number) => Promise<number | undefined>,
): Promise<Row> {
  const latencies: number[] = [];
  const start = performance.now();
  const worker = async (index: number): Promise<void> => {
    while (performance.now() - start < ms) {
      const began = performance.now();
      const measured = await task(index);
      latencies.push(measured ?? performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => worker(index)));
  const seconds = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    case: label,
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}
