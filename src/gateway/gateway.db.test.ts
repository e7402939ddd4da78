import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { changeKey, createApiKey } from '#orgs/api-keys';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { ask, eventually, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';
import { createGateway, type Gateway } from './gateway.ts';

const pepper = Buffer.from('pepper of the tests');
let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let gateway: Gateway;
let url: string;
let payer: Payer;
let key: { readonly id: string; readonly key: string };

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  gateway = await createGateway({
    pool: db.pool,
    charging: node.charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: sim.url, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  url = await gateway.listen('127.0.0.1', 0);
});
afterAll(async () => {
  await gateway.close();
  await sim.close();
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  key = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
});

const call = (scenario: string, stream: boolean) =>
  ask(
    { url, key: key.key },
    { headers: { 'x-sim-scenario': scenario }, body: { ...question, stream } },
  );
const balance = () => readBalance(db.pool, payer.organizationId);
const sized = 'input_tokens=100;output_tokens=20';

test('with a real ledger, the balance falls by exactly what was used', async () => {
  await give(db.pool, payer, usd('5'));
  const answer = await call(`ok;${sized}`, false);
  expect(answer.headers).toMatchObject({
    'bursar-cost-usd': '0.001',
    'bursar-available-usd': '4.999',
  });
  // Each is booked before its last byte, so the balance is already right when it has arrived.
  expect(await balance()).toMatchObject({ available: usd('4.999'), held: 0n });
  await call(`ok;${sized}`, true);
  expect(await balance()).toMatchObject({ available: usd('4.998'), held: 0n });
  for (const free of ['error_400', 'overloaded', `cut_midstream;${sized}`]) await call(free, true);
  expect(await balance()).toMatchObject({ available: usd('4.998'), held: 0n });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('however many call at once, only as many are admitted as the credit covers', async () => {
  // What all 40 together would cost is more, so not even the slowest machine serves them in turn.
  await give(db.pool, payer, usd('0.03'));
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => call(`ok;${sized};first_ms=200`, true)),
  );
  const served = answers.filter(({ status }) => status === 200).length;
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(40);
  for (const { status, body } of answers) {
    if (status !== 200) expect(body.toString()).toContain('Your credit balance is too low');
  }
  const { available, held } = await balance();
  expect(held).toBe(0n);
  expect(available).toBe(usd('0.03') - BigInt(served) * usd('0.001'));
});

test.each(['revoke', 'disable'] as const)(
  '%s: the next paid call is refused, though the key was good a moment ago',
  async (move) => {
    await give(db.pool, payer, usd('5'));
    expect((await call('ok', false)).status).toBe(200);
    await changeKey(db.pool, move, { organizationId: payer.organizationId, id: key.id });
    const refused = await call('ok', false);
    expect(refused.status).toBe(401);
    expect(refused.body.toString()).toContain('invalid x-api-key');
  },
);

test('a client that leaves has paid once the upstream has ended', async () => {
  await give(db.pool, payer, usd('5'));
  await ask(
    { url, key: key.key },
    {
      headers: { 'x-sim-scenario': `ok;${sized};chunk_ms=10` },
      body: { ...question, stream: true },
      leaveWhen: (received) => received.includes('content_block_delta'),
    },
  );
  let settled = false;
  const watch = setInterval(async () => {
    settled = (await balance()).held === 0n;
  }, 20);
  await eventually(() => settled).finally(() => clearInterval(watch));
  expect(await balance()).toMatchObject({ available: usd('4.999'), held: 0n });
});
