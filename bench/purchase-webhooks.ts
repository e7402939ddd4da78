import { createHmac } from 'node:crypto';
import Fastify from 'fastify';
import { Logger, run } from 'graphile-worker';
import { WEBHOOK_PATH } from '#payments/endpoint-check';
import { registerStripeWebhook } from '#webhooks/stripe';
import { tasks } from '#worker/tasks';
import type { Shop } from './purchase-shop.ts';

const SECRET = 'whsec_bench';
const SENT_AT_ONCE = 32;
/** What a page and its payment tell when the card was good. */
const TYPES = ['payment_intent.succeeded', 'checkout.session.completed'];
const EVENTS_PER_CALL = 100;

/**
 * Every event of `count` payments, `copies` times each, in no order, over HTTP to the route, with
 * nothing but webhooks to learn from: no sweep, no poll, no page. Each payment must be one grant.
 */
export async function deliverShuffled(
  shop: Shop,
  count: number,
  copies: number,
): Promise<Record<string, number>> {
  const purchases = await shop.begin(count);
  const payments = new Set<string>();
  for (const purchase of purchases) payments.add(await shop.pay(purchase));
  const events = (await eventsOf(shop)).filter(({ about }) => payments.has(about));
  const deliveries = shuffled(events.flatMap(({ body }) => Array<string>(copies).fill(body)));
  console.log(`\npurchase: ${deliveries.length} webhook deliveries of ${count} payments, shuffled`);
  const app = Fastify({ logger: false });
  registerStripeWebhook(app, { pool: shop.deps.pool, secrets: [SECRET], livemode: false });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const jobs = await run({
    connectionString: shop.databaseUrl,
    schema: 'graphile_worker',
    taskList: tasks(shop.deps),
    concurrency: 4,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
  });
  const sent = deliveries.length;
  const began = performance.now();
  try {
    await send(`${address}${WEBHOOK_PATH}`, deliveries);
    await worked(shop);
  } finally {
    await jobs.stop();
    await app.close();
  }
  const perSecond = sent / ((performance.now() - began) / 1_000);
  const grants = await grantsOf(
    shop,
    purchases.map(({ organizationId }) => organizationId),
  );
  console.log(`  ${perSecond.toFixed(0)} per second; ${payments.size} payments, ${grants} grants`);
  if (grants !== payments.size) throw new Error('grants are not payments');
  return {
    webhook_deliveries: sent,
    webhook_deliveries_per_s: perSecond,
    webhook_payments: payments.size,
    webhook_grants: grants,
  };
}

async function send(url: string, bodies: string[]): Promise<void> {
  let refused = 0;
  const sender = async (): Promise<void> => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
      const at = Math.floor(Date.now() / 1_000);
      const v1 = createHmac('sha256', SECRET).update(`${at}.${body}`).digest('hex');
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': `t=${at},v1=${v1}` },
        body,
      });
      await answer.body?.cancel();
      if (answer.status !== 200) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: SENT_AT_ONCE }, sender));
  if (refused > 0) throw new Error(`${refused} deliveries were refused`);
}

/** Waits for the last job. */
async function worked(shop: Shop): Promise<void> {
  for (;;) {
    const [row] = await shop.owner.query<{ left: number }>({
      text: `SELECT (SELECT count(*) FROM payments.webhook_inbox WHERE outcome IS NULL)::int AS left`,
    });
    if (row?.left === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function grantsOf(shop: Shop, organizations: readonly string[]): Promise<number> {
  const [row] = await shop.owner.query<{ grants: number }>({
    text: 'SELECT count(*)::int AS grants FROM ledger.grants WHERE organization_id = ANY ($1)',
    values: [organizations],
  });
  return row?.grants ?? 0;
}

/** As the processor would send them; `about` is the payment. */
async function eventsOf(shop: Shop): Promise<{ about: string; body: string }[]> {
  const found: { about: string; body: string }[] = [];
  for (const type of TYPES) {
    let after = '';
    for (let more = true; more; ) {
      const query = new URLSearchParams({ type, limit: String(EVENTS_PER_CALL) });
      if (after !== '') query.set('starting_after', after);
      const answer = await fetch(`${shop.processorUrl}/v1/events?${query}`, {
        headers: { authorization: 'Bearer sk_test_bench' },
      });
      const page: unknown = await answer.json();
      const data: unknown = Reflect.get(Object(page), 'data');
      if (!Array.isArray(data)) throw new Error(JSON.stringify(page));
      for (const event of data) {
        const object: unknown = event.data.object;
        const payment = Reflect.get(Object(object), 'payment_intent') ?? event.data.object.id;
        found.push({ about: String(payment), body: JSON.stringify(event) });
        after = String(event.id);
      }
      more = data.length === EVENTS_PER_CALL;
    }
  }
  return found;
}

const shuffled = <T>(rows: readonly T[]): T[] =>
  rows
    .map((row) => ({ row, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ row }) => row);
