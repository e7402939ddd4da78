import { openPool, type Pool } from '#db/pool';
import { chargingOn, type Payer } from '#test/ledger-world';
import { measureGrowth } from './ledger-growth.ts';
import {
  fullPayer,
  inParallel,
  makeLogFiles,
  pairThrough,
  raise,
  walPosition,
  withServer,
} from './ledger-server.ts';
import { durableCommit, durableCommitBeside, type Yardstick, yardstick } from './pgbench.ts';
import { keep, load, median, middle, printTable, type Row } from './report.ts';

/** What a transaction per request gets, both lanes: more were slower on two cores. */
const CONNECTIONS = 16;
const GRANTS = 3;

type Node = ReturnType<typeof chargingOn>;
interface Mode {
  readonly name: string;
  pair(payer: Payer): Promise<number>;
}

/** The way without batching: each step a statement and a commit of its own, on many connections. */
function oneByOne(nodes: readonly Node[]): Mode {
  let turn = 0;
  return {
    name: 'one transaction per request: hold + settle',
    pair: (payer) => pairThrough(nodes[turn++ % nodes.length] ?? raise('no node'), payer),
  };
}

const groupCommit = (node: Node): Mode => ({
  name: 'group commit: hold + settle',
  pair: (payer) => pairThrough(node, payer),
});

/**
 * Charged requests per second with everything on (limits on three levels, three grants, statement
 * lines, request records), fsync on, on one PostgreSQL of its own.
 */
export async function benchLedger(quick: boolean): Promise<void> {
  const metrics: Record<string, number> = {};
  await withServer(async (server) => {
    const pool = openPool({ url: server.url, name: 'bench', max: 8 });
    const commits = await yardstick(server.adminUrl);
    await makeLogFiles(server.adminUrl);
    await measureThroughput(server.url, pool, commits, quick, metrics);
    await measureGrowth(server, quick, metrics);
    await pool.close();
  });
  keep('ledger', metrics);
}

async function measureThroughput(
  url: string,
  pool: Pool,
  commits: Yardstick,
  quick: boolean,
  metrics: Record<string, number>,
): Promise<void> {
  const payers = await inParallel(1_000, 8, () => fullPayer(pool, GRANTS));
  const node = chargingOn(url);
  const singles = Array.from({ length: CONNECTIONS / 2 }, () => chargingOn(url, { batchMax: 1 }));
  const modes = [oneByOne(singles), groupCommit(node)];
  const [runs, ms] = quick ? [1, 2_000] : [3, 3_000];
  const alone: number[] = [];
  for (const organizations of [1, 1_000]) {
    for (const inFlight of quick ? [32, 256] : [1, 32, 256]) {
      const rows: Row[][] = [[], [], []];
      const wal: number[] = [];
      const beside: number[] = [];
      const payerOf = (worker: number): Payer => {
        const which = (worker + Math.floor(Math.random() * organizations)) % organizations;
        return payers[which] ?? raise('no payer');
      };
      for (let run = 0; run < runs; run++) {
        // Interleaved, so that a slow minute of the machine falls on all of them.
        rows[0]?.push(await commits.simpleUpdate(inFlight, ms / 1_000));
        for (const [index, mode] of modes.entries()) {
          const before = await walPosition(pool);
          const row = await load(mode.name, inFlight, ms, (worker) => mode.pair(payerOf(worker)));
          const bytes = Number((await walPosition(pool)) - before);
          if (index === 1) wal.push(bytes / (row.perSecond * (ms / 1_000)));
          rows[index + 1]?.push(row);
        }
        alone.push((await durableCommit(url, 500)).p50Ms);
        const busy = load('busy', inFlight, ms / 3, (worker) => pairThrough(node, payerOf(worker)));
        beside.push((await durableCommitBeside(url, busy)).p50Ms);
      }
      const medians = rows.map(middle);
      const [simple, single, group] = medians;
      if (simple === undefined || single === undefined || group === undefined) raise('no rows');
      const label = `${organizations}_org_${inFlight}_in_flight`;
      printTable(`charged requests: ${organizations} org, ${inFlight} in flight`, medians);
      console.log(
        `  ${(group.perSecond / single.perSecond).toFixed(1)}x one transaction per request, ` +
          `${(group.perSecond / simple.perSecond).toFixed(1)}x pgbench, ` +
          `hold p50 ${(group.p50Ms / median(alone)).toFixed(2)}x one durable commit ` +
          `(${median(alone).toFixed(2)} ms) on an idle machine, ` +
          `${(group.p50Ms / median(beside)).toFixed(2)}x one (${median(beside).toFixed(2)} ms) beside ` +
          `the same load, ${(group.p50Ms / simple.p50Ms).toFixed(2)}x one of pgbench's with as many ` +
          `in flight, ${median(wal).toFixed(0)} WAL bytes a request`,
      );
      metrics[`pgbench_tps_${label}`] = simple.perSecond;
      metrics[`pairs_per_s_one_by_one_${label}`] = single.perSecond;
      metrics[`pairs_per_s_group_commit_${label}`] = group.perSecond;
      metrics[`ratio_one_by_one_${label}`] = group.perSecond / single.perSecond;
      metrics[`ratio_pgbench_${label}`] = group.perSecond / simple.perSecond;
      metrics[`hold_p50_per_durable_commit_${label}`] = group.p50Ms / median(alone);
      metrics[`hold_p50_per_durable_commit_beside_${label}`] = group.p50Ms / median(beside);
      metrics[`hold_p50_per_pgbench_latency_${label}`] = group.p50Ms / simple.p50Ms;
      metrics[`wal_bytes_per_request_${label}`] = median(wal);
    }
  }
  await Promise.all([node, ...singles].map((n) => n.close()));
}
