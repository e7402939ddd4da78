import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadShapes, type ShapeChecker } from './shape-check.ts';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let shapes: ShapeChecker;
let on: SimForTests;

async function raw(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${on.sim.url}${path}`, {
    headers: { authorization: 'Bearer sk_test_x' },
  });
  return (await response.json()) as Record<string, unknown>;
}

async function listed(path: string): Promise<Array<Record<string, unknown>>> {
  return (await raw(`${path}?limit=100`)).data as Array<Record<string, unknown>>;
}

beforeAll(async () => {
  shapes = loadShapes();
  on = await simForTests({ taxRatePercent: '23' });
  const { stripe, control } = on;
  const customer = await stripe.customers.create({ name: 'Acme', email: 'a@acme.test' });
  await stripe.products.create({ name: 'Credits' });
  await stripe.webhookEndpoints.create({ url: 'http://127.0.0.1:9/x', enabled_events: ['*'] });
  const paid = await stripe.checkout.sessions.create(purchase(customer.id));
  await control('POST', `pay/${paid.id}`, { number: '4000000000009995' });
  await control('POST', `pay/${paid.id}`, { number: '4000002760003184', three_ds: 'fail' });
  const done = await control('POST', `pay/${paid.id}`, { number: '4000002760003184' });
  await control('POST', 'refunds', { payment_intent: done.payment_intent, amount: 100 });
  await control('POST', 'disputes', { payment_intent: done.payment_intent, outcome: 'won' });
  await control('PUT', 'settings', { bank_delay_seconds: 0 });
  const billed = await stripe.invoices.create({
    customer: customer.id,
    collection_method: 'send_invoice',
    days_until_due: 30,
    automatic_tax: { enabled: true },
    custom_fields: [{ name: 'PO', value: '1' }],
  });
  const item = { customer: customer.id, amount: 700, currency: 'usd', description: 'seats' };
  await stripe.invoiceItems.create({ ...item, invoice: billed.id });
  await stripe.invoiceItems.create(item);
  await stripe.invoices.addLines(billed.id, { lines: [{ amount: 5000, description: 'usage' }] });
  await stripe.invoices.sendInvoice(billed.id);
  await stripe.creditNotes.create({ invoice: billed.id, amount: 100 });
  const papered = await stripe.checkout.sessions.create({
    ...purchase(customer.id),
    invoice_creation: { enabled: true },
  });
  await control('POST', `pay/${papered.id}`, { number: '4242424242424242' });
  await stripe.customers.createTaxId(customer.id, { type: 'eu_vat', value: 'DE123456789' });
  const saving = {
    mode: 'setup',
    success_url: 'http://127.0.0.1:9/',
    customer: customer.id,
  } as const;
  const saved = await stripe.checkout.sessions.create(saving);
  await control('POST', `pay/${saved.id}`, { number: '4000000000000002' });
  await control('POST', `pay/${saved.id}`, { number: '4000002500003155' });
  const asking = { payment_method: 'pm_card_threeDSecure2Required', confirm: true } as const;
  await stripe.setupIntents.create({ customer: customer.id, ...asking });
  await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: 'pm_card_in',
    confirm: true,
  });
  for (const card of [
    'createMultipleDisputes',
    'createDisputeInquiry',
    'createIssuerFraudRecord',
  ]) {
    await stripe.paymentIntents.create({
      amount: 100_000,
      currency: 'usd',
      payment_method: `pm_card_${card}`,
      confirm: true,
    });
  }
  for (const outcome of ['pending', 'requires_action', 'failed']) {
    const asked = { payment_intent: done.payment_intent, amount: 1, outcome };
    await control('POST', 'refunds', asked);
  }
  await stripe.paymentIntents.create({
    amount: 400_000,
    currency: 'usd',
    payment_method: 'pm_card_bypassPending',
    confirm: true,
  });
  await control('POST', 'payouts');
  await control('PUT', 'settings', { review_elevated_risk: true });
  await stripe.paymentIntents.create({
    amount: 500,
    currency: 'usd',
    payment_method: 'pm_card_riskLevelElevated',
    confirm: true,
  });
  await issue();
  const slow = { amount: 500, currency: 'usd', confirm: true } as const;
  await stripe.paymentIntents.create({ ...slow, payment_method: 'pm_card_sim_processing' });
  const waiting = await stripe.checkout.sessions.create(purchase(customer.id));
  await control('POST', `pay/${waiting.id}`, { number: '4000002760003184', three_ds: 'abandon' });
  const ended = await stripe.checkout.sessions.create(purchase(customer.id));
  await stripe.checkout.sessions.expire(ended.id);
  await stripe.paymentIntents.create({
    amount: 500,
    currency: 'usd',
    customer: customer.id,
    payment_method: 'pm_card_visa',
    confirm: true,
    off_session: true,
    setup_future_usage: 'off_session',
  });
});

/** A card of every state, and what was asked of it. */
async function issue(): Promise<void> {
  const { stripe, control } = on;
  await stripe.topups.create({ amount: 9000, currency: 'usd' });
  const place = { line1: '1 Main St', city: 'Berlin', postal_code: '10115', country: 'DE' };
  const holder = await stripe.issuing.cardholders.create({
    name: 'Ann Example',
    billing: { address: place },
    individual: { first_name: 'Ann', last_name: 'Example', dob: { day: 1, month: 2, year: 1990 } },
    spending_controls: { spending_limits: [{ amount: 5000, interval: 'daily' }] },
  });
  const order = { cardholder: holder.id, currency: 'usd', type: 'virtual' } as const;
  const card = await stripe.issuing.cards.create({
    ...order,
    status: 'active',
    lifecycle_controls: { cancel_after: { payment_count: 9 } },
    spending_controls: { blocked_categories: ['bakeries'], allowed_merchant_countries: ['US'] },
  });
  const lost = await stripe.issuing.cards.create(order);
  await stripe.issuing.cards.update(lost.id, { status: 'canceled', cancellation_reason: 'lost' });
  const { authorizations, transactions } = stripe.testHelpers.issuing;
  const held = await authorizations.create({ card: card.id, amount: 900 });
  await authorizations.capture(held.id, { capture_amount: 500 });
  const [taken] = (await stripe.issuing.transactions.list()).data;
  await transactions.refund(taken?.id ?? '', { refund_amount: 100 });
  await authorizations.create({ card: lost.id, amount: 900 });
  await authorizations.create({
    ...{ card: card.id, amount: 100, authorization_method: 'chip', wallet: 'apple_pay' },
    verification_data: { cvc_check: 'match', three_d_secure: { result: 'authenticated' } },
  });
  await control('POST', `cardholders/${holder.id}`, { status: 'blocked' });
}

afterAll(() => on.sim.close());

describe('every object the simulator returns has the shape the SDK declares', () => {
  it.each([
    '/v1/customers',
    '/v1/checkout/sessions',
    '/v1/payment_intents',
    '/v1/charges',
    '/v1/balance_transactions',
    '/v1/refunds',
    '/v1/disputes',
    '/v1/setup_intents',
    '/v1/invoices',
    '/v1/invoiceitems',
    '/v1/invoice_payments',
    '/v1/credit_notes',
    '/v1/tax_rates',
    '/v1/reviews',
    '/v1/radar/early_fraud_warnings',
    '/v1/payouts',
    '/v1/topups',
    '/v1/issuing/cardholders',
    '/v1/issuing/cards',
    '/v1/issuing/authorizations',
    '/v1/issuing/transactions',
    '/v1/events',
    '/v1/webhook_endpoints',
    '/v1/products',
    '/v1/prices',
  ])('%s', async (path) => {
    const rows = await listed(path);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.flatMap((row) => shapes.problems(String(row.object), row))).toEqual([]);
  });

  it('a session with everything expanded', async () => {
    const [session] = await listed('/v1/checkout/sessions');
    const fields = ['line_items', 'customer', 'payment_intent.latest_charge'];
    const query = fields.map((field, at) => `expand[${at}]=${field}`).join('&');
    const whole = await raw(`/v1/checkout/sessions/${session?.id}?${query}`);
    expect(whole.line_items).toMatchObject({ object: 'list' });
    expect(shapes.problems('checkout.session', whole)).toEqual([]);
  });

  it('a tax calculation, its lines, a tax number and a mandate', async () => {
    const { stripe } = on;
    const calculation = await stripe.tax.calculations.create({
      currency: 'usd',
      line_items: [{ amount: 100, reference: 'a' }],
      customer_details: { address: { country: 'DE' }, address_source: 'billing' },
    });
    await stripe.paymentIntents.create({
      amount: 100,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
      hooks: { inputs: { tax: { calculation: calculation.id ?? '' } } },
    });
    const [intent] = await listed('/v1/payment_intents');
    const path = `/v1/tax/calculations/${calculation.id}`;
    const [line] = await listed(`${path}/line_items`);
    const [customer] = await listed('/v1/customers');
    const [taxId] = await listed(`/v1/customers/${customer?.id}/tax_ids`);
    const setups = await listed('/v1/setup_intents');
    const mandate = setups.find((row) => row.mandate !== null)?.mandate;
    const found = await raw(`/v1/tax/associations/find?payment_intent=${intent?.id}`);
    expect([
      ...shapes.problems('tax.calculation', await raw(path)),
      ...shapes.problems('tax.calculation_line_item', line),
      ...shapes.problems('tax.association', found),
      ...shapes.problems('tax_id', taxId),
      ...shapes.problems('mandate', await raw(`/v1/mandates/${mandate}`)),
    ]).toEqual([]);
  });

  it('the balance', async () => {
    expect(shapes.problems('balance', await raw('/v1/balance'))).toEqual([]);
  });

  it('an invoice with its payments, and what was deleted', async () => {
    const [invoice] = await listed('/v1/invoices');
    const whole = await raw(`/v1/invoices/${invoice?.id}?expand[]=payments`);
    expect(whole.payments).toMatchObject({ data: [{ object: 'invoice_payment' }] });
    expect(shapes.problems('invoice', whole)).toEqual([]);
  });

  it('a payment method', async () => {
    const [charge] = await listed('/v1/charges');
    const method = await raw(`/v1/payment_methods/${charge?.payment_method}`);
    expect(shapes.problems('payment_method', method)).toEqual([]);
  });
});

describe('the check itself notices', () => {
  async function planted(change: (charge: Record<string, unknown>) => void): Promise<string[]> {
    const [charge] = await listed('/v1/charges');
    const bad = structuredClone(charge ?? {});
    change(bad);
    return shapes.problems('charge', bad);
  }

  it('a missing key', async () => {
    expect(await planted((charge) => delete charge.outcome)).toEqual(['charge.outcome: missing']);
  });

  it('an unknown key', async () => {
    expect(await planted((charge) => Object.assign(charge, { colour: 'red' }))).toEqual([
      'charge.colour: unknown key',
    ]);
  });

  it('an enum value the SDK does not know', async () => {
    expect(await planted((charge) => Object.assign(charge, { status: 'paid' }))).toEqual([
      "charge.status: 'paid' is not a known value",
    ]);
  });

  it('null where the type has no null, and a number for a boolean', async () => {
    expect(await planted((charge) => Object.assign(charge, { currency: null, paid: 1 }))).toEqual([
      'charge.currency: must not be null',
      'charge.paid: must not be a number',
    ]);
  });

  it('a wrong object deep inside an event', async () => {
    const events = await listed('/v1/events');
    const event = structuredClone(events.find((row) => row.type === 'charge.succeeded') ?? {});
    Object.assign((event.data as { object: object }).object, { amount: 'lots' });
    expect(shapes.problems('event', event)).toEqual([
      'event.data.object.amount: must not be a string',
    ]);
  });
});
