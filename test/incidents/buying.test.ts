import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../e2e/account.ts';
import { createdKey, MODEL, usd } from '../e2e/shapes.ts';
import { until } from '../e2e/until.ts';
import { openStore, type Store } from './store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store?.close());

const sessionOf = (purchase: { redirect_url: string | null }): string =>
  /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0] ?? '';

async function keyOf(org: string): Promise<string> {
  const made = await store.product.cli(createdKey, 'key', 'create', '--org', org, '--name', 'k');
  return made.key;
}

const call = (apiKey: string, maxTokens = 50) =>
  ask(store.product.run.gateway, {
    apiKey,
    body: JSON.stringify({
      model: MODEL,
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: 'Is it there yet?' }],
    }),
  });

test('S13: five impatient clicks on a slow processor are one page, one charge, one grant', async () => {
  const ada = await store.buyer('s13');
  await store.faults({ api_delay_ms: 700 });
  const clicks = await Promise.all(Array.from({ length: 5 }, () => ada.begin('5', 'one-form-s13')));
  expect(new Set(clicks.map(({ id }) => id)).size).toBe(1);
  await store.faults({});
  const [first] = clicks;
  const opened = await until('the page', 60_000, async () => {
    const now = await ada.purchase(first?.id ?? '');
    return now.redirect_url === null ? undefined : now;
  });
  // Paid, and the answer is lost on the way: they reload and pay again.
  await store.pay(opened);
  await expect(store.pay(opened)).rejects.toThrow();
  await ada.credited(opened.id);
  expect(await ada.charges()).toBe(1);
  expect(await ada.grants()).toBe(1);
});

test('S13: who gives up on a slow page and starts anew can pay once only', async () => {
  const ada = await store.buyer('s13b');
  const slow = await ada.begin('5');
  const next = await ada.begin('5');
  await expect(store.pay(slow)).rejects.toThrow();
  await store.pay(next);
  await ada.credited(next.id);
  expect((await ada.purchase(slow.id)).state).toBe('canceled');
  expect(await ada.charges()).toBe(1);
});

test('S14: a double click is one purchase', async () => {
  const ada = await store.buyer('s14');
  const [one, two] = await Promise.all([
    ada.begin('8', 'double-click-s14'),
    ada.begin('8', 'double-click-s14'),
  ]);
  expect(one?.id).toBe(two?.id);
});

test('S15: work that was done and answered with an error is found, not done twice', async () => {
  const ada = await store.buyer('s15');
  await store.faults({ api: 'error_500_after' });
  const purchase = await ada.begin('5', 'half-received-s15');
  await store.faults({});
  const opened = await until('the page', 60_000, async () => {
    const now = await ada.purchase(purchase.id);
    return now.redirect_url === null ? undefined : now;
  });
  const sessions = await store.stripe.checkout.sessions.list({ limit: 100 });
  const ours = sessions.data.filter(({ metadata }) => metadata?.org_id === ada.org);
  expect(ours.map(({ id }) => id)).toEqual([sessionOf(opened)]);
  await store.pay(opened);
  await ada.credited(opened.id);
  expect(await ada.charges()).toBe(1);
});

test('S17: no purchase and no refused request ever makes another charge or page', async () => {
  const ada = await store.buyer('s17');
  const apiKey = await keyOf(ada.org);
  expect((await call(apiKey)).status).toBe(400);
  const purchase = await ada.begin('5');
  await store.pay(purchase);
  await ada.credited(purchase.id);
  // More than there is, again and again.
  for (let refused = 0; refused < 20; refused++) {
    expect((await call(apiKey, 64_000_000)).status).toBe(400);
  }
  const sessions = await store.stripe.checkout.sessions.list({ limit: 100 });
  expect(sessions.data.filter(({ metadata }) => metadata?.org_id === ada.org)).toHaveLength(1);
  expect(await ada.charges()).toBe(1);
});

test('S29, F70: a payment whose amount or tags were tampered with is set aside and grants nothing', async () => {
  const ada = await store.buyer('s29');
  // A second look, a minute later, would already set it aside: here nobody takes one.
  await store.faults({ webhooks: 'drop' });
  const purchase = await ada.begin('5');
  const session = await store.stripe.checkout.sessions.retrieve(sessionOf(purchase));
  const payment = await store.stripe.paymentIntents.create({
    amount: 50,
    currency: 'usd',
    customer: String(session.customer),
    payment_method: 'pm_card_visa',
    confirm: true,
    off_session: true,
    metadata: { ...session.metadata, credit_usd: '500' },
  });
  await until('a look at it', 60_000, async () => {
    const text = `SELECT FROM payments.purchases WHERE id = $1 AND paid_seen_at IS NOT NULL`;
    return (await store.pool.query({ text, values: [purchase.id] }))[0];
  });
  // A minute passes in which the page still knows nothing of such a payment.
  await store.pool.query({
    text: `UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '2 minutes'
      WHERE id = $1`,
    values: [purchase.id],
  });
  expect(await store.check('payment alarms')).toMatchObject({
    ok: false,
    detail: expect.stringContaining(purchase.id),
  });
  const { exitCode, stdout } = await store.product.tryCli('reconcile');
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    differences: [{ kind: 'paid_not_credited', reference: payment.id, detail: expect.any(String) }],
  });
  expect((await store.check('quarantined payments')).detail).toContain(payment.id);
  expect((await ada.purchase(purchase.id)).state).toBe('quarantined');
  expect(await ada.grants()).toBe(0);
});

test('S36: what the Console shows is what the gateway admits by, from the first moment', async () => {
  const ada = await store.buyer('s36');
  const apiKey = await keyOf(ada.org);
  expect((await call(apiKey)).status).toBe(400);
  const purchase = await ada.begin('5');
  await store.pay(purchase);
  await ada.credited(purchase.id);
  const shown = await ada.visitor.available();
  expect(shown).toBe(usd('5'));
  const answer = await call(apiKey);
  expect(answer.status).toBe(200);
  const cost = usd(answer.headers.get('bursar-cost-usd') ?? '');
  expect(usd(answer.headers.get('bursar-available-usd') ?? '')).toBe(shown - cost);
});
