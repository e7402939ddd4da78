import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPool } from '#db/pool';
import { percentile, type Row } from './report.ts';

const run = promisify(execFile);
const DATABASE = 'bench_yardstick';
const DEBIAN = '/usr/lib/postgresql';
/** The server's connections are fewer than 256, and more clients than cores only wait. */
const CLIENTS_MAX = 80;

/** PostgreSQL's own load generator on the same server: what this machine and disk can commit. */
export interface Yardstick {
  /** `pgbench -N`: per transaction an update, a select and an insert, one commit. */
  simpleUpdate(clients: number, seconds: number): Promise<Row>;
}

export async function yardstick(adminUrl: string): Promise<Yardstick> {
  const binary = await findPgbench();
  const admin = openPool({ url: adminUrl, name: 'yardstick', max: 1 });
  await admin.query({ text: `CREATE DATABASE ${DATABASE}` });
  await admin.close();
  const url = new URL(adminUrl);
  url.pathname = `/${DATABASE}`;
  await run(binary, ['-i', '-s', '10', '-q', url.href]);
  return {
    async simpleUpdate(wanted, seconds) {
      const clients = Math.min(wanted, CLIENTS_MAX);
      const options = ['-N', '-M', 'prepared', '-j', '2', '-c', `${clients}`, '-T', `${seconds}`];
      const { stdout } = await run(binary, [...options, url.href]);
      const perSecond = figure(stdout, /tps = ([\d.]+) \(without/);
      const averageMs = figure(stdout, /latency average = ([\d.]+) ms/);
      const name = `pgbench simple-update, ${clients} clients (average latency)`;
      return { case: name, perSecond, p50Ms: averageMs, p99Ms: Number.NaN };
    },
  };
}

async function findPgbench(): Promise<string> {
  const versions = await Promise.resolve().then(
    () => readdirSync(DEBIAN),
    () => [],
  );
  const places = ['pgbench', ...versions.map((version) => join(DEBIAN, version, 'bin/pgbench'))];
  for (const place of places) {
    const found = await run(place, ['--version']).then(
      () => true,
      () => false,
    );
    if (found) return place;
  }
  throw new Error('no pgbench; it comes with: apt-get install postgresql-contrib');
}

function figure(text: string, pattern: RegExp): number {
  const [, found] = pattern.exec(text) ?? [];
  if (found === undefined) throw new Error(`pgbench said something else: ${text}`);
  return Number.parseFloat(found);
}

/** One connection, one row, one commit after the other: the latency nothing durable can go below. */
export async function durableCommit(url: string, ms: number): Promise<Row> {
  const until = performance.now() + ms;
  return await durableCommits(url, 'one durable commit, alone', () => performance.now() < until);
}

/** The same while `load` runs: what one durable commit takes on this machine when it is as busy. */
export async function durableCommitBeside(url: string, load: Promise<unknown>): Promise<Row> {
  let over = false;
  const ended = load.finally(() => {
    over = true;
  });
  const row = await durableCommits(url, 'one durable commit, beside the load', () => !over);
  await ended;
  return row;
}

async function durableCommits(url: string, name: string, more: () => boolean): Promise<Row> {
  const pool = openPool({ url, name: 'durable commit', max: 1 });
  const update = {
    name: 'bench.commit',
    text: 'UPDATE bursar.deployment SET simulated = simulated',
  };
  const latencies: number[] = [];
  const start = performance.now();
  while (more()) {
    const began = performance.now();
    await pool.query(update);
    latencies.push(performance.now() - began);
  }
  const perSecond = latencies.length / ((performance.now() - start) / 1000);
  await pool.close();
  latencies.sort((a, b) => a - b);
  const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return { case: name, perSecond, p50Ms, p99Ms };
}
