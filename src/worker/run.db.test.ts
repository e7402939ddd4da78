import { createServer, type RequestListener } from 'node:http';
import Fastify from 'fastify';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUsd } from '#kernel/money';
import type { PaymentsDeps } from '#payments/deps';
import { receiveEvent } from '#payments/inbox';
import type { ProcessorEvent } from '#payments/processor';
import { quietNotices } from '#test/notices-world';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';
import { registerStripeWebhook } from '#webhooks/stripe';
import { startWorker } from '#worker/run';
import { startTimer, timers } from '#worker/timers';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

async function until(done: () => Promise<boolean>, what: string): Promise<void> {
  for (let wait = 0; wait < 1_200; wait++) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`waited 30 s in vain: ${what}`);
}

const outcomes = async (): Promise<(string | null)[]> => {
  const rows = await world.db.ownerPool.query<{ outcome: string | null }>({
    text: 'SELECT outcome FROM payments.webhook_inbox ORDER BY event_id',
  });
  return rows.map((row) => row.outcome);
};

const deliveries = async (purchaseId: string): Promise<bigint> => {
  const [row] = await world.db.ownerPool.query<{ n: bigint | null }>({
    text: 'SELECT sum(deliveries)::bigint AS n FROM payments.webhook_inbox WHERE purchase_id = $1',
    values: [purchaseId],
  });
  return row?.n ?? 0n;
};

const jobs = async (): Promise<bigint> => {
  const [left] = await world.db.ownerPool.query<{ jobs: bigint }>({
    text: 'SELECT count(*) AS jobs FROM graphile_worker.jobs',
  });
  return left?.jobs ?? 0n;
};

const hint = (id: string, part: Partial<ProcessorEvent>): ProcessorEvent => ({
  id,
  type: 'payment_intent.succeeded',
  livemode: false,
  objectId: part.paymentIntentId ?? 'pi_none',
  paymentIntentId: null,
  purpose: 'credit_topup',
  purchaseId: null,
  organizationId: null,
  environment: 'test',
  ...part,
});

describe('the worker', () => {
  it('as the application role credits a payment it hears of, and leaves nothing running', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    const told = await world.pay(purchase);
    const payment = String(Reflect.get(Object(told), 'payment_intent'));
    const { pool } = world.db;
    const notices = quietNotices(pool);
    const worker = await startWorker({ ...world.deps, databaseUrl: world.db.url, notices });
    try {
      await Promise.all([
        receiveEvent(
          world.deps.pool,
          '/webhooks/stripe',
          hint('evt_1', { paymentIntentId: payment }),
        ),
        receiveEvent(world.deps.pool, '/other', hint('evt_1', { paymentIntentId: payment })),
      ]);
      await until(async () => (await outcomes()).every((o) => o !== null), 'both events worked');
      expect(await world.available(org)).toBe(parseUsd('5'));
      expect(await world.grants(org)).toBe(1);
      await until(async () => (await jobs()) === 0n, 'every job worked');
    } finally {
      await worker.close();
    }
    expect(await jobs()).toBe(0n);
  });

  it('credits by the second look of each second, with no webhook at all (F50)', async () => {
    const org = await world.organization();
    let looks = 0;
    let needed: number | undefined;
    const processor: PaymentsDeps['processor'] = {
      ...world.deps.processor,
      listEventsSince(position, limit) {
        looks += 1;
        return world.deps.processor.listEventsSince(position, limit);
      },
      async retrieveCheckout(id) {
        const page = await world.deps.processor.retrieveCheckout(id);
        if (page.outcome === 'found' && page.checkout.paid) needed ??= looks;
        return page;
      },
    };
    const worker = await startWorker({ ...world.deps, processor, databaseUrl: world.db.url });
    try {
      const purchase = await world.begin(org, '5');
      await world.pay(purchase);
      const before = looks;
      await until(async () => (await world.available(org)) > 0n, 'credit');
      // The one under way may have begun too early; the second after it cannot.
      expect((needed ?? Number.NaN) - before).toBeLessThanOrEqual(2);
    } finally {
      await worker.close();
    }
    const sweep = timers(world.deps).find(({ name }) => name === 'sweep payment events');
    expect(sweep?.everyMs).toBeLessThanOrEqual(1_000);
  });

  it('credits once what the processor itself tells a hundred times (F51)', async () => {
    const url = new URL(world.simUrl);
    const stripe = new Stripe(world.secretKey, {
      host: url.hostname,
      port: url.port,
      protocol: 'http',
      telemetry: false,
    });
    // The secret is made by the processor when the address is told, so the address comes first: the
    // port is taken and kept before there is an application behind it.
    let answer: RequestListener = (_, response) => void response.writeHead(503).end();
    const server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const endpoint = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${port}/webhooks/stripe`,
      enabled_events: ['payment_intent.succeeded', 'checkout.session.completed'],
    });
    const app = Fastify({
      serverFactory: (handler) => {
        answer = handler;
        return server;
      },
    });
    registerStripeWebhook(app, {
      pool: world.deps.pool,
      secrets: [endpoint.secret ?? ''],
      livemode: false,
    });
    await app.ready();
    await world.faults({ webhooks: 'duplicate', webhook_copies: 100 });
    const worker = await startWorker({ ...world.deps, databaseUrl: world.db.url });
    try {
      const org = await world.organization();
      const purchase = await world.begin(org, '5');
      await world.pay(purchase);
      await until(async () => (await deliveries(purchase.id)) === 200n, '200 deliveries');
      await until(async () => (await outcomes()).every((o) => o !== null), 'all events worked');
      expect(await world.grants(org)).toBe(1);
      expect(await world.available(org)).toBe(parseUsd('5'));
    } finally {
      await worker.close();
      await app.close();
      server.close();
      await world.faults({});
    }
  });

  it('keeps an event whose work cannot be done now, and does it later (S07)', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    const told = await world.pay(purchase);
    const payment = String(Reflect.get(Object(told), 'payment_intent'));
    await world.faults({ api: 'down' });
    const worker = await startWorker({ ...world.deps, databaseUrl: world.db.url });
    try {
      await receiveEvent(
        world.deps.pool,
        '/webhooks/stripe',
        hint('evt_2', { paymentIntentId: payment }),
      );
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await outcomes()).toContain(null);
      await world.faults({ api: 'normal' });
      // The processor delivers again; so does the queue, later.
      await until(async () => (await world.available(org)) > 0n, 'credit');
      expect(await world.grants(org)).toBe(1);
    } finally {
      await worker.close();
    }
  });
});

describe('a quarantined payment', () => {
  it('is told of again at every start of a worker while it waits for an operator', async () => {
    const told = () =>
      world.log.filter((line) => line.message === 'quarantined payments wait for an operator');
    const start = async () =>
      (await startWorker({ ...world.deps, databaseUrl: world.db.url })).close();
    await start();
    expect(told()).toEqual([]);
    await world.db.ownerPool.query({
      text: `INSERT INTO payments.quarantined_payments
          (provider, payment_intent_id, received_minor_units, currency, mismatches)
        VALUES ('stripe', 'pi_odd', 500, 'usd', '["total"]')`,
    });
    await start();
    expect(told()).toMatchObject([{ level: 'error', fields: { count: 1, payments: ['pi_odd'] } }]);
  });
});

describe('a timer', () => {
  it('never overlaps itself and outlives a failure', async () => {
    let running = 0;
    let runs = 0;
    let most = 0;
    const timer = startTimer(
      {
        name: 'test',
        everyMs: 5,
        async run() {
          running += 1;
          most = Math.max(most, running);
          runs += 1;
          await new Promise((resolve) => setTimeout(resolve, 12));
          running -= 1;
          if (runs === 1) throw new Error('first run fails');
        },
      },
      world.deps.log,
    );
    await until(async () => runs >= 3, 'three runs');
    await timer.stop();
    expect(most).toBe(1);
    expect(running).toBe(0);
  });
});
