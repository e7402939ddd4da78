import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let customer: string;
let card: Stripe.Issuing.Card;

const home = { line1: '1 Main St', city: 'Berlin', postal_code: '10115', country: 'DE' };

beforeEach(async () => {
  on = await simForTests();
  await on.control('PUT', 'settings', { bank_delay_seconds: 0 });
  const { stripe } = on;
  customer = (await stripe.customers.create({ name: 'Ann' })).id;
  await stripe.topups.create({ amount: 3000, currency: 'usd' });
  const holder = { name: 'Ann Example', billing: { address: home } };
  const { id: cardholder } = await stripe.issuing.cardholders.create(holder);
  const order = { cardholder, currency: 'usd', type: 'virtual', status: 'active' } as const;
  const { id } = await stripe.issuing.cards.create(order);
  card = await stripe.issuing.cards.retrieve(id, { expand: ['number', 'cvc'] });
});

afterEach(() => on.sim.close());

async function pay(typed: object = {}, cents = 2500) {
  const session = await on.stripe.checkout.sessions.create(purchase(customer, cents));
  return on.control('POST', `pay/${session.id}`, { number: card.number, ...typed });
}

async function newest(): Promise<{
  charge: Stripe.Charge | undefined;
  asked: Stripe.Issuing.Authorization | undefined;
}> {
  const [charge] = (await on.stripe.charges.list({ limit: 1 })).data;
  const [asked] = (await on.stripe.issuing.authorizations.list({ limit: 1 })).data;
  return { charge, asked };
}

async function left(): Promise<number | undefined> {
  return (await on.stripe.balance.retrieve()).issuing?.available[0]?.amount;
}

describe('a payment with an issued card', () => {
  it('has two records that agree', async () => {
    expect(await pay()).toMatchObject({ status: 'complete' });
    const { charge, asked } = await newest();
    const paid = charge?.payment_method_details?.card;
    expect(charge).toMatchObject({ amount: 2500, paid: true });
    expect(paid).toMatchObject({ last4: card.last4, funding: 'prepaid' });
    expect(asked).toMatchObject({
      amount: 2500,
      status: 'closed',
      merchant_data: { name: charge?.calculated_statement_descriptor },
      network_data: { transaction_id: paid?.network_transaction_id },
      request_history: [{ reason: 'card_active', authorization_code: paid?.authorization_code }],
      transactions: [{ type: 'capture', amount: -2500 }],
      verification_data: { cvc_check: 'match', expiry_check: 'match' },
    });
    expect(await left()).toBe(500);
  });

  it('gives the money of a refund back to the card', async () => {
    const { payment_intent } = await pay();
    const order = { payment_intent: String(payment_intent) };
    await on.stripe.refunds.create({ ...order, amount: 1000 });
    await on.control('POST', 'refunds', { ...order, amount: 700, outcome: 'pending' });
    expect(await left()).toBe(2200);
    await on.control('POST', 'refunds', { ...order, amount: 300, outcome: 'failed' });
    expect(await left()).toBe(2200);
    const { data } = await on.stripe.issuing.transactions.list({ type: 'refund' });
    expect(data.map(({ amount }) => amount)).toEqual([700, 1000]);
  });
});

describe('the merchant hears of a refusal, and the issuer knows why', () => {
  const refusals: ReadonlyArray<
    [string, reason: string, decline: string, (id: string) => Promise<unknown>]
  > = [
    ['frozen', 'card_inactive', 'do_not_honor', (id) => change(id, { status: 'inactive' })],
    ['canceled', 'card_canceled', 'pickup_card', (id) => change(id, { status: 'canceled' })],
    [
      'over its limit',
      'spending_controls',
      'card_velocity_exceeded',
      (id) => limit(id, { spending_limits: [{ amount: 100, interval: 'daily' }] }),
    ],
    [
      'not for this business',
      'spending_controls',
      'transaction_not_allowed',
      (id) => limit(id, { blocked_categories: ['computer_software_stores'] }),
    ],
  ];
  const change = (id: string, changed: Stripe.Issuing.CardUpdateParams) =>
    on.stripe.issuing.cards.update(id, changed);
  const limit = (
    id: string,
    spending_controls: NonNullable<Stripe.Issuing.CardUpdateParams['spending_controls']>,
  ) => change(id, { spending_controls });

  it.each(refusals)('of a card that is %s', async (_, reason, decline, prepare) => {
    await prepare(card.id);
    expect(await pay()).toMatchObject({ status: 'declined', decline_code: decline });
    const { charge, asked } = await newest();
    expect(charge).toMatchObject({ paid: false, outcome: { type: 'issuer_declined' } });
    expect(asked).toMatchObject({
      approved: false,
      status: 'closed',
      request_history: [{ reason }],
    });
    const known = asked?.network_data?.transaction_id;
    expect(charge?.payment_method_details?.card?.network_transaction_id).toBe(known);
    expect(await left()).toBe(3000);
  });

  it('of a card without enough on it, until there is more', async () => {
    expect(await pay({}, 3001)).toMatchObject({ decline_code: 'insufficient_funds' });
    await on.stripe.topups.create({ amount: 1, currency: 'usd' });
    expect(await pay({}, 3001)).toMatchObject({ status: 'complete' });
    expect(await left()).toBe(0);
  });

  it('of a wrong code or a wrong date', async () => {
    const cvc = card.cvc === '000' ? '001' : '000';
    expect(await pay({ cvc })).toMatchObject({ decline_code: 'incorrect_cvc' });
    expect((await newest()).asked?.verification_data.cvc_check).toBe('mismatch');
    const year = { exp_year: card.exp_year + 1 };
    expect(await pay(year)).toMatchObject({ decline_code: 'expired_card' });
    expect((await newest()).asked?.request_history[0]?.reason).toBe('verification_failed');
  });
});

it('a wrong postal code pays, unless the merchant minds: then the hold goes away', async () => {
  const address = { country: 'DE', postal_code: '99999' };
  expect(await pay(address, 1000)).toMatchObject({ status: 'complete' });
  const checks = (await newest()).charge?.payment_method_details?.card?.checks;
  expect(checks?.address_postal_code_check).toBe('fail');
  await on.control('PUT', 'settings', { block_zip_fail: true });
  expect(await pay(address, 1000)).toMatchObject({ decline_code: 'incorrect_zip' });
  const { charge, asked } = await newest();
  expect(charge?.outcome?.network_status).toBe('reversed_after_approval');
  expect(asked).toMatchObject({ approved: true, status: 'reversed' });
  expect(await left()).toBe(2000);
});

it('a number that was never issued stays a number of nobody, and no payment asks anyone', async () => {
  const { number } = card;
  const before = number?.slice(0, -2) ?? '';
  const others = Array.from({ length: 100 }, (_, at) => before + String(at).padStart(2, '0'));
  const valid = others.filter((other) => other !== number);
  for (const other of valid.slice(0, 30)) {
    const { decline_code: why } = await pay({ number: other });
    expect(['incorrect_number', 'test_mode_live_card']).toContain(why);
  }
  expect((await on.stripe.issuing.authorizations.list()).data).toEqual([]);
});

it('an issued card is kept after its issuer agreed, and charged without its owner', async () => {
  const { stripe, control } = on;
  const asked = { mode: 'setup', customer, success_url: 'http://127.0.0.1:9/' } as const;
  const setup = async () => {
    const { id } = await stripe.checkout.sessions.create(asked);
    return control('POST', `pay/${id}`, { number: card.number });
  };
  await stripe.issuing.cards.update(card.id, { status: 'inactive' });
  expect(await setup()).toMatchObject({ status: 'declined', decline_code: 'do_not_honor' });
  await stripe.issuing.cards.update(card.id, { status: 'active' });
  expect(await setup()).toMatchObject({ status: 'complete' });
  expect((await newest()).asked).toMatchObject({ amount: 0, approved: true, status: 'closed' });
  const [method] = (await stripe.customers.listPaymentMethods(customer)).data;
  const reload = (amount: number) =>
    stripe.paymentIntents.create({
      ...{ amount, currency: 'usd', customer, confirm: true, off_session: true },
      payment_method: method?.id ?? '',
    });
  expect((await reload(2000)).status).toBe('succeeded');
  expect((await newest()).asked?.verification_data.cvc_check).toBe('not_provided');
  await expect(reload(2000)).rejects.toMatchObject({ decline_code: 'insufficient_funds' });
  expect(await left()).toBe(1000);
});

it('both sides of every try lie side by side', async () => {
  await pay({}, 3001);
  await pay({}, 1000);
  await pay({ number: '4242424242424242' }, 1000);
  const told = await on.control('GET', 'payments');
  expect(told.data).toMatchObject([
    { charges: [{ status: 'succeeded', issuer: null }] },
    { charges: [{ status: 'succeeded', issuer: { status: 'closed', held: 0, captured: 1000 } }] },
    {
      charges: [
        {
          ...{ status: 'failed', decline_code: 'insufficient_funds' },
          issuer: { approved: false, reason: 'insufficient_funds', held: 0, captured: 0 },
        },
      ],
    },
  ]);
});

it('nothing the simulator keeps holds the number or the code', async () => {
  await pay();
  const kept = JSON.stringify(await on.control('GET', 'payments'));
  const events = JSON.stringify((await on.stripe.events.list({ limit: 100 })).data);
  expect(`${kept}${events}`).not.toContain(card.number);
});
