import Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { receiver, type SimForTests, simForTests, until } from './sim-for-tests.ts';

const SECRET = 'whsec_test';
let on: SimForTests;
let hook: Awaited<ReturnType<typeof receiver>>;
let status = 200;

beforeEach(async () => {
  status = 200;
  hook = await receiver(() => status);
  on = await simForTests({ webhook: { url: hook.url, secret: SECRET } });
  await on.control('PUT', 'settings', { webhook_retry_ms: 20 });
});

afterEach(async () => {
  await on.sim.close();
  await hook.close();
});

async function buy(number = '4242424242424242') {
  const session = await on.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [
      {
        quantity: 2,
        price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'x' } },
      },
    ],
    success_url: 'http://127.0.0.1:9/ok',
  });
  return on.control('POST', `pay/${session.id}`, { number });
}

const FLOW = [
  'payment_intent.created',
  'charge.succeeded',
  'payment_intent.succeeded',
  'checkout.session.completed',
  'charge.updated',
];

it('a purchase is told event by event, signed so that the SDK accepts it', async () => {
  await buy();
  await until(() => hook.received.length === FLOW.length);
  expect(new Set(hook.types())).toEqual(new Set(FLOW));
  for (const { body, signature } of hook.received) {
    expect(Stripe.webhooks.constructEvent(body, signature, SECRET).object).toBe('event');
    expect(() => Stripe.webhooks.constructEvent(`${body} `, signature, SECRET)).toThrow();
  }
  const events = await on.stripe.events.list();
  expect(events.data.map((event) => event.type).reverse()).toEqual(FLOW);
});

it('a decline is told as a failed charge and a failed payment', async () => {
  await buy('4000000000000002');
  await until(() => hook.received.length === 3);
  expect(new Set(hook.types())).toEqual(
    new Set(['payment_intent.created', 'charge.failed', 'payment_intent.payment_failed']),
  );
});

it('an endpoint made through the API gets what it asked for, under its own secret', async () => {
  const other = await receiver();
  const endpoint = await on.stripe.webhookEndpoints.create({
    url: other.url,
    enabled_events: ['payment_intent.succeeded'],
  });
  expect((await on.stripe.webhookEndpoints.retrieve(endpoint.id)).secret).toBeUndefined();
  await buy();
  await until(() => other.received.length === 1);
  const [only] = other.received;
  const event = Stripe.webhooks.constructEvent(
    only?.body ?? '',
    only?.signature ?? '',
    endpoint.secret ?? '',
  );
  expect(event.type).toBe('payment_intent.succeeded');
  await on.stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
  await buy();
  await until(() => hook.received.length === FLOW.length * 2);
  expect(other.received).toHaveLength(1);
  expect(await on.stripe.webhookEndpoints.del(endpoint.id)).toMatchObject({ deleted: true });
  await other.close();
});

it('any answer that is not a success, redirects included, is tried again', async () => {
  status = 302;
  await buy();
  await until(() => hook.received.length >= FLOW.length * 2);
  status = 200;
  await until(async () => {
    const rows = (await on.control('GET', 'deliveries')).data as Array<{ state: string }>;
    return rows.length === FLOW.length && rows.every((row) => row.state === 'delivered');
  });
});

it('dropped webhooks never arrive, but the events are there', async () => {
  await on.control('PUT', 'faults', { webhooks: 'drop' });
  await buy();
  await on.control('PUT', 'faults', {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(hook.received).toEqual([]);
  const { data } = await on.stripe.events.list({ types: ['checkout.session.completed'] });
  expect(data).toHaveLength(1);
});

it('duplicated webhooks arrive as many times as asked', async () => {
  await on.control('PUT', 'faults', { webhooks: 'duplicate', webhook_copies: 3 });
  await buy();
  await until(() => hook.received.length === FLOW.length * 3);
});

it('shuffled webhooks arrive out of order', async () => {
  await on.control('PUT', 'faults', { webhooks: 'shuffle', webhook_delay_ms: 50 });
  await buy();
  await until(() => hook.received.length === FLOW.length);
  expect(hook.types()).toEqual(FLOW.toReversed());
});

it('delayed webhooks arrive late', async () => {
  await on.control('PUT', 'faults', { webhooks: 'delay', webhook_delay_ms: 1_500 });
  await buy();
  expect(hook.received).toEqual([]);
  await until(() => hook.received.length === FLOW.length);
});
