import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { createApiKey } from '#orgs/api-keys';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  type Answer,
  ask,
  eventually,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  streamEvents,
} from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';
import { createGateway } from './gateway.ts';

const pepper = Buffer.from('pepper of the tests');
const COST = usd('0.0005');
const keyed = {
  headers: { 'idempotency-key': 'order 66' },
  body: { ...question, stream: true },
};

let db: TestDatabase;
let upstream: ScriptedUpstream;
let answers: ServerResponse[];
let nodes: readonly { readonly url: string; close(): Promise<void> }[];
let payer: Payer;
let key: string;

beforeAll(async () => {
  db = await testDatabase();
  upstream = await scriptedUpstream((response) => void answers.push(response));
  nodes = await Promise.all([startNode(), startNode()]);
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await upstream.close();
  await db.drop();
});
beforeEach(async () => {
  answers = [];
  upstream.seen.length = 0;
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const made = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
  key = made.key;
});

async function startNode() {
  const node = chargingOn(db.url);
  const gateway = await createGateway({
    pool: db.pool,
    charging: node.charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: upstream.url, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  return {
    url: await gateway.listen('127.0.0.1', 0),
    async close() {
      await gateway.close();
      await node.close();
    },
  };
}

const asks = (node: number): Promise<Answer> => ask({ url: nodes[node]?.url ?? '', key }, keyed);
const available = async () => (await readBalance(db.pool, payer.organizationId)).available;

async function called(times: number): Promise<void> {
  await eventually(() => answers.length >= times);
  expect(answers).toHaveLength(times);
}
function finish(call: number): void {
  const response = answers[call] ?? expect.fail('not called');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(streamEvents().join(''));
}
const error = ({ status, body }: Answer) => ({
  status,
  details: JSON.parse(body.toString()).error.details,
});

test('F49e: on two nodes one request is executed; the other node says whose it is', async () => {
  const first = asks(0);
  await called(1);
  expect(error(await asks(1))).toEqual({
    status: 409,
    details: { error_code: 'idempotency_in_flight' },
  });
  finish(0);
  const { status, headers } = await first;
  expect(status).toBe(200);
  const finished = {
    status: 409,
    details: { error_code: 'idempotency_finished', request_id: headers['request-id'] },
  };
  for (const node of [0, 1]) expect(error(await asks(node))).toEqual(finished);
  expect(upstream.seen).toHaveLength(1);
  expect(await available()).toBe(usd('5') - COST);
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('F49e: asked at once on two nodes, one call of the model is made', async () => {
  const all = Promise.all([asks(0), asks(1), asks(0), asks(1)]);
  await called(1);
  // Until the other node has answered: what it has to say does not depend on the model.
  finish(0);
  const got = await all;
  expect(got.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  expect(got.filter(({ status }) => status === 409).length).toBeGreaterThan(0);
  expect(upstream.seen).toHaveLength(1);
  expect(await available()).toBe(usd('5') - COST);
});

test('a request refused on one node may be asked again on another', async () => {
  const poor = await makePayer(db.pool);
  const { organizationId, workspaceId } = poor;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const made = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
  key = made.key;
  expect(error(await asks(0))).toMatchObject({
    status: 400,
    details: { error_code: 'credit_balance_too_low' },
  });
  await give(db.pool, poor, usd('1'));
  const again = asks(1);
  await called(1);
  finish(0);
  expect((await again).status).toBe(200);
});
