import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { balance, usd, verdict } from '../e2e/shapes.ts';
import { until } from '../e2e/until.ts';
import { type Buyer, openStore, type Store } from './store.ts';

const WAIT = 60_000;
const REFUND_FAILS = '4000000000005126';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store?.close());

const refund = z.object({ id: z.string(), state: z.string() });
const refunds = z.object({ data: z.array(refund) });
const disputes = z.object({ data: z.array(z.object({ purchase_id: z.string() })) });
const refusal = z.object({ error: z.object({ code: z.string() }) });

async function bought(buyer: Buyer, amount: string, number?: string) {
  const purchase = await buyer.begin(amount);
  const payment = await store.pay(purchase, number);
  await buyer.credited(purchase.id);
  return { id: purchase.id, payment };
}

/** What somebody does at the processor, outside of ours. */
async function there(path: string, body: object): Promise<void> {
  const answer = await fetch(`${store.product.run.stripe_sim}/_sim/${path}`, {
    ...{ method: path === 'settings' ? 'PUT' : 'POST', body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json' },
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
}

async function sums({ org }: Buyer): Promise<string> {
  const now = await store.product.cli(balance, 'balance', '--org', org);
  return [now.available_usd, now.frozen_usd, now.debt_usd].join(' ');
}
const become = (buyer: Buyer, wanted: string) =>
  until(`a balance of ${wanted}`, WAIT, async () =>
    (await sums(buyer)) === wanted ? true : undefined,
  );

test('S25: a dispute, which names no customer, freezes the purchase of its payment', async () => {
  const [ada, bob] = [await store.buyer('s25'), await store.buyer('s25-other')];
  const disputed = await bought(ada, '10');
  await bought(bob, '10');
  await there('disputes', { payment_intent: disputed.payment, outcome: 'open' });
  await become(ada, '0 10 0');
  expect(await sums(bob)).toBe('10 0 0');
  const { data } = await store.product.cli(disputes, 'dispute', 'list');
  expect(data).toEqual([{ purchase_id: disputed.id }]);
  await there('disputes', { payment_intent: disputed.payment, outcome: 'won' });
  await become(ada, '10 0 0');
});

test('S26: a refund of a disputed payment, and of one refunded there, ends as a state', async () => {
  const ada = await store.buyer('s26');
  const disputed = await bought(ada, '10');
  await there('disputes', { payment_intent: disputed.payment, outcome: 'open' });
  await become(ada, '0 10 0');
  const why = ['--reason', 'goodwill', '--json'];
  const refused = await store.product.tryCli('refund', '--purchase', disputed.id, ...why);
  expect(refused.exitCode).toBe(1);
  expect(refusal.parse(JSON.parse(refused.stderr)).error.code).toBe('disputed');
  await there('disputes', { payment_intent: disputed.payment, outcome: 'won' });
  await become(ada, '10 0 0');
  await there('refunds', { payment_intent: disputed.payment });
  await become(ada, '0 0 0');
  const again = await store.product.tryCli('refund', '--purchase', disputed.id, ...why);
  expect(again.exitCode).toBe(1);
  expect(await sums(ada)).toBe('0 0 0');
});

test('S27: a refund in the dashboard is booked, and one that fails later gives credit back', async () => {
  await there('settings', { bank_delay_seconds: 2 });
  const ada = await store.buyer('s27');
  const first = await bought(ada, '10');
  await there('refunds', { payment_intent: first.payment, amount: 250 });
  await become(ada, '7.5 0 0');
  const second = await bought(ada, '20', REFUND_FAILS);
  const asked = ['--purchase', second.id, '--reason', 'goodwill'];
  const { id } = await store.product.cli(refund, 'refund', ...asked);
  await until('the refund that failed', WAIT, async () => {
    const { data } = await store.product.cli(refunds, 'refund', 'list');
    return data.some((row) => row.id === id && row.state === 'failed') ? true : undefined;
  });
  await become(ada, '27.5 0 0');
});

test('S31: whatever is bought, refunded or disputed after it leaves a purchase as it was', async () => {
  const ada = await store.buyer('s31');
  await bought(ada, '10');
  const grantsOf = async () =>
    (await store.product.cli(balance, 'balance', '--org', ada.org)).grants;
  const [kept] = await grantsOf();
  const other = await bought(ada, '20');
  await there('refunds', { payment_intent: other.payment, amount: 500 });
  await become(ada, '25 0 0');
  await there('disputes', { payment_intent: other.payment, amount: 1500, outcome: 'lost' });
  await become(ada, '10 0 0');
  expect((await grantsOf()).find(({ id }) => id === kept?.id)).toEqual(kept);
  expect(usd(kept?.amount_usd ?? '')).toBe(usd('10'));
});

test('after all of it the ledger is sound', async () => {
  expect(await store.product.cli(verdict, 'ledger', 'verify', '--full')).toMatchObject({
    ok: true,
  });
});
