import Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let customer: Stripe.Customer;

beforeEach(async () => {
  on = await simForTests({ taxRatePercent: '23', merchantName: 'Acme Credits' });
  customer = await on.stripe.customers.create({ name: 'Ann', email: 'ann@example.test' });
});

afterEach(() => on.sim.close());

function pay(session: Stripe.Checkout.Session, number: string) {
  return on.control('POST', `pay/${session.id}`, { number });
}

it('a purchase with a good card ends paid, and its intent holds exactly the total', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  expect(session).toMatchObject({ status: 'open', payment_status: 'unpaid', payment_intent: null });
  expect([session.amount_subtotal, session.amount_total]).toEqual([2500, 3075]);
  expect(session.total_details?.amount_tax).toBe(575);
  expect(await pay(session, '4242424242424242')).toMatchObject({ status: 'complete' });
  const done = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent.latest_charge', 'line_items'],
  });
  expect(done).toMatchObject({
    status: 'complete',
    payment_status: 'paid',
    url: null,
    line_items: { data: [{ description: 'API credits', amount_tax: 575 }] },
    payment_intent: {
      status: 'succeeded',
      amount: 3075,
      amount_received: 3075,
      customer: customer.id,
      metadata: { purpose: 'credit_topup', purchase_id: 'pur_1' },
      latest_charge: {
        paid: true,
        calculated_statement_descriptor: 'ACME CREDITS* API CRED',
        outcome: { type: 'authorized', network_status: 'approved_by_network' },
        payment_method_details: { card: { last4: '4242', brand: 'visa' } },
      },
    },
  });
});

it('after a decline the same session and intent can be paid with another card', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  const declined = await pay(session, '4000000000009995');
  expect(declined).toMatchObject({ status: 'declined', decline_code: 'insufficient_funds' });
  const after = await on.stripe.paymentIntents.retrieve(String(declined.payment_intent));
  expect(after).toMatchObject({
    status: 'requires_payment_method',
    last_payment_error: {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      payment_method: { card: { last4: '9995' } },
    },
  });
  expect((await on.stripe.checkout.sessions.retrieve(session.id)).status).toBe('open');
  const paid = await pay(session, '4242424242424242');
  expect(paid).toMatchObject({ status: 'complete', payment_intent: after.id });
  const charges = await on.stripe.charges.list({ payment_intent: after.id });
  expect(charges.data.map((charge) => charge.status)).toEqual(['succeeded', 'failed']);
});

it.each([
  ['5555555555554444', 'complete', null],
  ['378282246310005', 'complete', null],
  ['4000000000000002', 'declined', 'generic_decline'],
  ['4000000000009987', 'declined', 'lost_card'],
  ['4000000000009979', 'declined', 'stolen_card'],
  ['4000000000000069', 'declined', 'expired_card'],
  ['4000000000000127', 'declined', 'incorrect_cvc'],
  ['4000000000000119', 'declined', 'processing_error'],
  ['4242424242424241', 'declined', 'incorrect_number'],
  ['4000000000006975', 'declined', 'card_velocity_exceeded'],
  ['4000000000000341', 'declined', 'generic_decline'],
  ['4100000000000019', 'declined', 'fraudulent'],
  ['4111111111111111', 'declined', 'test_mode_live_card'],
  ['4000990000000293', 'declined', 'do_not_honor'],
])('card %s is answered with %s %s', async (number, status, code) => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  expect(await pay(session, number)).toMatchObject({ status, decline_code: code });
});

it('a card that is no test card leaves no trace', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  await pay(session, '4111111111111111');
  expect((await on.stripe.charges.list()).data).toEqual([]);
  expect((await on.stripe.paymentIntents.list()).data).toEqual([]);
});

it('verification passed pays, refused declines, abandoned leaves it open', async () => {
  const card = { number: '4000002760003184' };
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  const route = `pay/${session.id}`;
  const abandoned = await on.control('POST', route, { ...card, three_ds: 'abandon' });
  expect(abandoned.status).toBe('requires_action');
  const refused = await on.control('POST', route, { ...card, three_ds: 'fail' });
  expect(refused.decline_code).toBe('payment_intent_authentication_failure');
  expect(await on.control('POST', route, card)).toMatchObject({ status: 'complete' });
});

it('an expired session cannot be paid and says so in an event', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  expect((await on.stripe.checkout.sessions.expire(session.id)).status).toBe('expired');
  expect(await pay(session, '4242424242424242')).toHaveProperty('error');
  const events = await on.stripe.events.list({ types: ['checkout.session.expired'] });
  expect(events.data).toHaveLength(1);
});

it('S37: a payment can go through while its session expires, which stays expired', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  const early = await on.control('POST', `late_success/${session.id}`);
  expect(early).toHaveProperty('error');
  await pay(session, '4000000000009995');
  await on.stripe.checkout.sessions.expire(session.id);
  const late = await on.control('POST', `late_success/${session.id}`);
  const intent = await on.stripe.paymentIntents.retrieve(String(late.payment_intent));
  expect(intent).toMatchObject({ status: 'succeeded', amount_received: 3075, canceled_at: null });
  expect(await on.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: 'expired',
    payment_status: 'unpaid',
    payment_intent: intent.id,
  });
});

it('a session ends by itself when its time is over', async () => {
  let now = Date.UTC(2026, 0, 1);
  const timed = await simForTests({ now: () => now });
  const buyer = await timed.stripe.customers.create({});
  const session = await timed.stripe.checkout.sessions.create(purchase(buyer.id));
  now += 25 * 3600 * 1000;
  expect((await timed.stripe.checkout.sessions.retrieve(session.id)).status).toBe('expired');
  await timed.sim.close();
});

it('moving the business clock ends sessions that are due', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  await on.control('PUT', 'settings', { clock_offset_ms: 25 * 3600 * 1000 });
  expect((await on.stripe.checkout.sessions.retrieve(session.id)).status).toBe('expired');
});

it('a saved card is charged without its owner, or declined as 402 with the intent', async () => {
  const request = {
    amount: 1000,
    currency: 'usd',
    customer: customer.id,
    confirm: true,
    off_session: true,
    error_on_requires_action: true,
  };
  const good = { ...request, payment_method: 'pm_card_visa' };
  expect((await on.stripe.paymentIntents.create(good)).status).toBe('succeeded');
  const asking = { ...request, payment_method: 'pm_card_authenticationRequired' };
  const error = await on.stripe.paymentIntents.create(asking).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect(error).toMatchObject({
    statusCode: 402,
    code: 'authentication_required',
    payment_intent: { status: 'requires_payment_method' },
  });
});

it('refunds and disputes move the charge and tell about it', async () => {
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  const paid = await pay(session, '4242424242424242');
  const intent = String(paid.payment_intent);
  await on.stripe.refunds.create({ payment_intent: intent, amount: 75 });
  await on.control('POST', 'disputes', { payment_intent: intent, outcome: 'lost' });
  const [charge] = (await on.stripe.charges.list({ payment_intent: intent })).data;
  expect(charge).toMatchObject({ amount_refunded: 75, refunded: false, disputed: true });
  const types = (await on.stripe.events.list({ limit: 100 })).data.map((event) => event.type);
  expect(types).toEqual(
    expect.arrayContaining([
      'charge.refunded',
      'refund.created',
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.closed',
    ]),
  );
});
