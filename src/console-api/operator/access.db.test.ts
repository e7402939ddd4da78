import { afterAll, beforeAll, expect, test } from 'vitest';
import { refreshPurchase } from '#payments/purchases';
import { type Browser, OPERATORS } from '#test/console';
import { type OperatorWorld, operatorWorld } from '#test/operator-world';
import { meResponse } from '../contract.ts';

let world: OperatorWorld;
beforeAll(async () => {
  world = await operatorWorld();
});
afterAll(() => world.close());

/** Every route with things that exist, so that only who asks decides. */
async function deeds() {
  const org = await world.organization('Target');
  const purchase = await world.payments.begin(org, '20');
  await world.payments.pay(purchase);
  await refreshPurchase(world.payments.deps, purchase.id);
  const payment = await world.misdirected();
  const reason = 'because';
  const at = {
    org: `/api/operator/organizations/${org}`,
    purchase: `/api/operator/purchases/${purchase.id}/refund`,
    payment: `/api/operator/payments/${payment}`,
  };
  const reads = ['/api/operator', '/api/operator/organizations?q=Target', ...Object.values(at)];
  const changes: readonly (readonly [path: string, body: object])[] = [
    [`${at.org}/suspend`, { reason }],
    [`${at.org}/resume`, { reason }],
    [at.purchase, { reason, credit_usd: '20', seen: 0 }],
    [`${at.payment}/credit`, { reason, organization_id: org }],
    [`${at.payment}/refund`, { reason }],
  ];
  const everything = (by: Browser) =>
    Promise.all([
      ...reads.map((path) => by.get(path)),
      ...changes.map(([path, body]) => by.post(path, body)),
    ]);
  return { org, reads, everything };
}

test('nobody but an operator is told or moves anything, not even whose money it is', async () => {
  const { org, reads, everything } = await deeds();
  const admin = await world.person('admin@target.example', { of: org, role: 'admin' });
  const alike = [`x${OPERATORS[0]}`, `${OPERATORS[0]}.example`, 'operator@example.co'];
  const nobody = await Promise.all(alike.map((email) => world.person(email)));
  const nothing = await admin.get('/api/nothing-of-the-kind');
  for (const person of [admin, ...nobody]) {
    for (const answer of await everything(person)) {
      expect([answer.status, answer.body]).toEqual([404, nothing.body]);
    }
  }
  for (const answer of await everything(world.stranger())) expect(answer.status).toBe(401);
  expect(await world.payments.available(org)).toBe(20_000_000_000n);
  expect(await world.audit(org)).toEqual([]);
  for (const path of reads) expect((await world.operator.get(path)).status).toBe(200);
});

test('the pages learn who is an operator, however the address is written', async () => {
  const isOperator = async (by: Browser) =>
    meResponse.parse((await by.get('/api/me')).body).operator;
  const shouted = await world.person(` ${OPERATORS[0].toUpperCase()} `);
  expect(await isOperator(shouted)).toBe(true);
  expect(await isOperator(await world.person('somebody@example.com'))).toBe(false);
});

test('an operator signed out is nobody, at once', async () => {
  const leaving = await world.person(OPERATORS[1]);
  expect((await leaving.get('/api/operator')).status).toBe(200);
  await leaving.post('/api/sign-out');
  expect((await leaving.get('/api/operator')).status).toBe(401);
});
