import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../e2e/until.ts';
import { openStore, type Store } from './store.ts';

const MONEY = ['payment_intent.succeeded', 'checkout.session.completed'];

let store: Store;
beforeAll(async () => {
  store = await openStore();
  // Only what a test delivers arrives, unless it says otherwise.
  await store.faults({ webhooks: 'drop' });
});
afterAll(() => store?.close());
afterEach(() => store.faults({ webhooks: 'drop' }));

const received = async (id: string): Promise<number> => {
  const text = 'SELECT FROM payments.webhook_inbox WHERE event_id = $1';
  return (await store.pool.query({ text, values: [id] })).length;
};

const completed = (id: string, session: string, more: object = {}) => ({
  ...{ id, object: 'event', type: 'checkout.session.completed', livemode: false },
  data: { object: { id: session, object: 'checkout.session', payment_status: 'paid' } },
  ...more,
});

test('S01: an event forged with an empty or a wrong key is refused and leaves no trace', async () => {
  const ada = await store.buyer('s01');
  const purchase = await ada.begin('5');
  const session = /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0] ?? '';
  for (const key of ['', ' ', 'whsec_', 'whsec_guessed']) {
    expect(await store.deliver(completed('evt_forged', session), { key }), key).toBe(400);
  }
  expect(await received('evt_forged')).toBe(0);
  expect(await ada.grants()).toBe(0);
});

test('S01: even a rightly signed event grants nothing that the processor does not confirm', async () => {
  const ada = await store.buyer('s01b');
  const purchase = await ada.begin('5');
  const session = /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0] ?? '';
  const about = await store.stripe.checkout.sessions.retrieve(session);
  const stranger = await store.stripe.paymentIntents.create({
    amount: 500,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    off_session: true,
  });
  const lie = completed('evt_lie', session);
  const object = { ...lie.data.object, payment_intent: stranger.id, metadata: about.metadata };
  expect(await store.deliver({ ...lie, data: { object } })).toBe(200);
  await worked('evt_lie');
  expect((await ada.purchase(purchase.id)).state).toBe('awaiting_customer');
  expect(await ada.grants()).toBe(0);
});

const worked = (id: string) =>
  until(`the work of ${id}`, 60_000, async () => {
    const text = 'SELECT outcome FROM payments.webhook_inbox WHERE event_id = $1';
    const [row] = await store.pool.query<{ outcome: string | null }>({ text, values: [id] });
    return row?.outcome ?? undefined;
  });

test('S04: one event fifty times at once is one grant', async () => {
  const ada = await store.buyer('s04');
  const purchase = await ada.begin('5');
  const payment = await store.pay(purchase);
  const [event] = await store.events(payment, ['payment_intent.succeeded']);
  const answers = await Promise.all(Array.from({ length: 50 }, () => store.deliver(event ?? {})));
  expect(new Set(answers)).toEqual(new Set([200]));
  await ada.credited(purchase.id);
  expect(await ada.grants()).toBe(1);
  // Resent by hand a day later, say.
  expect(await store.deliver(event ?? {})).toBe(200);
  expect(await ada.grants()).toBe(1);
});

test('S05: page and payment both tell of it, in either order, and it is one grant', async () => {
  const ada = await store.buyer('s05');
  for (const order of [MONEY, [...MONEY].reverse()]) {
    const before = await ada.grants();
    const purchase = await ada.begin('5');
    const payment = await store.pay(purchase);
    for (const type of order) {
      for (const event of await store.events(payment, [type])) await store.deliver(event);
    }
    await ada.credited(purchase.id);
    expect(await ada.grants()).toBe(before + 1);
  }
});

test('S09: an endpoint that moved and answers 307 costs nobody their credit', async () => {
  const moved = createServer((_, response) => {
    response.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => moved.listen(0, '127.0.0.1', resolve));
  const address = moved.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const endpoint = await store.stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${port}/webhooks/stripe`,
    enabled_events: ['*'],
  });
  try {
    await store.faults({});
    await store.stripe.webhookEndpoints.update((await ownEndpoint()).id, { disabled: true });
    const ada = await store.buyer('s09');
    const purchase = await ada.begin('5');
    await store.pay(purchase);
    await ada.credited(purchase.id);
    expect(await ada.grants()).toBe(1);
  } finally {
    await store.stripe.webhookEndpoints.del(endpoint.id);
    await store.stripe.webhookEndpoints.update((await ownEndpoint()).id, { disabled: false });
    moved.close();
  }
});

async function ownEndpoint() {
  const url = `${store.product.run.console}/webhooks/stripe`;
  const { data } = await store.stripe.webhookEndpoints.list({ limit: 100 });
  const own = data.find((endpoint) => endpoint.url === url);
  if (own === undefined) throw new Error(`no endpoint ${url}`);
  return own;
}

test('S10: with the endpoint disabled everyone is credited, and operator and buyer are told', async () => {
  await store.faults({});
  await store.stripe.webhookEndpoints.update((await ownEndpoint()).id, { disabled: true });
  const ada = await store.buyer('s10');
  for (let bought = 0; bought < 3; bought++) {
    const purchase = await ada.begin('5');
    await store.pay(purchase);
    await ada.credited(purchase.id);
  }
  // Three minutes later.
  await store.pool.query({
    text: `UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '3 minutes'
      WHERE organization_id = $1`,
    values: [ada.org],
  });
  await store.pool.query({
    text: `UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '1 hour'
      WHERE organization_id <> $1`,
    values: [ada.org],
  });
  expect(await store.check('payment alarms')).toMatchObject({
    ok: false,
    detail: expect.stringContaining('webhooks are not arriving'),
  });
  expect(await ada.silent()).toBe(true);
  await store.stripe.webhookEndpoints.update((await ownEndpoint()).id, { disabled: false });
  const purchase = await ada.begin('5');
  const payment = await store.pay(purchase);
  await ada.credited(purchase.id);
  await until('its webhook', 60_000, async () => {
    const text = 'SELECT FROM payments.webhook_inbox WHERE payment_intent_id = $1';
    return (await store.pool.query({ text, values: [payment] }))[0];
  });
  await store.pool.query({
    text: `UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '3 minutes'
      WHERE id = $1`,
    values: [purchase.id],
  });
  expect(await ada.silent()).toBe(false);
  expect(await store.check('payment alarms')).toMatchObject({ ok: true });
});

test('S11: every webhook lost and the browser closed, it is credited and the story is true', async () => {
  const ada = await store.buyer('s11');
  const purchase = await ada.begin('5');
  await store.pay(purchase);
  const credited = await ada.credited(purchase.id);
  expect(credited.timeline.map(({ state }) => state)).toEqual([
    'draft',
    'opening',
    'awaiting_customer',
    'credited',
  ]);
  expect(credited.timeline.at(-1)?.detail).toContain('ready to use');
  expect(credited.grant_id).toMatch(/^grant_/);
});

test('S30, F52: a page that says completed and is not paid grants nothing; once paid, one grant', async () => {
  const ada = await store.buyer('s30');
  const purchase = await ada.begin('5');
  const session = /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0] ?? '';
  const { metadata } = await store.stripe.checkout.sessions.retrieve(session);
  const early = completed('evt_unpaid', session);
  const object = { ...early.data.object, payment_status: 'unpaid', metadata };
  expect(await store.deliver({ ...early, data: { object } })).toBe(200);
  await worked('evt_unpaid');
  expect(await ada.grants()).toBe(0);
  await store.pay(purchase);
  await ada.credited(purchase.id);
  expect(await ada.grants()).toBe(1);
});

test('S32: with a clock that is far off every signature is refused, and credit still comes', async () => {
  const ada = await store.buyer('s32');
  const purchase = await ada.begin('5');
  const payment = await store.pay(purchase);
  const tenMinutesAgo = Math.floor(Date.now() / 1_000) - 600;
  for (const event of await store.events(payment, MONEY)) {
    expect(await store.deliver(event, { at: tenMinutesAgo })).toBe(400);
  }
  await ada.credited(purchase.id);
});

test('S33, F69: an event of the live mode is refused in a test deployment', async () => {
  const ada = await store.buyer('s33');
  const purchase = await ada.begin('5');
  const session = /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0] ?? '';
  expect(await store.deliver(completed('evt_live', session, { livemode: true }))).toBe(400);
  expect(await received('evt_live')).toBe(0);
  expect(await ada.grants()).toBe(0);
});

test('after all of it processor and books agree', async () => {
  const { exitCode, stdout } = await store.product.tryCli('reconcile');
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, differences: [] });
  expect(exitCode).toBe(0);
});
