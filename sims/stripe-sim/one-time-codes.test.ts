import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

const noon = { now: () => Date.UTC(2026, 5, 1, 12), merchantName: 'Acme' };
const home = { line1: '1 Main St', city: 'Berlin', postal_code: '10115', country: 'DE' };

let on: SimForTests;
let customer: string;
let card: Stripe.Issuing.Card;

beforeEach(async () => {
  on = await simForTests(noon);
  await issue();
});

afterEach(() => on.sim.close());

/** A card whose holder wants to be asked, unless told otherwise. */
async function issue(metadata: Record<string, string> = { one_time_code: 'on' }): Promise<void> {
  const { stripe } = on;
  await on.control('PUT', 'settings', { bank_delay_seconds: 0, id_seed: 7 });
  customer = (await stripe.customers.create({ name: 'Ann' })).id;
  await stripe.topups.create({ amount: 9000, currency: 'usd' });
  const holder = { name: 'Ann Example', billing: { address: home }, metadata };
  const { id: cardholder } = await stripe.issuing.cardholders.create(holder);
  const order = { cardholder, currency: 'usd', type: 'virtual', status: 'active' } as const;
  const { id } = await stripe.issuing.cards.create(order);
  card = await stripe.issuing.cards.retrieve(id, { expand: ['number', 'cvc'] });
}

interface Sent {
  code: string;
  at: number;
}

async function sent(): Promise<Sent[]> {
  const { data } = await on.control('GET', 'inbox');
  return data as Sent[];
}

async function newestCode(): Promise<string> {
  return (await sent())[0]?.code ?? '';
}

/** One that was not sent. */
async function wrongCode(): Promise<string> {
  return (await newestCode()) === '000000' ? '000001' : '000000';
}

const post = (url: string, form: Record<string, string>) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });

/** Types the card on the page of a session; answers the address of the bank's page. */
async function challenged(session: Stripe.Checkout.Session): Promise<string> {
  const typed = await post(session.url ?? '', {
    number: card.number ?? '',
    expiry: `${String(card.exp_month).padStart(2, '0')} / ${card.exp_year % 100}`,
    ...{ cvc: card.cvc ?? '', name: 'Ann', ...home, postal_code: home.postal_code },
  });
  const location = typed.headers.get('location') ?? '';
  expect(location).toMatch(/^\/3ds\//);
  return `${on.sim.url}${location}`;
}

const open = () => on.stripe.checkout.sessions.create(purchase(customer));
const saving = () =>
  on.stripe.checkout.sessions.create({
    ...{ mode: 'setup', customer, success_url: 'http://127.0.0.1:9/saved' },
  });
const now = (session: Stripe.Checkout.Session) =>
  on.stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent'] });

describe('the holder of an issued card who wants to be asked', () => {
  it('is sent a code, and pays with it on the page of the bank', async () => {
    const session = await open();
    const bank = await challenged(session);
    expect(await sent()).toEqual([
      {
        ...{ card: card.id, last4: card.last4, amount: 2500, currency: 'usd' },
        merchant: 'ACME* API CREDITS',
        ...{ code: expect.stringMatching(/^\d{6}$/), at: noon.now() / 1000 },
      },
    ]);
    const page = await (await fetch(bank)).text();
    expect(page).toContain('<label for="code">');
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toContain(await newestCode());
    expect((await on.stripe.issuing.authorizations.list()).data).toEqual([]);
    const paid = await post(bank, { answer: 'pass', code: ` ${await newestCode()} ` });
    expect(paid.headers.get('location')).toContain('http://127.0.0.1:9/return');
    expect((await now(session)).payment_status).toBe('paid');
    const [asked] = (await on.stripe.issuing.authorizations.list()).data;
    expect(asked?.verification_data.three_d_secure).toEqual({ result: 'authenticated' });
    const again = await post(bank, { answer: 'pass', code: await newestCode() });
    expect(again.status).toBe(404);
  });

  it('keeps the card with a code, and is not asked when it is charged without them', async () => {
    const session = await saving();
    const bank = await challenged(session);
    expect(await sent()).toMatchObject([{ amount: 0, currency: 'usd', merchant: 'ACME' }]);
    await post(bank, { answer: 'pass', code: await newestCode() });
    expect((await now(session)).status).toBe('complete');
    const [method] = (await on.stripe.customers.listPaymentMethods(customer)).data;
    const charged = await on.stripe.paymentIntents.create({
      ...{ amount: 1000, currency: 'usd', customer, payment_method: method?.id ?? '' },
      ...{ confirm: true, off_session: true },
    });
    expect(charged.status).toBe('succeeded');
    expect(await sent()).toHaveLength(1);
  });

  it('fails with the third wrong code, as whoever refuses; no empty answer counts', async () => {
    const session = await open();
    const bank = await challenged(session);
    const code = await wrongCode();
    const told = async (typed: string) =>
      (await post(bank, { answer: 'pass', code: typed })).text();
    expect(await told('')).toContain('Enter the code.');
    expect(await told(code)).toContain('Two more tries are left.');
    await post(bank, { answer: 'again' });
    expect(await told(code)).toContain('One more try is left.');
    expect(await told(code)).toContain('The provided PaymentMethod has failed authentication.');
    expect((await now(session)).payment_intent).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    });
    const late = await post(bank, { answer: 'pass', code: await newestCode() });
    expect(late.status).toBe(404);
    expect((await on.stripe.issuing.authorizations.list()).data).toEqual([]);
  });

  it('fails to keep the card with the third wrong code', async () => {
    const session = await saving();
    const bank = await challenged(session);
    const form = { answer: 'pass', code: await wrongCode() };
    for (const _ of [1, 2, 3]) await post(bank, form);
    const intent = await on.stripe.setupIntents.retrieve(String(session.setup_intent));
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      last_setup_error: { code: 'setup_intent_authentication_failure' },
    });
  });

  it('cannot use a code after five minutes, nor one that another replaced', async () => {
    const session = await open();
    const bank = await challenged(session);
    const first = await newestCode();
    await on.control('PUT', 'settings', { clock_offset_ms: 300_000 });
    expect(await (await fetch(bank)).text()).toContain('The code we sent has ended.');
    const late = await (await post(bank, { answer: 'pass', code: first })).text();
    expect(late).toContain('This code has ended. Ask for a new one.');
    expect((await post(bank, { answer: 'again' })).status).toBe(303);
    expect(await sent()).toMatchObject([{ at: noon.now() / 1000 + 300 }, { code: first }]);
    const replaced = await (await post(bank, { answer: 'pass', code: first })).text();
    expect(replaced).toContain('This is not the code.');
    await post(bank, { answer: 'pass', code: await newestCode() });
    expect((await now(session)).payment_status).toBe('paid');
  });

  it('cannot get around the question: no code, no payment, though they no longer ask for it', async () => {
    const session = await open();
    const bank = await challenged(session);
    await post(bank, { answer: 'pass' });
    expect((await now(session)).payment_status).toBe('unpaid');
    await on.stripe.issuing.cardholders.update(card.cardholder.id, {
      metadata: { one_time_code: '' },
    });
    for (const _ of [1, 2, 3]) await post(bank, { answer: 'pass', code: await wrongCode() });
    expect((await now(session)).payment_status).toBe('unpaid');
  });

  it('is played by the control route without a code', async () => {
    const pay = async (three_ds: string) => {
      const { id } = await open();
      return on.control('POST', `pay/${id}`, { number: card.number, three_ds });
    };
    expect(await pay('pass')).toMatchObject({ status: 'complete' });
    expect(await pay('fail')).toMatchObject({
      status: 'declined',
      decline_code: 'payment_intent_authentication_failure',
    });
    expect(await pay('abandon')).toMatchObject({ status: 'requires_action' });
  });
});

it('nobody else is asked for a code', async () => {
  await issue({});
  const { id } = await open();
  const paid = await on.control('POST', `pay/${id}`, { number: card.number, three_ds: 'abandon' });
  expect(paid).toMatchObject({ status: 'complete' });
  const other = await open();
  const asked = { number: '4000000000003220', three_ds: 'abandon' };
  const { payment_intent: intent } = await on.control('POST', `pay/${other.id}`, asked);
  expect(await (await fetch(`${on.sim.url}/3ds/${intent}`)).text()).not.toContain('name="code"');
  expect(await sent()).toEqual([]);
});

it('another card on the same page is asked about in its own way', async () => {
  const session = await open();
  const bank = await challenged(session);
  const asked = { number: '4000000000003220', three_ds: 'abandon' };
  await on.control('POST', `pay/${session.id}`, asked);
  expect(await (await fetch(bank)).text()).not.toContain('name="code"');
  expect(await sent()).toHaveLength(1);
});

it('equal input has equal codes, a restart forgets none, and a reset all', async () => {
  await challenged(await open());
  const first = await sent();
  await on.sim.close();
  const dataDir = mkdtempSync(join(tmpdir(), 'stripe-sim-'));
  on = await simForTests({ ...noon, dataDir });
  await issue();
  const session = await open();
  const before = new URL(await challenged(session)).pathname;
  expect(await sent()).toEqual(first);
  await on.sim.close();
  on = await simForTests({ ...noon, dataDir });
  expect(await sent()).toEqual(first);
  await post(`${on.sim.url}${before}`, { answer: 'pass', code: await newestCode() });
  expect((await now(session)).payment_status).toBe('paid');
  await on.control('POST', 'reset');
  expect(await sent()).toEqual([]);
  rmSync(dataDir, { recursive: true });
});
