import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Db, Pool } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { receiveEvent, workEvent } from '#payments/inbox';
import type { ProcessorEvent } from '#payments/processor';
import { type Purchase, readPurchase } from '#payments/purchases';
import { settlePayment } from '#payments/settle';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

async function paid(): Promise<{ org: OrganizationId; purchase: Purchase; payment: string }> {
  const org = await world.organization();
  const purchase = await world.begin(org, '5');
  const told = await world.pay(purchase);
  return { org, purchase, payment: String(Reflect.get(Object(told), 'payment_intent')) };
}

const succeeded = (payment: string, purchase: Purchase): ProcessorEvent => ({
  id: `evt_of_${payment}`,
  type: 'payment_intent.succeeded',
  livemode: false,
  objectId: payment,
  paymentIntentId: payment,
  purpose: 'credit_topup',
  purchaseId: purchase.id,
  organizationId: purchase.organizationId,
  environment: 'test',
});

async function oneGrant(org: OrganizationId): Promise<void> {
  expect(await world.grants(org)).toBe(1);
  expect(await world.available(org)).toBe(parseUsd('5'));
}

/** Fails at the statement or commit of that number, as a disk that is full. */
function failingAt(pool: Pool, step: number): { pool: Pool; failed(): boolean } {
  let taken = 0;
  const next = (): void => {
    taken += 1;
    if (taken === step) throw new Error('could not extend file: No space left on device');
  };
  const failing = (db: Db): Db => ({
    query: async (statement) => {
      next();
      return db.query(statement);
    },
  });
  return {
    failed: () => taken >= step,
    pool: {
      ...failing(pool),
      transaction: (work) =>
        pool.transaction(async (tx) => {
          const result = await work(failing(tx));
          next();
          return result;
        }),
      close: () => pool.close(),
    },
  };
}

test('S06: an event that one endpoint has dealt with is not thereby dealt with by the other', async () => {
  const { org, purchase, payment } = await paid();
  const event = succeeded(payment, purchase);
  const { pool } = world.deps;
  // The first belongs to another product: there it is ignored, and done.
  await receiveEvent(pool, '/webhooks/other', { ...event, purpose: 'subscription' });
  await receiveEvent(pool, '/webhooks/stripe', event);
  await workEvent(world.deps, '/webhooks/stripe', event.id);
  await oneGrant(org);
});

test('S07: the database failing at any statement leaves work that is done the next time', async () => {
  let step = 1;
  for (; step < 60; step++) {
    const { org, purchase, payment } = await paid();
    const event = succeeded(payment, purchase);
    await receiveEvent(world.deps.pool, '/webhooks/stripe', event);
    const { pool, failed } = failingAt(world.deps.pool, step);
    const work = () => workEvent({ ...world.deps, pool }, '/webhooks/stripe', event.id);
    const outcome = await work().then(
      () => 'done',
      () => 'broke off',
    );
    expect(outcome).toBe(failed() ? 'broke off' : 'done');
    // Delivered again, and worked with a disk that has room.
    await receiveEvent(world.deps.pool, '/webhooks/stripe', event);
    await workEvent(world.deps, '/webhooks/stripe', event.id);
    await oneGrant(org);
    const text = 'SELECT outcome FROM payments.webhook_inbox WHERE event_id = $1';
    const [row] = await world.deps.pool.query<{ outcome: string }>({ text, values: [event.id] });
    expect(row?.outcome).toMatch(/^(already_)?credited$/);
    if (!failed()) break;
  }
  expect(step).toBeGreaterThan(10);
  expect(step).toBeLessThan(60);
});

test('S08: a webhook that is faster than the answer that opened the page is not lost', async () => {
  const { org, purchase, payment } = await paid();
  // What our side knew while the processor was still answering.
  await world.db.ownerPool.query({
    text: `UPDATE payments.purchases SET state = 'opening', session_id = NULL, redirect_url = NULL
      WHERE id = $1`,
    values: [purchase.id],
  });
  const event = succeeded(payment, purchase);
  await receiveEvent(world.deps.pool, '/webhooks/stripe', event);
  await workEvent(world.deps, '/webhooks/stripe', event.id);
  await oneGrant(org);
  expect(await readPurchase(world.deps.pool, purchase.id)).toMatchObject({
    state: 'credited',
    sessionId: purchase.sessionId,
  });
});

test('S01: what one processor sold is never settled by another', async () => {
  const { org, payment } = await paid();
  const other = { ...world.deps, processor: { ...world.deps.processor, name: 'epay' } };
  expect(await settlePayment(other, payment, 'webhook')).toEqual({ outcome: 'quarantined' });
  expect(await world.grants(org)).toBe(0);
});

test('after all of it the ledger balances', async () => {
  expect(await verifyLedger(world.deps.pool)).toMatchObject({ ok: true });
});
