import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;

beforeEach(async () => {
  on = await simForTests({ taxRatePercent: 'by_place' });
});

afterEach(() => on.sim.close());

function calculate(
  address: Stripe.AddressParam & { country: string },
  taxIds: Stripe.Tax.CalculationCreateParams.CustomerDetails.TaxId[] = [],
): Promise<Stripe.Tax.Calculation> {
  return on.stripe.tax.calculations.create({
    currency: 'usd',
    line_items: [{ amount: 2500, reference: 'credits', tax_behavior: 'exclusive' }],
    customer_details: { address, address_source: 'billing', tax_ids: taxIds },
  });
}

it.each([
  ['DE', {}, 475, 'standard_rated'],
  ['US', { state: 'NY' }, 222, 'standard_rated'],
  ['US', { postal_code: '10001' }, 222, 'standard_rated'],
  ['US', { postal_code: '97201' }, 0, 'not_collecting'],
  ['BR', {}, 0, 'not_collecting'],
])(
  'a buyer in %s %o pays %i cents of tax on 25 dollars: %s',
  async (country, more, tax, reason) => {
    const done = await calculate({ country, ...more });
    expect([done.tax_amount_exclusive, done.amount_total]).toEqual([tax, 2500 + tax]);
    expect(done.tax_breakdown).toMatchObject([{ amount: tax, taxability_reason: reason }]);
  },
);

it('a business in the EU with a number accounts for the tax itself', async () => {
  const done = await calculate({ country: 'DE' }, [{ type: 'eu_vat', value: 'DE123456789' }]);
  expect(done.amount_total).toBe(2500);
  expect(done.tax_breakdown[0]?.taxability_reason).toBe('reverse_charge');
});

it.each([
  ['ZZ', {}],
  ['US', {}],
  ['US', { postal_code: '00000' }],
  ['CA', {}],
])('S34: an address in %s %o says too little for tax', async (country, more) => {
  await expect(calculate({ country, ...more })).rejects.toMatchObject({
    code: 'customer_tax_location_invalid',
    param: 'customer_details[address]',
  });
});

it('a payment with a calculation books its tax once', async () => {
  const calculation = await calculate({ country: 'IE' });
  const pay = () =>
    on.stripe.paymentIntents.create({
      amount: calculation.amount_total,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
      hooks: { inputs: { tax: { calculation: calculation.id ?? '' } } },
    });
  const status = async (intent: Stripe.PaymentIntent) => {
    const found = await on.stripe.tax.associations.find({ payment_intent: intent.id });
    return found.tax_transaction_attempts?.map((tried) => tried.status);
  };
  const first = await pay();
  expect(first.hooks?.inputs?.tax?.calculation).toBe(calculation.id);
  expect(await status(first)).toEqual(['committed']);
  expect(await status(await pay())).toEqual(['errored']);
  const unknown = on.stripe.paymentIntents.create({
    amount: 100,
    currency: 'usd',
    hooks: { inputs: { tax: { calculation: 'taxcalc_none' } } },
  });
  await expect(unknown).rejects.toMatchObject({ param: 'hooks[inputs][tax][calculation]' });
});

it('tax numbers are checked for their form at once and for being real later', async () => {
  const customer = await on.stripe.customers.create({});
  const add = (value: string) =>
    on.stripe.customers.createTaxId(customer.id, { type: 'eu_vat', value });
  await expect(add('12')).rejects.toMatchObject({ code: 'tax_id_invalid', param: 'value' });
  const good = await add('DE123456789');
  const bad = await add('DE111111111');
  const silent = await add('DE222222222');
  expect(good.verification?.status).toBe('pending');
  await on.control('PUT', 'settings', { clock_offset_ms: 60_000 });
  const statuses = await Promise.all(
    [good, bad, silent].map((one) => on.stripe.customers.retrieveTaxId(customer.id, one.id)),
  );
  expect(statuses.map((one) => one.verification?.status)).toEqual([
    'verified',
    'unverified',
    'pending',
  ]);
  await on.stripe.customers.deleteTaxId(customer.id, bad.id);
  expect((await on.stripe.customers.listTaxIds(customer.id)).data).toHaveLength(2);
});

it('a session without a place asks for it first, then shows the total, then the card', async () => {
  const customer = await on.stripe.customers.create({ email: 'a@example.test' });
  const session = await on.stripe.checkout.sessions.create({
    ...purchase(customer.id),
    tax_id_collection: { enabled: true },
  });
  expect(session).toMatchObject({
    automatic_tax: { status: 'requires_location_inputs' },
    amount_total: 2500,
  });
  const url = session.url ?? '';
  const send = (fields: Record<string, string>) =>
    fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  const first = await (await fetch(url)).text();
  expect(first).toContain('Continue');
  expect(first).not.toContain('name="number"');
  const nowhere = await send({ step: 'address', country: 'ZZ' });
  expect(await nowhere.text()).toContain('We cannot determine tax for this address');
  expect((await send({ step: 'address', country: 'IE' })).status).toBe(303);
  expect(await (await fetch(url)).text()).toContain('Pay $30.75');

  const card = { number: '4242424242424242', expiry: '12/34', cvc: '123', name: 'Ann' };
  const moved = await send({ ...card, country: 'DE', shown_total: '3075' });
  expect(await moved.text()).toContain('Tax for this address changed the total');
  const paid = await send({ ...card, country: 'DE', shown_total: '2975' });
  expect(paid.status).toBe(303);
  const done = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent', 'line_items'],
  });
  expect(done).toMatchObject({
    amount_total: 2975,
    amount_subtotal: 2500,
    automatic_tax: { status: 'complete' },
    customer_details: { address: { country: 'DE' } },
    payment_intent: { amount_received: 2975 },
    line_items: { data: [{ amount_tax: 475 }] },
  });
});

it('a tax number given on the page reverses the charge and stays with the customer', async () => {
  const customer = await on.stripe.customers.create({});
  const session = await on.stripe.checkout.sessions.create({
    ...purchase(customer.id),
    tax_id_collection: { enabled: true },
  });
  const route = `pay/${session.id}`;
  const person = { number: '4242424242424242', country: 'DE' };
  const refused = await on.control('POST', route, { ...person, tax_id: 'nonsense' });
  expect(refused.decline_code).toBe('tax_id_invalid');
  await on.control('POST', route, { ...person, tax_id: 'DE 123456789' });
  expect(await on.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    amount_total: 2500,
    customer_details: { tax_ids: [{ type: 'eu_vat', value: 'DE123456789' }] },
  });
  expect((await on.stripe.customers.listTaxIds(customer.id)).data).toHaveLength(1);
});

it('an account whose tax was never set up says so', async () => {
  await on.control('PUT', 'faults', { tax: 'inactive' });
  await expect(calculate({ country: 'IE' })).rejects.toMatchObject({
    code: 'stripe_tax_inactive',
  });
  await on.control('PUT', 'faults', {});
});

it('when tax is down nothing is computed, and nothing is charged', async () => {
  const customer = await on.stripe.customers.create({ address: { country: 'IE' } });
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  await on.control('PUT', 'faults', { tax: 'down' });
  await expect(calculate({ country: 'IE' })).rejects.toMatchObject({
    code: 'taxes_calculation_failed',
  });
  const asked = { number: '4242424242424242', country: 'IE' };
  const refused = await on.control('POST', `pay/${session.id}`, asked);
  expect(refused.decline_code).toBe('taxes_calculation_failed');
});
