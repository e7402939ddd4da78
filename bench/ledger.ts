import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { openPool } from '#db/pool';
import { nanos } from '#kernel/money';
import { systemEntropy } from '#src/system';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';
import { keep, load, middle, printTable, type Row } from './report.ts';

const HOLD = nanos(1_000_000n);
const COST = nanos(600_000n);
/** What a transaction per request gets, both lanes: more were slower on two cores. */
const CONNECTIONS = 16;

interface Mode {
  readonly name: string;
  pair(payer: Payer): Promise<number>;
}

type Node = ReturnType<typeof chargingOn>;

async function pairThrough({ charging }: Node, payer: Payer): Promise<number> {
  const began = performance.now();
  const held = await hold(charging, payer, HOLD);
  if (held.outcome !== 'held') throw new Error(`hold: ${held.outcome}`);
  const waited = performance.now() - began;
  const settled = await settle(charging, payer, held.id, COST);
  if (settled.outcome !== 'settled') throw new Error(`settle: ${settled.outcome}`);
  return waited;
}

/** The way without batching: each step a statement and a commit of its own, on many connections. */
function oneByOne(nodes: readonly Node[]): Mode {
  let turn = 0;
  return {
    name: 'one transaction per request',
    pair: (payer) => pairThrough(nodes[turn++ % nodes.length] ?? raise('no node'), payer),
  };
}

const groupCommit = (node: Node): Mode => ({
  name: 'group commit',
  pair: (payer) => pairThrough(node, payer),
});

/** hold + settle pairs per second, fsync on, on one PostgreSQL of its own. */
export async function benchLedger(quick: boolean): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-bench-'));
  const server = await startEmbedded({ dataDir, entropy: systemEntropy });
  if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
  try {
    const migrated = await migrate(server.ownerUrl);
    if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
    await measure(server.url, quick);
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function measure(url: string, quick: boolean): Promise<void> {
  const pool = openPool({ url, name: 'bench', max: 4 });
  const node = chargingOn(url);
  const singles = Array.from({ length: CONNECTIONS / 2 }, () => chargingOn(url, { batchMax: 1 }));
  const modes = [oneByOne(singles), groupCommit(node)];
  const payers: Payer[] = [];
  for (let made = 0; made < 1_000; made += 100) {
    const some = await Promise.all(Array.from({ length: 100 }, () => makePayer(pool)));
    await Promise.all(some.map((payer) => give(pool, payer, usd('100000'))));
    payers.push(...some);
  }
  const metrics: Record<string, number> = {};
  const [runs, ms] = quick ? [1, 1_200] : [3, 3_000];
  for (const organizations of [1, 1_000]) {
    for (const inFlight of quick ? [32, 256] : [1, 32, 256]) {
      const rows: Row[][] = modes.map(() => []);
      for (let run = 0; run < runs; run++) {
        // Interleaved, so that a slow minute of the machine falls on both.
        for (const [index, mode] of modes.entries()) {
          const row = await load(mode.name, inFlight, ms, (worker) => {
            const which = (worker + Math.floor(Math.random() * organizations)) % organizations;
            return mode.pair(payers[which] ?? raise('no payer'));
          });
          rows[index]?.push(row);
        }
      }
      const medians = rows.map(middle);
      const [single, group] = medians;
      if (single === undefined || group === undefined) throw new Error('a mode did not run');
      const label = `${organizations}_org_${inFlight}_in_flight`;
      printTable(`hold + settle pairs: ${organizations} org, ${inFlight} in flight`, medians);
      metrics[`pairs_per_s_one_by_one_${label}`] = single.perSecond;
      metrics[`pairs_per_s_group_commit_${label}`] = group.perSecond;
      metrics[`ratio_${label}`] = group.perSecond / single.perSecond;
    }
  }
  keep('ledger', metrics);
  await Promise.all([node, ...singles].map((n) => n.close()));
  await pool.close();
}

function raise(message: string): never {
  throw new Error(message);
}
