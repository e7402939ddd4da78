import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { changeKey, createApiKey } from '#orgs/api-keys';
import type { KeyMoveName } from '#orgs/key-states';
import { startModelSim } from '#sims/model-sim/server';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { type Asking, ask, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';
import { createGateway, type Gateway } from './gateway.ts';

const pepper = Buffer.from('pepper of the tests');
const clock = manualClock(new Date());
let db: TestDatabase;
let money: ReturnType<typeof chargingOn>;
let sim: Awaited<ReturnType<typeof startModelSim>>;
/** Two processes on one database, which know of each other only through it. */
let nodes: { readonly gateway: Gateway; readonly url: string }[];
let payer: Payer;

beforeAll(async () => {
  db = await testDatabase();
  money = chargingOn(db.url);
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  nodes = await Promise.all([node(), node()]);
});
afterAll(async () => {
  for (const { gateway } of nodes) await gateway.close();
  await sim.close();
  await money.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
});

async function node() {
  const gateway = await createGateway({
    pool: db.pool,
    charging: money.charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: sim.url, key: 'operator-key' },
    clock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  return { gateway, url: await gateway.listen('127.0.0.1', 0) };
}

async function newKey(expiresAt?: Date) {
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const end = expiresAt === undefined ? {} : { expiresAt };
  return await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null, ...end }),
  );
}

/** Those that take no hold first: a hold that is refused makes its process forget the key. */
const routes: readonly Asking[] = [
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: `/v1/models/${question.model}` },
  { method: 'GET', path: '/v1/files' },
  { path: '/v1/messages/count_tokens' },
  { path: '/v1/quote' },
  { path: '/v1/messages' },
  { path: '/v1/messages', body: { ...question, stream: true } },
];

/** What every route of every process answers to a key. */
async function everywhere(key: string) {
  const answers = [];
  for (const { url } of nodes) {
    for (const asking of routes) answers.push(await ask({ url, key }, asking));
  }
  return answers;
}

const statuses = async (key: string) => (await everywhere(key)).map(({ status }) => status);
const all = (status: number) => nodes.flatMap(() => routes.map(() => status));

describe.each(['revoke', 'disable'] as const)('%s', (move: KeyMoveName) => {
  test('within a second no process takes the key, on no route', async () => {
    const { id, key } = await newKey();
    expect(await statuses(key)).toEqual(all(200));
    expect((await changeKey(db.pool, move, { id })).outcome).toBe('done');
    clock.advance(1_000);
    expect(await statuses(key)).toEqual(all(401));
  });
});

test('a key enabled again works everywhere at once', async () => {
  const { id, key } = await newKey();
  await changeKey(db.pool, 'disable', { id });
  expect(await statuses(key)).toEqual(all(401));
  await changeKey(db.pool, 'enable', { id });
  expect(await statuses(key)).toEqual(all(200));
});

test('unknown, malformed, revoked, disabled, expired: nobody can tell one from another', async () => {
  const [revoked, disabled] = [await newKey(), await newKey()];
  await changeKey(db.pool, 'revoke', revoked);
  await changeKey(db.pool, 'disable', disabled);
  const expired = await newKey(new Date(0));
  const unknown = await createApiKey(
    { query: async () => [] },
    { entropy: systemEntropy, pepper },
    { ...payer, name: 'unsaved', kind: 'workspace', createdBy: null },
  );
  const shown = [];
  for (const { key } of [revoked, disabled, expired, unknown, { key: 'nonsense' }]) {
    for (const { status, headers, body } of await everywhere(key)) {
      const { 'request-id': requestId, date: _date, ...rest } = headers;
      expect(requestId).toMatch(/^req_/);
      const told = body.toString().replace(String(requestId), 'req_same');
      shown.push(JSON.stringify({ status, rest, told }));
    }
  }
  expect(shown).toHaveLength(5 * nodes.length * routes.length);
  expect(new Set(shown).size).toBe(1);
  expect(shown[0]).toContain('invalid x-api-key');
});

test('a key past its end is refused within a second, on no clock but the store’s', async () => {
  const { key } = await newKey(new Date(Date.now() + 3_600_000));
  expect(await statuses(key)).toEqual(all(200));
  await db.ownerPool.query({
    text: `UPDATE orgs.api_keys SET expires_at = now() WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  clock.advance(1_000);
  expect(await statuses(key)).toEqual(all(401));
});
