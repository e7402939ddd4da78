import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseUsd } from '#kernel/money';
import { type ALARMS, readAlarms, watchAlarms, webhooksAreSilent } from '#payments/alarms';
import { checkEndpoint } from '#payments/endpoint-check';
import { receiveEvent } from '#payments/inbox';
import type { Purchase } from '#payments/purchases';
import { refreshPurchase } from '#payments/purchases';
import { settlePayment } from '#payments/settle';
import { sweepEvents } from '#payments/sweep';
import { NO_FUNDS, type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeEach(async () => {
  world = await paymentsWorld();
});
afterEach(() => world.close());

const own = (text: string, values: readonly unknown[] = []) =>
  world.db.ownerPool.query({ text, values });

const raised = () =>
  readAlarms(world.deps.pool, { environment: world.deps.environment, webhooks: true });
const names = async () => (await raised()).map(({ name }) => name);
/** Of the alarms that ring, how often each was told. */
const rung = (name: keyof typeof ALARMS) =>
  world.log.filter(({ level, fields }) => level === 'error' && fields.alarm === name).length;

async function paid(): Promise<{ purchase: Purchase; payment: string }> {
  const purchase = await world.begin(await world.organization(), '5');
  const told = await world.pay(purchase);
  return { purchase, payment: String(Reflect.get(Object(told), 'payment_intent')) };
}

const longAgo = (column: string, minutes: number) =>
  own(`UPDATE payments.purchases SET ${column} = ${column} - make_interval(mins => $1)`, [minutes]);

const event = (payment: string) => ({
  id: `evt_${payment}`,
  type: 'payment_intent.succeeded',
  livemode: false,
  objectId: payment,
  paymentIntentId: payment,
  purpose: 'credit_topup',
  purchaseId: null,
  organizationId: null,
  environment: 'test',
});

it('nothing rings while all is well', async () => {
  const { payment } = await paid();
  await receiveEvent(world.deps.pool, '/webhooks/stripe', event(payment));
  await sweepEvents(world.deps);
  await longAgo('paid_seen_at', 10);
  expect(await raised()).toEqual([]);
});

it('money that was seen and is no credit rings once, after a minute, until it is', async () => {
  const { purchase, payment } = await paid();
  const broken = {
    ...world.deps,
    pool: {
      ...world.deps.pool,
      transaction: async () => {
        throw new Error('no space left on device');
      },
    },
  };
  await expect(settlePayment(broken, payment, 'webhook')).rejects.toThrow('no space');
  expect(await names()).toEqual([]);
  await longAgo('paid_seen_at', 2);
  await Promise.all([watchAlarms(world.deps), watchAlarms(world.deps)]);
  await watchAlarms(world.deps);
  expect(rung('paid_not_credited')).toBe(1);
  expect(await raised()).toMatchObject([{ name: 'paid_not_credited', detail: purchase.id }]);
  await sweepEvents(world.deps);
  await receiveEvent(world.deps.pool, '/webhooks/stripe', event(payment));
  await watchAlarms(world.deps);
  expect(world.log.at(-1)).toMatchObject({
    message: 'an alarm is over',
    fields: { alarm: 'paid_not_credited' },
  });
});

it('an event of a payment whose work is never done rings, though nobody could read it', async () => {
  const { payment } = await paid();
  await receiveEvent(world.deps.pool, '/webhooks/stripe', event(payment));
  await own(`UPDATE payments.webhook_inbox SET received_at = received_at - interval '2 minutes'`);
  expect(await names()).toEqual(['paid_not_credited']);
});

it('webhooks that stay away cost nobody credit, and are told to operator and pages (S10)', async () => {
  for (let payment = 0; payment < 4; payment++) await paid();
  await sweepEvents(world.deps);
  expect(await webhooksAreSilent(world.deps)).toBe(false);
  await longAgo('paid_seen_at', 3);
  expect(await webhooksAreSilent(world.deps)).toBe(true);
  await watchAlarms(world.deps);
  expect(rung('webhook_silence')).toBe(1);
  expect(await raised()).toMatchObject([{ detail: 'none for the last 3 payments' }]);
  // Whoever configured none is not alarmed; the pages still may say so.
  await watchAlarms({ ...world.deps, webhooksExpected: false });
  expect(await readAlarms(world.deps.pool, { environment: null, webhooks: false })).toEqual([]);
  const { payment } = await paid();
  await receiveEvent(world.deps.pool, '/webhooks/stripe', event(payment));
  await sweepEvents(world.deps);
  await longAgo('paid_seen_at', 3);
  expect(await webhooksAreSilent(world.deps)).toBe(false);
  expect(await names()).toEqual([]);
});

it('a clock that is minutes off rings before every webhook is refused as old (S32)', async () => {
  const { purchase } = await paid();
  const now = () => new Date(Date.now() - 10 * 60_000);
  const slow = { ...world.deps, clock: { ...world.deps.clock, now } };
  await sweepEvents(slow);
  expect(await world.available(purchase.organizationId)).toBe(parseUsd('5'));
  const [alarm] = await raised();
  expect(alarm?.name).toBe('clock_skew');
  expect(alarm?.detail).toMatch(/the processor is (599|60\d) s ahead/);
  // The clock is set; the next sweep, a minute later, sees it.
  await own('UPDATE payments.event_cursor SET swept_at = NULL');
  await sweepEvents(world.deps);
  expect(await names()).toEqual([]);
});

it('a wave of declines rings, a few do not, nor many among more that succeed', async () => {
  const organization = await world.organization();
  const declined = async () => {
    const purchase = await world.begin(organization, '5');
    await world.pay(purchase, NO_FUNDS);
    await refreshPurchase(world.deps, purchase.id);
  };
  for (let decline = 0; decline < 9; decline++) await declined();
  expect(await names()).toEqual([]);
  await declined();
  expect(await raised()).toMatchObject([{ name: 'decline_spike', detail: '10 declined, 0 paid' }]);
  await own(`UPDATE payments.purchases SET paid_seen_at = now() WHERE state = 'canceled'`);
  await own(`INSERT INTO payments.purchases (organization_id, id, state, trigger, actor,
      credit_nanos, provider, environment, session_expires_at, console_url, automatic_tax,
      paid_seen_at)
    SELECT organization_id, id || n, 'opening', trigger, actor, credit_nanos, provider,
      environment, session_expires_at, console_url, automatic_tax, now()
      FROM (SELECT * FROM payments.purchases LIMIT 1) AS p, generate_series(1, 2) AS n`);
  expect(await names()).toEqual([]);
});

it('a payment that is processing for a quarter of an hour rings', async () => {
  const { purchase } = await paid();
  await own(`UPDATE payments.purchases SET state = 'processing' WHERE id = $1`, [purchase.id]);
  expect(await names()).toEqual([]);
  await longAgo('updated_at', 16);
  expect(await raised()).toMatchObject([{ name: 'stuck_payments', detail: purchase.id }]);
});

it('an endpoint the processor has disabled rings until it is enabled (S10, S12)', async () => {
  const endpoints = (enabled: boolean) => ({
    ...world.deps,
    books: {
      ...world.deps.books,
      listEndpoints: async () => ({
        outcome: 'listed' as const,
        endpoints: [
          {
            url: 'http://127.0.0.1:4000/webhooks/stripe',
            enabled,
            apiVersion: world.deps.books.apiVersion,
            events: ['*'],
          },
        ],
      }),
    },
  });
  await checkEndpoint(endpoints(false));
  expect(await names()).toEqual(['webhook_endpoint']);
  await world.faults({ api: 'down' });
  await checkEndpoint(world.deps);
  await world.faults({});
  expect(await names()).toEqual(['webhook_endpoint']);
  await checkEndpoint(endpoints(true));
  expect(await names()).toEqual([]);
});
