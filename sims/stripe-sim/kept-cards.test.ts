import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let customer: Stripe.Customer;

beforeEach(async () => {
  on = await simForTests({ merchantName: 'Acme Credits' });
  customer = await on.stripe.customers.create({ name: 'Ann', email: 'ann@example.test' });
});

afterEach(() => on.sim.close());

const open = (keeps: boolean): Promise<Stripe.Checkout.Session> => {
  const asked = purchase(customer.id);
  const usage = keeps ? { setup_future_usage: 'off_session' as const } : {};
  return on.stripe.checkout.sessions.create({
    ...asked,
    payment_intent_data: { ...asked.payment_intent_data, ...usage },
  });
};

const cards = async () => (await on.stripe.customers.listPaymentMethods(customer.id)).data;
const pay = (session: Stripe.Checkout.Session, number: string, three_ds = 'pass') =>
  on.control('POST', `pay/${session.id}`, { number, three_ds });

const chargeAway = (paymentMethod: string) =>
  on.stripe.paymentIntents.create({
    amount: 1000,
    currency: 'usd',
    customer: customer.id,
    payment_method: paymentMethod,
    confirm: true,
    off_session: true,
    error_on_requires_action: true,
  });

it('a payment page keeps the card that paid where it was asked to, ready to be charged again', async () => {
  const session = await open(true);
  // The one that was refused is not the one that is kept.
  await pay(session, '4000000000009995');
  expect(await cards()).toEqual([]);
  await pay(session, '4000002500003155');
  const [kept, ...more] = await cards();
  expect(more).toEqual([]);
  expect(kept).toMatchObject({ customer: customer.id, card: { last4: '3155' } });
  const paid = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent'],
  });
  expect(paid.payment_intent).toMatchObject({
    setup_future_usage: 'off_session',
    payment_method: kept?.id,
  });
  expect((await chargeAway(kept?.id ?? '')).status).toBe('succeeded');
});

it('without being asked it keeps nothing, and the card is used up', async () => {
  const session = await open(false);
  await pay(session, '4242424242424242');
  expect(await cards()).toEqual([]);
  const paid = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent'],
  });
  const { payment_intent: intent } = paid;
  const method = typeof intent === 'object' ? intent?.payment_method : null;
  await expect(chargeAway(String(method))).rejects.toMatchObject({
    message: expect.stringContaining('may not be used again'),
  });
});

it('the page says before paying that the card is kept, and only then', async () => {
  const words = 'By paying you allow Acme Credits to charge this card';
  const text = async (session: Stripe.Checkout.Session) =>
    await (await fetch(session.url ?? '')).text();
  expect(await text(await open(true))).toContain(words);
  expect(await text(await open(false))).not.toContain(words);
});

it('a number has one fingerprint wherever it is entered, and no two numbers share one', async () => {
  const other = await on.stripe.customers.create({ name: 'Bob' });
  await pay(await open(true), '4242424242424242');
  await pay(await open(true), '5555555555554444');
  const setup = await on.stripe.checkout.sessions.create({
    ...{ mode: 'setup', ui_mode: 'hosted_page', customer: other.id, currency: 'usd' },
    success_url: 'http://127.0.0.1:9/return',
  });
  await pay(setup, '4242424242424242');
  const [theirs] = (await on.stripe.customers.listPaymentMethods(other.id)).data;
  const ours = await cards();
  const of = (last4: string) => ours.find(({ card }) => card?.last4 === last4)?.card?.fingerprint;
  expect(theirs?.card?.fingerprint).toBe(of('4242'));
  expect(of('4444')).not.toBe(of('4242'));
  expect(of('4242')).toMatch(/^\w{16}$/);
});
