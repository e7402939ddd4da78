import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let customer: Stripe.Customer;

beforeEach(async () => {
  on = await simForTests({ merchantName: 'Acme Credits' });
  customer = await on.stripe.customers.create({ name: 'Ann', email: 'ann@example.test' });
});

afterEach(() => on.sim.close());

function toSave(): Promise<Stripe.Checkout.Session> {
  return on.stripe.checkout.sessions.create({
    mode: 'setup',
    ui_mode: 'hosted_page',
    customer: customer.id,
    currency: 'usd',
    setup_intent_data: { metadata: { purpose: 'add_card' } },
    success_url: 'http://127.0.0.1:9/return?cs={CHECKOUT_SESSION_ID}',
  });
}

const cards = async () => (await on.stripe.customers.listPaymentMethods(customer.id)).data;

function chargeAway(paymentMethod: string): Promise<Stripe.PaymentIntent> {
  return on.stripe.paymentIntents.create({
    amount: 1000,
    currency: 'usd',
    customer: customer.id,
    payment_method: paymentMethod,
    confirm: true,
    off_session: true,
    error_on_requires_action: true,
  });
}

it('a session in setup mode saves a card and charges nothing', async () => {
  const session = await toSave();
  expect(session).toMatchObject({
    mode: 'setup',
    payment_status: 'no_payment_required',
    amount_total: null,
  });
  const done = await on.control('POST', `pay/${session.id}`, { number: '5555555555554444' });
  expect(done).toMatchObject({ status: 'complete', payment_intent: null });
  const after = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['setup_intent.payment_method'],
  });
  expect(after).toMatchObject({
    status: 'complete',
    setup_intent: {
      status: 'succeeded',
      usage: 'off_session',
      metadata: { purpose: 'add_card' },
      payment_method: { customer: customer.id, card: { last4: '4444' } },
    },
  });
  expect((await on.stripe.charges.list()).data).toEqual([]);
  const [card] = await cards();
  expect((await chargeAway(card?.id ?? '')).status).toBe('succeeded');
});

it('the page to save a card says what it allows, works as a plain form and refuses a bad card', async () => {
  const session = await toSave();
  const url = session.url ?? '';
  expect(new URL(url).pathname).toMatch(/^\/c\/setup\/cs_test_/);
  const page = await (await fetch(url)).text();
  for (const part of ['SIMULATED', 'Save card', 'Acme Credits to charge this card for future']) {
    expect(page).toContain(part);
  }
  const send = (number: string) =>
    fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ number, expiry: '12/34', cvc: '123', name: 'A', country: 'DE' }),
    });
  const refused = await send('4000000000000002');
  expect([refused.status, await refused.text()]).toEqual([
    402,
    expect.stringContaining('Your card was declined.'),
  ]);
  expect((await send('4242424242424242')).headers.get('location')).toContain(session.id);
  expect(await (await fetch(url)).text()).toContain('Already saved');
});

it('a card that asks on every payment cannot be charged without its owner, once set up or not', async () => {
  const session = await toSave();
  const done = await on.control('POST', `pay/${session.id}`, { number: '4000002760003184' });
  expect(done.status).toBe('complete');
  const [card] = await cards();
  await expect(chargeAway(card?.id ?? '')).rejects.toMatchObject({
    code: 'authentication_required',
    decline_code: 'authentication_required',
    payment_intent: {
      status: 'requires_payment_method',
      last_payment_error: { payment_method: { id: card?.id } },
    },
  });
});

it('3155 works away from its owner only after it was set up with the bank', async () => {
  const attached = await on.stripe.paymentMethods.attach('pm_card_authenticationRequiredOnSetup', {
    customer: customer.id,
  });
  await expect(chargeAway(attached.id)).rejects.toMatchObject({ code: 'authentication_required' });
  const session = await toSave();
  await on.control('POST', `pay/${session.id}`, { number: '4000002500003155', three_ds: 'pass' });
  const [setUp] = await cards();
  expect((await chargeAway(setUp?.id ?? '')).status).toBe('succeeded');
});

it('a refused verification leaves the card unsaved and says why', async () => {
  const session = await toSave();
  const done = await on.control('POST', `pay/${session.id}`, {
    number: '4000002500003155',
    three_ds: 'fail',
  });
  expect(done.decline_code).toBe('setup_intent_authentication_failure');
  expect(await cards()).toEqual([]);
  const intent = await on.stripe.setupIntents.retrieve(String(session.setup_intent));
  expect(intent).toMatchObject({
    status: 'requires_payment_method',
    last_setup_error: { code: 'setup_intent_authentication_failure' },
  });
});

it('0341 is saved without complaint, and every charge of it declines', async () => {
  const session = await toSave();
  await on.control('POST', `pay/${session.id}`, { number: '4000000000000341' });
  const [card] = await cards();
  await expect(chargeAway(card?.id ?? '')).rejects.toMatchObject({ statusCode: 402 });
});

it.each(['visa_chargeDeclined', 'chargeDeclinedExpiredCard'])(
  '%s cannot be attached to a customer',
  async (name) => {
    const attach = on.stripe.paymentMethods.attach(`pm_card_${name}`, { customer: customer.id });
    await expect(attach).rejects.toMatchObject({ statusCode: 402, type: 'StripeCardError' });
  },
);

it('a detached card is gone for good, and no longer the default', async () => {
  const card = await on.stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  await on.stripe.customers.update(customer.id, {
    invoice_settings: { default_payment_method: card.id },
  });
  const whole = await on.stripe.customers.retrieve(customer.id, {
    expand: ['invoice_settings.default_payment_method'],
  });
  expect(whole).toMatchObject({ invoice_settings: { default_payment_method: { id: card.id } } });
  expect((await on.stripe.paymentMethods.detach(card.id)).customer).toBeNull();
  expect(await on.stripe.customers.retrieve(customer.id)).toMatchObject({
    invoice_settings: { default_payment_method: null },
  });
  const again = on.stripe.paymentMethods.attach(card.id, { customer: customer.id });
  await expect(again).rejects.toMatchObject({ param: 'payment_method' });
  await expect(chargeAway(card.id)).rejects.toMatchObject({ statusCode: 400 });
});

it('only a card of the customer can be the default', async () => {
  const other = await on.stripe.customers.create({});
  const card = await on.stripe.paymentMethods.attach('pm_card_visa', { customer: other.id });
  const update = on.stripe.customers.update(customer.id, {
    invoice_settings: { default_payment_method: card.id },
  });
  await expect(update).rejects.toMatchObject({
    param: 'invoice_settings[default_payment_method]',
  });
});

it('the network renews a saved card, and tells what it was', async () => {
  const card = await on.stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const asked = { payment_method: card.id, exp_month: 3, exp_year: 2039, last4: '1111' };
  await on.control('POST', 'card_updates', asked);
  const { data } = await on.stripe.events.list({ type: 'payment_method.automatically_updated' });
  expect(data).toMatchObject([
    {
      data: {
        object: { id: card.id, card: { exp_month: 3, exp_year: 2039, last4: '1111' } },
        previous_attributes: { card: { last4: '4242' } },
      },
    },
  ]);
});

it('deleting a customer takes its cards along and leaves a tombstone', async () => {
  const card = await on.stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  expect(await on.stripe.customers.del(customer.id)).toMatchObject({ deleted: true });
  expect(await on.stripe.customers.retrieve(customer.id)).toMatchObject({ deleted: true });
  expect((await on.stripe.paymentMethods.retrieve(card.id)).customer).toBeNull();
});

it('a card of an Indian bank has a mandate its owner can withdraw', async () => {
  const intent = await on.stripe.setupIntents.create({
    customer: customer.id,
    payment_method: 'pm_card_in',
    confirm: true,
    usage: 'off_session',
  });
  const mandate = await on.stripe.mandates.retrieve(String(intent.mandate));
  expect(mandate.status).toBe('active');
  expect((await chargeAway(String(intent.payment_method))).status).toBe('succeeded');
  await on.control('POST', `mandates/${mandate.id}`);
  await expect(chargeAway(String(intent.payment_method))).rejects.toMatchObject({
    code: 'india_recurring_payment_mandate_canceled',
  });
});

it('a card number sent to the API is refused, and a setup through it redirects to the bank', async () => {
  const raw = on.stripe.paymentMethods.create({
    type: 'card',
    card: { number: '4242424242424242', exp_month: 1, exp_year: 2034 },
  });
  await expect(raw).rejects.toMatchObject({ param: 'card[number]' });
  const intent = await on.stripe.setupIntents.create({
    customer: customer.id,
    payment_method: 'pm_card_threeDSecure2Required',
    confirm: true,
    return_url: 'http://127.0.0.1:9/back',
  });
  const bank = intent.next_action?.redirect_to_url?.url ?? '';
  const answer = await fetch(bank, {
    method: 'POST',
    body: new URLSearchParams({ answer: 'pass' }),
    redirect: 'manual',
  });
  const back = new URL(answer.headers.get('location') ?? '');
  expect(back.searchParams.get('setup_intent')).toBe(intent.id);
  expect(back.searchParams.get('redirect_status')).toBe('succeeded');
  expect((await cards()).length).toBe(1);
});
