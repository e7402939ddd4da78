import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { verifyLedger } from '#ledger/reconcile';
import { changeKey } from '#orgs/api-keys';
import type { TestDatabase } from '#test/database';
import { type Customer, type GatewayProcesses, gatewayProcesses } from '#test/gateway-processes';
import { ask, eventually, question } from '#test/gateway-world';
import { give, usd } from '#test/ledger-world';

let world: GatewayProcesses;
let db: TestDatabase;
let url: string;
let payer: Customer;

beforeAll(async () => {
  world = await gatewayProcesses();
  ({ db } = world);
  ({ url } = await world.start());
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.customer();
});

const call = (scenario: string, stream: boolean) =>
  ask(
    { url, key: payer.key },
    { headers: { 'x-sim-scenario': scenario }, body: { ...question, stream } },
  );
const balance = () => world.balance(payer);
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
    await changeKey(db.pool, move, { organizationId: payer.organizationId, id: payer.keyId });
    const refused = await call('ok', false);
    expect(refused.status).toBe(401);
    expect(refused.body.toString()).toContain('invalid x-api-key');
  },
);

test('a client that leaves has paid once the upstream has ended', async () => {
  await give(db.pool, payer, usd('5'));
  await ask(
    { url, key: payer.key },
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
