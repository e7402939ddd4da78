import Anthropic from '@anthropic-ai/sdk';
import { createGateway, type Gateway, type GatewayDeps } from '#gateway/gateway';
import { readBalance } from '#ledger/balance';
import { createApiKey } from '#orgs/api-keys';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { MODEL } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';

const pepper = Buffer.from('pepper of the tests');

export interface BatchNode {
  readonly gateway: Gateway;
  readonly charging: ReturnType<typeof chargingOn>['charging'];
  readonly url: string;
  close(): Promise<void>;
}

export interface BatchCustomer extends Payer {
  readonly key: string;
  client(node: BatchNode, behaviour?: string): Anthropic;
}

/** A ledger, a simulated upstream, and any number of gateway processes on both. */
export async function batchWorld() {
  const db = await testDatabase();
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const nodes: BatchNode[] = [];
  return {
    db,
    sim,
    node: async (options: Partial<GatewayDeps> = {}): Promise<BatchNode> => {
      const node = await startNode(db, sim.url, options);
      nodes.push(node);
      return node;
    },
    customer: (credit = '5') => newCustomer(db, credit),
    balance: (payer: Payer) => readBalance(db.pool, payer.organizationId),
    /** As if the time to look at this customer's batches had come, and at nobody else's. */
    async due({ organizationId }: Payer) {
      await db.pool.query({
        text: `UPDATE batches.batches SET look_at = bursar.real_now()
          + CASE organization_id WHEN $1 THEN interval '0' ELSE interval '1 hour' END`,
        values: [organizationId],
      });
    },
    async close() {
      for (const node of nodes) await node.close();
      await sim.close();
      await db.drop();
    },
  };
}

export type BatchWorld = Awaited<ReturnType<typeof batchWorld>>;

async function startNode(
  db: TestDatabase,
  upstreamUrl: string,
  options: Partial<GatewayDeps>,
): Promise<BatchNode> {
  const lanes = chargingOn(db.url);
  const gateway = await createGateway({
    pool: db.pool,
    charging: lanes.charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: upstreamUrl, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
    ...options,
  });
  const url = await gateway.listen('127.0.0.1', 0);
  return {
    gateway,
    charging: lanes.charging,
    url,
    async close() {
      await gateway.close();
      await lanes.close();
    },
  };
}

async function newCustomer(db: TestDatabase, credit: string): Promise<BatchCustomer> {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd(credit));
  return await withKey(db, payer);
}

/** Another key, perhaps of another workspace. */
export async function withKey(db: TestDatabase, payer: Payer): Promise<BatchCustomer> {
  const { organizationId, workspaceId } = payer;
  const made = await db.pool.transaction((tx) =>
    createApiKey(
      tx,
      { entropy: systemEntropy, pepper },
      { organizationId, workspaceId, name: 'key', kind: 'workspace', createdBy: null },
    ),
  );
  return {
    ...{ organizationId, workspaceId, apiKeyId: made.id, key: made.key },
    client: (node, behaviour) =>
      new Anthropic({
        baseURL: node.url,
        apiKey: made.key,
        maxRetries: 0,
        ...(behaviour === undefined ? {} : { defaultHeaders: { 'x-sim-batch': behaviour } }),
      }),
  };
}

/** Items named `a0`, `a1` …, one for each scenario of the simulator. */
export const itemsOf = (...scenarios: string[]) =>
  scenarios.map((scenario, index) => ({
    custom_id: `a${index}`,
    params: {
      model: MODEL,
      max_tokens: 100,
      messages: [{ role: 'user' as const, content: 'What does a meter read?' }],
      metadata: { user_id: `sim:${scenario}` },
    },
  }));

export async function resultsOf(client: Anthropic, id: string) {
  const found = new Map<string, { readonly type: string }>();
  for await (const { custom_id, result } of await client.messages.batches.results(id)) {
    found.set(custom_id, result);
  }
  return found;
}
