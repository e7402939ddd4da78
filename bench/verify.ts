import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { openPool, type Pool } from '#db/pool';
import { type VerificationOptions, verifyLedger } from '#ledger/reconcile';
import { sealLedger } from '#ledger/seals';
import { systemEntropy } from '#src/system';
import { keep, median } from './report.ts';
import { fillLedger } from './verify-fill.ts';

const MILLION = 1_000_000;
const LANES = 2;
const HOUR_MS = 3_600_000;

/**
 * The yardstick: one sequential scan, one process, that reads every column of every entry and does
 * the least with it: count of the organizations, sum of the amounts, the greatest of the other ten.
 */
const SCAN = `
  SELECT count(organization_id), max(transaction_no), max(line), max(from_account), max(to_account),
         max(reason), sum(amount_nanos), max(from_balance_nanos), max(to_balance_nanos),
         max(reference), max(happened_at), max(recorded_at)
    FROM ledger.entries`;

/** Clock ticks per second in /proc, the same on every Linux. */
const TICKS = 100;

/**
 * Seconds of one scan, of the full and of the incremental verification, as the ledger grows. Ten
 * million entries take about six minutes on two processors and 20 GB of disk, half of it to make.
 */
export async function benchVerify(quick: boolean): Promise<void> {
  const metrics: Record<string, number> = {};
  for (const entries of quick ? [MILLION / 10, MILLION] : [MILLION, 10 * MILLION]) {
    const label = `${entries / MILLION}_million`;
    for (const [name, value] of Object.entries(await measure(entries))) {
      metrics[`${name}_${label}`] = value;
    }
  }
  keep('verify', metrics);
}

async function measure(entries: number): Promise<Record<string, number>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-bench-'));
  const server = await startEmbedded({ dataDir, entropy: systemEntropy });
  if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
  // Three tables are filled by two connections: one waits for minutes.
  const wide = { statementTimeoutMs: HOUR_MS, connectTimeoutMs: HOUR_MS };
  const owner = openPool({ url: server.ownerUrl, name: 'bench owner', max: LANES, ...wide });
  const pool = openPool({ url: server.url, name: 'bench', max: LANES, ...wide });
  try {
    const migrated = await migrate(server.ownerUrl);
    if (migrated.outcome !== 'migrated') throw new Error(JSON.stringify(migrated));
    console.log(`\nverify: a ledger of ${entries / MILLION} million entries`);
    const filled = await seconds(() => fillLedger(owner, entries));
    console.log(`  made in ${filled.toFixed(1)} s, not by what is measured`);
    const sealed = await seconds(() => sealLedger(pool));
    // What is new since the last night, the same whatever the ledger's size.
    await unseal(owner);
    await owner.query({ text: 'VACUUM (ANALYZE) ledger.seals' });
    return { sealed_s: sealed, ...(await runs(pool, owner, server.pid)) };
  } finally {
    await Promise.all([owner.close(), pool.close()]);
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Takes the last seal from the largest organization: at most 1,024 transactions are unsealed. */
async function unseal(owner: Pool): Promise<void> {
  await owner.query({ text: 'ALTER TABLE ledger.seals DISABLE TRIGGER USER' });
  await owner.query({
    text: `DELETE FROM ledger.seals WHERE (organization_id, to_transaction) IN (
             SELECT organization_id, to_transaction FROM ledger.seals
              ORDER BY entries_total DESC LIMIT 1)`,
  });
  await owner.query({ text: 'ALTER TABLE ledger.seals ENABLE TRIGGER USER' });
}

interface Taken {
  readonly wall: number;
  /** Seconds of processor for it, in all processes of the server and in this one. */
  readonly cpu: number;
}

/**
 * Three of each, in turn, so that a slow minute of the machine falls on all. Beside the time on the
 * clock it tells the processor time, which says what the clock would on a machine with nothing else
 * to do: that of the lanes side by side, that of the scan alone.
 */
async function runs(pool: Pool, owner: Pool, server: number): Promise<Record<string, number>> {
  const taken = { scan: [] as Taken[], full: [] as Taken[], since: [] as Taken[] };
  let entries = 0n;
  const verified = async (options: VerificationOptions): Promise<void> => {
    const result = await verifyLedger(pool, options);
    if (!result.ok) throw new Error(JSON.stringify(result.checks.filter((check) => !check.ok)));
    entries = result.entries;
  };
  const scan = (): Promise<unknown> =>
    owner.transaction(async (tx) => {
      await tx.query({ text: 'SET LOCAL max_parallel_workers_per_gather = 0' });
      await tx.query({ text: SCAN });
    });
  for (let run = 0; run < 3; run++) {
    taken.scan.push(await measured(server, scan));
    taken.full.push(await measured(server, () => verified({ mode: 'full', lanes: LANES })));
    taken.since.push(await measured(server, () => verified({ mode: 'incremental' })));
  }
  const wall = (of: readonly Taken[]): number => median(of.map((each) => each.wall));
  const cpu = (of: readonly Taken[]): number => median(of.map((each) => each.cpu));
  const metrics = {
    scan_s: wall(taken.scan),
    full_s: wall(taken.full),
    full_ratio: wall(taken.full) / wall(taken.scan),
    incremental_s: wall(taken.since),
    scan_cpu_s: cpu(taken.scan),
    full_cpu_s: cpu(taken.full),
    full_cpu_ratio: cpu(taken.full) / LANES / cpu(taken.scan),
  };
  console.log(`  entries                        ${entries}`);
  console.log(`  one scan of every column       ${metrics.scan_s.toFixed(2)} s`);
  console.log(`  full, ${LANES} connections           ${metrics.full_s.toFixed(2)} s`);
  console.log(`    as a ratio to the scan       ${metrics.full_ratio.toFixed(2)}x`);
  console.log(`    by processor time, per lane  ${metrics.full_cpu_ratio.toFixed(2)}x`);
  console.log(`  incremental                    ${metrics.incremental_s.toFixed(3)} s`);
  console.log('  all balances rebuilt from entries equal what is stored: yes');
  return metrics;
}

async function measured(server: number, work: () => Promise<unknown>): Promise<Taken> {
  const [ticks, own] = [serverTicks(server), process.cpuUsage()];
  const wall = await seconds(work);
  const { user, system } = process.cpuUsage(own);
  return { wall, cpu: (serverTicks(server) - ticks) / TICKS + (user + system) / 1e6 };
}

/** Of all processes that the server has, and of those that it had; NaN where there is no /proc. */
function serverTicks(server: number): number {
  const children = `/proc/${server}/task/${server}/children`;
  if (!existsSync(children)) return Number.NaN;
  const living = readFileSync(children, 'utf8').split(' ').filter(Boolean);
  return living.reduce((sum, pid) => sum + ticksOf(pid, 11), ticksOf(`${server}`, 13));
}

/** Two neighbouring fields after the name: utime and stime, or those of ended children. */
function ticksOf(pid: string, first: 11 | 13): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[first]) + Number(fields[first + 1]);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
