import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId, type OrganizationId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { pursueRefund } from '#payments/refund-course';
import { requestRefund } from '#payments/refunds';
import { settlePayment } from '#payments/settle';
import { systemEntropy } from '#src/system';
import { type ConsoleWorld, consoleWorld } from '#test/console';
import { billingResponse, errorBody } from '../contract.ts';
import { paymentsResponse } from './contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world.close());

async function bought(org: OrganizationId): Promise<string> {
  const purchase = await world.payments.begin(org, '10');
  const told = Object(await world.payments.pay(purchase));
  await settlePayment(world.payments.deps, String(told.payment_intent), 'poller');
  return purchase.id;
}

async function refunded(purchaseId: string): Promise<void> {
  const { deps } = world.payments;
  const asked = await deps.pool.transaction((tx) =>
    requestRefund(tx, systemEntropy, {
      ...{ purchaseId, amount: nanos(2_500_000_000n), reason: 'goodwill', actor: 'operator' },
    }),
  );
  if (asked.outcome !== 'requested') throw new Error(asked.outcome);
  await pursueRefund(deps, asked.refund.organizationId, asked.refund.id);
}

test('payments and refunds are listed with their papers, by kind, state and day', async () => {
  const org = await world.organization('Papers');
  const person = await world.person('papers@example.com', { of: org, role: 'billing' });
  const purchase = await bought(org);
  await refunded(purchase);
  const asked = async (query: string) =>
    paymentsResponse.parse((await person.get(`/api/billing/payments${query}`)).body).data;
  expect(await asked('')).toMatchObject([
    { kind: 'refund', state: 'paid', total_usd: '2.5', purchase_id: purchase },
    { kind: 'purchase', id: purchase, state: 'credited', total_usd: '10', tax_lines: [] },
  ]);
  expect((await asked('?kind=purchase'))[0]?.receipt_url).toMatch(/^http/);
  expect((await asked('?state=paid')).map(({ kind }) => kind)).toEqual(['refund']);
  expect(await asked('?from=2001-01-01&to=2001-12-31')).toEqual([]);
  expect(await asked('?from=2001-01-01')).toHaveLength(2);
  const refused = await person.get('/api/billing/payments?from=yesterday');
  expect([refused.status, errorBody.parse(refused.body).error.field]).toEqual([400, 'from']);
});

test('a reload is told from a purchase by hand, and what failed says why and what to do', async () => {
  const org = await world.organization('Reloads');
  const person = await world.person('reloads@example.com', { of: org, role: 'billing' });
  const failure = {
    ...{ code: 'expired_card', class: 'OTHER', charged: false, title: 'The card has expired' },
    ...{ message: 'It has.', next_step: 'Save another card.', reference: 'pur_x' },
  };
  const row = (trigger: string, why: object | null) => ({
    text: `WITH p AS (INSERT INTO payments.purchases (organization_id, id, state, trigger, actor,
          credit_nanos, provider, environment, session_expires_at, console_url, automatic_tax,
          failure)
        VALUES ($1, $2, 'failed', $3, 'user', 5000000000, 'stripe', 'test', bursar.now(),
          'http://127.0.0.1:4000', false, $4) RETURNING organization_id, id)
      INSERT INTO payments.purchase_timeline (organization_id, purchase_id, seq, state, detail)
      SELECT organization_id, id, 1, 'failed', 'It was switched off.' FROM p`,
    values: [org, newId('purchase', systemEntropy), trigger, why && JSON.stringify(why)],
  });
  await world.payments.db.ownerPool.query(row('auto_reload', failure));
  await world.payments.db.ownerPool.query(row('auto_reload', null));
  const purchase = await bought(org);
  const { data } = paymentsResponse.parse((await person.get('/api/billing/payments')).body);
  expect(data).toMatchObject([
    { id: purchase, trigger: 'manual', reason: null, next_step: null },
    { trigger: 'auto_reload', reason: 'It was switched off.', next_step: null },
    { trigger: 'auto_reload', reason: 'The card has expired', next_step: 'Save another card.' },
  ]);
});

test('another organization sees none of them', async () => {
  const mine = await world.organization('Mine');
  await bought(mine);
  const other = await world.organization('Other');
  const person = await world.person('other@example.com', { of: other, role: 'admin' });
  const listed = paymentsResponse.parse((await person.get('/api/billing/payments')).body);
  expect(listed).toEqual({ data: [], next: null });
});

test('pages are taken up where the last one ended, and none is shown twice', async () => {
  const org = await world.organization('Many');
  const person = await world.person('many@example.com', { of: org, role: 'admin' });
  for (let count = 0; count < 60; count++) {
    await world.payments.db.ownerPool.query({
      text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor,
          credit_nanos, provider, environment, session_expires_at, console_url, automatic_tax)
        VALUES ($1, $2, 'expired', 'manual', 'user', 5000000000, 'stripe', 'test', bursar.now(),
          'http://127.0.0.1:4000', false)`,
      values: [org, newId('purchase', systemEntropy)],
    });
  }
  const first = paymentsResponse.parse((await person.get('/api/billing/payments')).body);
  const second = paymentsResponse.parse(
    (await person.get(`/api/billing/payments?before=${first.next}`)).body,
  );
  expect([first.data.length, second.data.length, second.next]).toEqual([50, 10, null]);
  const ids = [...first.data, ...second.data].map(({ id }) => id);
  expect(new Set(ids).size).toBe(60);
});

test('what is owed is said where credits are bought (S23)', async () => {
  const org = await world.organization('Owing');
  const person = await world.person('owing@example.com', { of: org, role: 'admin' });
  const notice = async () =>
    billingResponse.parse((await person.get('/api/billing')).body).debt_notice;
  await bought(org);
  expect(await notice()).toBeNull();
  await world.payments.db.ownerPool.query({
    text: 'UPDATE ledger.books SET customer_debt_nanos = -4000000000 WHERE organization_id = $1',
    values: [org],
  });
  expect(await notice()).toContain('$4.00 is owed');
});
