import { mkdtempSync, rmSync } from 'node:fs';
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

/** Seconds of one scan, of the full and of the incremental verification, as the ledger grows. */
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
  const wide = { statementTimeoutMs: HOUR_MS };
  const owner = openPool({ url: server.ownerUrl, name: 'bench owner', max: 1, ...wide });
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
    return { sealed_s: sealed, ...(await runs(pool, owner)) };
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

/** Three of each, in turn, so that a slow minute of the machine falls on all. */
async function runs(pool: Pool, owner: Pool): Promise<Record<string, number>> {
  const taken = { scan: [] as number[], full: [] as number[], since: [] as number[] };
  let entries = 0n;
  const verified = async (options: VerificationOptions): Promise<void> => {
    const result = await verifyLedger(pool, options);
    if (!result.ok) throw new Error(JSON.stringify(result.checks.filter((check) => !check.ok)));
    entries = result.entries;
  };
  for (let run = 0; run < 3; run++) {
    taken.scan.push(
      await seconds(() =>
        owner.transaction(async (tx) => {
          await tx.query({ text: 'SET LOCAL max_parallel_workers_per_gather = 0' });
          await tx.query({ text: SCAN });
        }),
      ),
    );
    taken.full.push(await seconds(() => verified({ mode: 'full', lanes: LANES })));
    taken.since.push(await seconds(() => verified({ mode: 'incremental' })));
  }
  const [scan, full, since] = [median(taken.scan), median(taken.full), median(taken.since)];
  console.log(`  entries                        ${entries}`);
  console.log(`  one scan of every column       ${scan.toFixed(2)} s`);
  console.log(`  full, ${LANES} connections           ${full.toFixed(2)} s`);
  console.log(`    as a ratio to the scan       ${(full / scan).toFixed(2)}x`);
  console.log(`  incremental                    ${since.toFixed(3)} s`);
  console.log('  all balances rebuilt from entries equal what is stored: yes');
  return { scan_s: scan, full_s: full, full_ratio: full / scan, incremental_s: since };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
