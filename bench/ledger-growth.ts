import { openPool } from '#db/pool';
import type { ApiKeyId, OrganizationId, WorkspaceId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { chargingOn, hold, type Payer } from '#test/ledger-world';
import { fullPayer, pairThrough, secondDatabase } from './ledger-server.ts';
import { load, middle, printTable, type Row } from './report.ts';
import { fillLedger } from './verify-fill.ts';

const IN_FLIGHT = 32;
const LONG_LEASE = { leaseMs: 3_600_000, renewEveryMs: 3_600_000 };

interface Case {
  readonly name: string;
  readonly url: string;
  readonly payer: Payer;
}

/**
 * What a charged request costs as an organization grows: grants, open holds, entries. Each pair of
 * cases is measured in turns on one server; `ratio` is throughput against the small one.
 */
export async function measureGrowth(
  server: { url: string; ownerUrl: string; adminUrl: string },
  quick: boolean,
  metrics: Record<string, number>,
): Promise<void> {
  const pool = openPool({ url: server.url, name: 'growth', max: 4 });
  const [runs, ms] = quick ? [1, 1_000] : [3, 2_500];
  const compare = async (title: string, metric: string, cases: readonly Case[]): Promise<void> => {
    const medians = await inTurns(cases, runs, ms);
    printTable(title, medians);
    const [small, ...grown] = medians;
    for (const [index, row] of grown.entries()) {
      const ratio = row.perSecond / (small?.perSecond ?? Number.NaN);
      metrics[`throughput_ratio_${metric}_${cases[index + 1]?.name.replaceAll(' ', '_')}`] = ratio;
    }
  };
  const { url } = server;
  const one: Case = { name: '1 grant', url, payer: await fullPayer(pool, 1) };
  const ten: Case = { name: '10 grants', url, payer: await fullPayer(pool, 10) };
  const fifty: Case = { name: '50 grants', url, payer: await fullPayer(pool, 50) };
  await compare('grants of the organization', 'grants', [one, ten, fifty]);

  const none: Case = { name: 'no open holds', url, payer: await fullPayer(pool, 1) };
  const count = quick ? 10_000 : 100_000;
  const crowded: Case = { name: `${count} open holds`, url, payer: await fullPayer(pool, 1) };
  await holdMany(crowded, count);
  await compare('open holds of the organization', 'holds', [none, crowded]);

  const large = await secondDatabase(server, 'bench_large');
  const entries = quick ? 100_000 : 10_000_000;
  const owner = openPool({
    url: large.ownerUrl,
    name: 'fill',
    max: 1,
    // Three tables are filled through it: one waits for minutes.
    ...{ statementTimeoutMs: 3_600_000, connectTimeoutMs: 3_600_000 },
  });
  await fillLedger(owner, entries);
  const empty: Case = { name: 'an empty ledger', url, payer: await fullPayer(pool, 1) };
  const payer = await largestOf(owner);
  await compare('entries in the ledger', 'entries', [
    empty,
    { name: `${entries} entries`, url: large.url, payer },
  ]);
  await owner.close();
  await pool.close();
}

async function inTurns(cases: readonly Case[], runs: number, ms: number): Promise<Row[]> {
  const nodes = cases.map((one) => chargingOn(one.url, LONG_LEASE));
  const rows: Row[][] = cases.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [index, { name, payer }] of cases.entries()) {
      const node = nodes[index];
      if (node === undefined) continue;
      rows[index]?.push(await load(name, IN_FLIGHT, ms, () => pairThrough(node, payer)));
    }
  }
  await Promise.all(nodes.map((node) => node.close()));
  return rows.map(middle);
}

async function holdMany({ url, payer }: Case, count: number): Promise<void> {
  const node = chargingOn(url, LONG_LEASE);
  for (let made = 0; made < count; made += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, () => hold(node.charging, payer, nanos(1_000n))),
    );
  }
  await node.close();
}

/** The organization with most of the filled entries, with a key of its own. */
async function largestOf(owner: ReturnType<typeof openPool>): Promise<Payer> {
  const [row] = await owner.query<{ id: OrganizationId }>({
    text: `SELECT organization_id AS id FROM ledger.books ORDER BY next_transaction DESC LIMIT 1`,
  });
  if (row === undefined) throw new Error('nothing was filled');
  const payer: Payer = {
    organizationId: row.id,
    workspaceId: 'wrkspc_bench' as WorkspaceId,
    apiKeyId: 'apikey_bench' as ApiKeyId,
  };
  await owner.query({
    text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
           VALUES ($1, $2, 'Bench', false)`,
    values: [payer.organizationId, payer.workspaceId],
  });
  await owner.query({
    text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
           VALUES ($1, $2, $3, 'workspace', 'bench', 'bench')`,
    values: [payer.organizationId, payer.apiKeyId, payer.workspaceId],
  });
  return payer;
}
