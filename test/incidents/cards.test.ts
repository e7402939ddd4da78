import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cardByName } from '#sims/stripe-sim/cards';
import { ask } from '../e2e/account.ts';
import { createdKey, MODEL } from '../e2e/shapes.ts';
import { until } from '../e2e/until.ts';
import { type BoughtPurchase, type Buyer, openStore, type Store } from './store.ts';

const WAIT = 60_000;
const VISA = '4242424242424242';
const DECLINES_LATER = '4000000000000341';
const VERIFY_ALWAYS = '4000002760003184';
const BLOCKED = '4100000000000019';
/** Requests that are refused for want of credit, all at once: each asks whether to reload. */
const CROWD = 100;

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store?.close());

const failed = z.object({
  state: z.string(),
  failure: z.nullable(
    z.object({
      code: z.string(),
      message: z.string(),
      next_step: z.string(),
      who_acts: z.string(),
    }),
  ),
});
const cards = z.object({
  data: z.array(z.object({ id: z.string(), is_default: z.boolean() })),
  consent: z.object({ version: z.string() }),
});
const setup = z.object({ id: z.string(), redirect_url: z.string() });
const reload = z.object({
  status: z.string(),
  paused_reason: z.nullable(z.string()),
  consent: z.object({ version: z.string() }),
  evaluations: z.array(z.object({ answer: z.string() })),
});
const mails = z.object({
  data: z.array(z.object({ id: z.string(), to: z.string(), subject: z.string() })),
});
const payments = z.object({
  data: z.array(z.object({ status: z.string(), metadata: z.record(z.string(), z.string()) })),
});

/** As a person on a page of the processor. */
async function act(url: string | null, body: object): Promise<void> {
  const session = /cs_\w+/.exec(url ?? '')?.[0];
  const answer = await fetch(`${store.product.run.stripe_sim}/_sim/pay/${session}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
}

const refusalOf = (buyer: Buyer, { id }: BoughtPurchase) =>
  until(`a refusal of ${id}`, WAIT, async () => {
    const now = await buyer.visitor.get(failed, `/api/purchases/${id}`);
    return now.state === 'declined' ? now.failure : undefined;
  });

async function saveCard({ visitor }: Buyer, number: string, form: string): Promise<string> {
  const { consent, data } = await visitor.get(cards, '/api/cards');
  const asked = { nonce: form, consent_version: consent.version };
  const opened = await visitor.post(setup, '/api/cards/setups', asked);
  await act(opened.redirect_url, { number, three_ds: 'pass' });
  return await until('the saved card', WAIT, async () => {
    const now = await visitor.get(cards, '/api/cards');
    return now.data.find(({ id }) => data.every((before) => before.id !== id))?.id;
  });
}

const reloadOf = ({ visitor }: Buyer) => visitor.get(reload, '/api/auto-reload');

async function switchOn(buyer: Buyer): Promise<void> {
  const { consent } = await reloadOf(buyer);
  await buyer.visitor.post(z.unknown(), '/api/auto-reload', {
    ...{ enabled: true, threshold_usd: '10', target_usd: '50' },
    ...{ max_per_day: 3, max_usd_per_month: null, consent_version: consent.version },
  });
}

async function mailsTo(buyer: Buyer, about: string): Promise<string[]> {
  const answer = await fetch(`${store.product.run.console}/api/mailbox`);
  return mails
    .parse(await answer.json())
    .data.filter(({ to, subject }) => to === buyer.visitor.email && subject.includes(about))
    .map(({ id }) => id);
}

async function states(buyer: Buyer): Promise<string[]> {
  const answer = await fetch(`${store.product.run.stripe_sim}/_sim/payments`);
  return payments
    .parse(await answer.json())
    .data.filter(({ metadata }) => metadata.org_id === buyer.org)
    .map(({ status }) => status);
}

async function crowd(buyer: Buyer): Promise<void> {
  const { key } = await store.product.cli(createdKey, 'key', 'create', '--org', buyer.org);
  const body = JSON.stringify({
    ...{ model: MODEL, max_tokens: 64_000 },
    messages: [{ role: 'user', content: 'Is there credit?' }],
  });
  const one = async () => {
    const answer = await ask(store.product.run.gateway, { apiKey: key, body });
    await answer.body?.cancel();
  };
  await Promise.all(Array.from({ length: CROWD }, one));
}

describe('a saved card that is charged by itself', () => {
  test('S16: a crowd of requests below the threshold, on a slow processor, is one charge', async () => {
    const ada = await store.buyer('s16');
    await saveCard(ada, VISA, 'card-of-s16');
    await store.faults({ api_delay_ms: 500, webhooks: 'drop' });
    await switchOn(ada);
    await crowd(ada);
    await until('the credit', WAIT, async () => ((await ada.grants()) > 0 ? true : undefined));
    await crowd(ada);
    await store.faults({});
    expect([await ada.charges(), await ada.grants()]).toEqual([1, 1]);
    expect(await states(ada)).toEqual(['succeeded']);
  });

  test('S18: a bank that wants its owner pauses it: one payment, canceled, one mail', async () => {
    const ada = await store.buyer('s18');
    await saveCard(ada, VERIFY_ALWAYS, 'card-of-s18');
    await switchOn(ada);
    await until('the pause', WAIT, async () =>
      (await reloadOf(ada)).paused_reason === 'verification_required' ? true : undefined,
    );
    await crowd(ada);
    const [mail] = await until('the mail', WAIT, async () => {
      const told = await mailsTo(ada, 'Auto-reload is paused');
      return told.length > 0 ? told : undefined;
    });
    const text = await (await fetch(`${store.product.run.console}/api/mailbox/${mail}`)).text();
    expect(text).toContain('/settings/billing?buy=1');
    expect(await mailsTo(ada, 'Auto-reload')).toHaveLength(1);
    expect(await states(ada)).toEqual(['canceled']);
    // The way the mail leads to works: a purchase by hand, which the bank may ask about.
    const purchase = await ada.begin('5');
    await act(purchase.redirect_url, { number: VERIFY_ALWAYS, three_ds: 'pass' });
    await ada.credited(purchase.id);
  });

  test('S19: a declined reload is told once, on the page too, and a new card goes on', async () => {
    const ada = await store.buyer('s19');
    const dead = await saveCard(ada, DECLINES_LATER, 'first-card-of-s19');
    await switchOn(ada);
    const failure = () => mailsTo(ada, 'Auto-reload could not buy');
    await until('the mail', WAIT, async () => ((await failure()).length > 0 ? true : undefined));
    await crowd(ada);
    const resting = ['declined_recently', 'card_resting'];
    await until('the answer on the page', WAIT, async () =>
      resting.includes((await reloadOf(ada)).evaluations[0]?.answer ?? '') ? true : undefined,
    );
    expect(await ada.charges()).toBe(0);
    const card = await saveCard(ada, VISA, 'second-card-of-s19');
    await ada.visitor.post(z.unknown(), `/api/cards/${card}/default`, {});
    await until('the credit', WAIT, async () => ((await ada.grants()) > 0 ? true : undefined));
    expect([await ada.charges(), (await failure()).length]).toEqual([1, 1]);
    const { data } = await ada.visitor.get(cards, '/api/cards');
    expect(data.find(({ id }) => id === dead)?.is_default).toBe(false);
  });
});

describe('a card on the payment page', () => {
  test('S21: a payment that was approved and taken back explains the hold on the card', async () => {
    const ada = await store.buyer('s21');
    const purchase = await ada.begin('5');
    const number = cardByName('sim_reversed_after_approval')?.number;
    await act(purchase.redirect_url, { number });
    const failure = await refusalOf(ada, purchase);
    expect(failure).toMatchObject({ code: 'reversed_after_approval', who_acts: 'us' });
    expect(failure?.message).toContain('disappears by itself');
    expect([await ada.charges(), await ada.grants()]).toEqual([0, 0]);
  });

  test('S22: a payment that never reached the bank sends nobody to the bank', async () => {
    const ada = await store.buyer('s22');
    const purchase = await ada.begin('5');
    await act(purchase.redirect_url, { number: BLOCKED });
    const failure = await refusalOf(ada, purchase);
    expect(failure).toMatchObject({ code: 'blocked', who_acts: 'us' });
    expect(failure?.next_step).not.toMatch(/bank/);
  });

  test('S28: what is beyond a limit is refused before there is a page to pay on', async () => {
    const ada = await store.buyer('s28');
    const asked = { amount_usd: '10000.01', nonce: 'form-of-s28-0' };
    expect((await ada.visitor.tryPost('/api/purchases', asked)).status).toBe(400);
    const { data } = await store.stripe.checkout.sessions.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata?.org_id === ada.org)).toEqual([]);
  });

  test('S35: after a verification that failed, another card pays the same purchase', async () => {
    const ada = await store.buyer('s35');
    const purchase = await ada.begin('5');
    await act(purchase.redirect_url, { number: VERIFY_ALWAYS, three_ds: 'fail' });
    expect((await refusalOf(ada, purchase))?.code).toBe('payment_intent_authentication_failure');
    await act(purchase.redirect_url, { number: VISA });
    await ada.credited(purchase.id);
    expect([await ada.charges(), await ada.grants()]).toEqual([1, 1]);
  });

  test('S37: who cancels what was just paid is credited, and never charged for nothing', async () => {
    const ada = await store.buyer('s37');
    const purchase = await ada.begin('5');
    await act(purchase.redirect_url, { number: VISA });
    await ada.visitor.tryPost(`/api/purchases/${purchase.id}/cancel`, {});
    await ada.credited(purchase.id);
    expect([await ada.charges(), await ada.grants()]).toEqual([1, 1]);
  });
});
