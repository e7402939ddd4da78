import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let customer: Stripe.Customer;

beforeEach(async () => {
  on = await simForTests({ taxRatePercent: '23', merchantName: 'Acme Credits' });
  customer = await on.stripe.customers.create({
    name: 'Ann',
    email: 'ann@example.test',
    address: { country: 'IE' },
  });
});

afterEach(() => on.sim.close());

const LINE = { amount: 2500, description: 'API credits' };
const WITH_TAX = {
  ...LINE,
  tax_amounts: [
    {
      amount: 575,
      taxable_amount: 2500,
      tax_rate_data: {
        display_name: 'VAT',
        percentage: 23,
        inclusive: false,
        country: 'IE',
        tax_type: 'vat' as const,
      },
    },
  ],
};

async function draft(more: Stripe.InvoiceCreateParams = {}, line: object = WITH_TAX) {
  const made = await on.stripe.invoices.create({ customer: customer.id, ...more });
  return on.stripe.invoices.addLines(made.id, { lines: [line] });
}

function paidIntent(amount = 3075): Promise<Stripe.PaymentIntent> {
  return on.stripe.paymentIntents.create({
    amount,
    currency: 'usd',
    customer: customer.id,
    payment_method: 'pm_card_visa',
    confirm: true,
  });
}

async function told(prefix: string): Promise<string[]> {
  const events = await on.stripe.events.list({ type: `${prefix}.*`, limit: 100 });
  return events.data.map((event) => event.type).reverse();
}

it('the paper of a payment made before: draft, lines, number, attached, paid', async () => {
  const intent = await paidIntent();
  const made = await draft({ auto_advance: false, metadata: { purchase_id: 'pur_1' } });
  expect(made).toMatchObject({ status: 'draft', number: null, subtotal: 2500, total: 3075 });
  const open = await on.stripe.invoices.finalizeInvoice(made.id);
  expect(open).toMatchObject({ status: 'open', amount_remaining: 3075 });
  expect(open.number).toBe(`${customer.invoice_prefix}-0001`);
  const paid = await on.stripe.invoices.attachPayment(made.id, { payment_intent: intent.id });
  expect(paid).toMatchObject({ status: 'paid', amount_paid: 3075, amount_remaining: 0 });
  const found = await on.stripe.invoicePayments.list({
    payment: { type: 'payment_intent', payment_intent: intent.id },
    expand: ['data.invoice'],
  });
  expect(found.data).toMatchObject([
    {
      status: 'paid',
      amount_paid: 3075,
      invoice: { id: made.id, metadata: { purchase_id: 'pur_1' } },
    },
  ]);
  expect(await told('invoice')).toEqual([
    'invoice.created',
    'invoice.updated',
    'invoice.finalized',
    'invoice.updated',
    'invoice.updated',
    'invoice.paid',
    'invoice.payment_succeeded',
  ]);
});

it('numbers of a customer follow each other, and a deleted draft uses none', async () => {
  const first = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  await on.stripe.invoices.del((await draft()).id);
  const second = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  expect([first.number, second.number]).toEqual(
    ['0001', '0002'].map((end) => `${customer.invoice_prefix}-${end}`),
  );
  await expect(on.stripe.invoices.del(first.id)).rejects.toMatchObject({ statusCode: 400 });
});

it('a payment pays one invoice, and only of its own customer', async () => {
  const intent = await paidIntent();
  const [one, two] = [await draft(), await draft()];
  for (const made of [one, two]) await on.stripe.invoices.finalizeInvoice(made.id);
  await on.stripe.invoices.attachPayment(one.id, { payment_intent: intent.id });
  const again = on.stripe.invoices.attachPayment(two.id, { payment_intent: intent.id });
  await expect(again).rejects.toMatchObject({ param: 'payment_intent' });
  const stranger = await on.stripe.paymentIntents.create({
    amount: 3075,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const foreign = on.stripe.invoices.attachPayment(two.id, { payment_intent: stranger.id });
  await expect(foreign).rejects.toMatchObject({ param: 'payment_intent' });
});

it('too much money is kept apart, too little leaves the rest due', async () => {
  const made = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  const part = await on.stripe.invoices.attachPayment(made.id, {
    payment_intent: (await paidIntent(1000)).id,
  });
  expect(part).toMatchObject({ status: 'open', amount_paid: 1000, amount_remaining: 2075 });
  const rest = await on.stripe.invoices.attachPayment(made.id, {
    payment_intent: (await paidIntent(3000)).id,
  });
  expect(rest).toMatchObject({ status: 'paid', amount_paid: 3075, amount_overpaid: 925 });
});

it('automatic tax is worked out, or stops the invoice where no place is known', async () => {
  const taxed = await draft({ automatic_tax: { enabled: true } }, LINE);
  expect(taxed).toMatchObject({ total: 3075, automatic_tax: { status: 'complete' } });
  await on.control('PUT', 'settings', { tax_rate_percent: 'by_place' });
  await on.stripe.customers.update(customer.id, { address: { country: 'DE' } });
  const moved = await on.stripe.invoices.finalizeInvoice(taxed.id);
  expect(moved).toMatchObject({ total: 2975, customer_address: { country: 'DE' } });
  const double = draft({ automatic_tax: { enabled: true } }, WITH_TAX);
  await expect(double).rejects.toMatchObject({ param: 'lines' });
  await on.stripe.customers.update(customer.id, { address: '' });
  const lost = await draft({ automatic_tax: { enabled: true } }, LINE);
  expect(lost.automatic_tax.status).toBe('requires_location_inputs');
  await expect(on.stripe.invoices.finalizeInvoice(lost.id)).rejects.toMatchObject({
    code: 'customer_tax_location_invalid',
  });
});

it('a sent invoice has a due date, a page to pay it on and a PDF', async () => {
  const refused = on.stripe.invoices.create({
    customer: customer.id,
    collection_method: 'send_invoice',
  });
  await expect(refused).rejects.toMatchObject({ param: 'days_until_due' });
  const made = await draft({ collection_method: 'send_invoice', days_until_due: 30 });
  const sent = await on.stripe.invoices.sendInvoice(made.id);
  expect(sent).toMatchObject({ status: 'open', due_date: (sent.effective_at ?? 0) + 30 * 86_400 });
  const file = await fetch(sent.invoice_pdf ?? '');
  expect(file.headers.get('content-type')).toBe('application/pdf');
  const bytes = Buffer.from(await file.arrayBuffer()).toString('latin1');
  expect(bytes.startsWith('%PDF-1.4')).toBe(true);
  expect(bytes).toContain(`(Invoice ${sent.number})`);
  expect(bytes).toContain('($30.75)');
  const start = Number(/startxref\n(\d+)/.exec(bytes)?.[1]);
  expect(bytes.slice(start, start + 4)).toBe('xref');

  const url = sent.hosted_invoice_url ?? '';
  const page = await (await fetch(url)).text();
  expect(page).toContain('Pay $30.75');
  const send = (number: string) =>
    fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ number, expiry: '12/34', cvc: '123', name: 'Ann' }),
    });
  expect(await (await send('4000000000009995')).text()).toContain('insufficient funds');
  expect((await send('4242424242424242')).status).toBe(303);
  expect(await (await fetch(url)).text()).not.toContain('name="number"');
  expect((await on.stripe.invoices.retrieve(sent.id)).status).toBe('paid');
});

it('an invoice paid after the bank asked is paid as well', async () => {
  const made = await draft({ collection_method: 'send_invoice', days_until_due: 30 });
  const sent = await on.stripe.invoices.sendInvoice(made.id);
  const asked = await fetch(sent.hosted_invoice_url ?? '', {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ scenario: 'threeDSecure2Required' }),
  });
  const bank = `${on.sim.url}${asked.headers.get('location')}`;
  const body = new URLSearchParams({ answer: 'pass' });
  const back = await fetch(bank, { method: 'POST', body, redirect: 'manual' });
  expect(back.headers.get('location')).toContain(`/i/${sent.id}`);
  expect((await on.stripe.invoices.retrieve(sent.id)).status).toBe('paid');
});

it('an unpaid invoice is called overdue, can be voided, and is not paid without a card', async () => {
  const made = await draft({ collection_method: 'send_invoice', days_until_due: 1 });
  await on.stripe.invoices.sendInvoice(made.id);
  await expect(on.stripe.invoices.pay(made.id)).rejects.toMatchObject({
    code: 'resource_missing',
  });
  await on.control('PUT', 'settings', { clock_offset_ms: 2 * 86_400_000 });
  expect(await told('invoice')).toContain('invoice.overdue');
  expect((await on.stripe.invoices.voidInvoice(made.id)).status).toBe('void');
  await expect(on.stripe.invoices.pay(made.id)).rejects.toMatchObject({ statusCode: 400 });
});

it('pay charges the default card, and a decline is a 402 that leaves it open', async () => {
  const attach = (name: string) =>
    on.stripe.paymentMethods.attach(`pm_card_${name}`, { customer: customer.id });
  const [bad, good] = [await attach('chargeCustomerFail'), await attach('visa')];
  const made = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  const declined = on.stripe.invoices.pay(made.id, { payment_method: bad.id });
  await expect(declined).rejects.toMatchObject({ statusCode: 402 });
  await on.stripe.customers.update(customer.id, {
    invoice_settings: { default_payment_method: good.id },
  });
  expect((await on.stripe.invoices.pay(made.id)).status).toBe('paid');
  expect(await told('invoice')).toContain('invoice.payment_failed');
});

it('a session makes its own invoice once it is paid, and none before', async () => {
  const session = await on.stripe.checkout.sessions.create({
    ...purchase(customer.id),
    invoice_creation: { enabled: true, invoice_data: { metadata: { purchase_id: 'pur_1' } } },
  });
  await on.control('POST', `pay/${session.id}`, { number: '4000000000009995' });
  expect((await on.stripe.invoices.list()).data).toEqual([]);
  const done = await on.control('POST', `pay/${session.id}`, { number: '4242424242424242' });
  const after = await on.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['invoice.payments'],
  });
  expect(after.invoice).toMatchObject({
    status: 'paid',
    number: `${customer.invoice_prefix}-0001`,
    subtotal: 2500,
    total: 3075,
    amount_paid: 3075,
    metadata: { purchase_id: 'pur_1' },
    total_taxes: [{ amount: 575 }],
    payments: { data: [{ payment: { payment_intent: done.payment_intent } }] },
  });
});

it('a credit note says what went back, in full and in parts, with its share of tax', async () => {
  const made = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  const intent = await paidIntent();
  await on.stripe.invoices.attachPayment(made.id, { payment_intent: intent.id });
  const unsaid = on.stripe.creditNotes.create({ invoice: made.id, amount: 615 });
  await expect(unsaid).rejects.toMatchObject({ param: 'refund_amount' });
  const refund = await on.stripe.refunds.create({ payment_intent: intent.id, amount: 615 });
  const part = await on.stripe.creditNotes.create({
    invoice: made.id,
    amount: 615,
    refunds: [{ refund: refund.id, amount_refunded: 615 }],
  });
  expect(part).toMatchObject({
    number: `${made.number}-CN-01`,
    type: 'post_payment',
    total: 615,
    total_excluding_tax: 500,
    refunds: [{ refund: refund.id }],
  });
  const rest = await on.stripe.creditNotes.create({
    invoice: made.id,
    lines: [
      { type: 'invoice_line_item', invoice_line_item: made.lines.data[0]?.id ?? '', amount: 2000 },
    ],
    refund_amount: 2460,
  });
  expect(rest.total).toBe(2460);
  const [charge] = (await on.stripe.charges.list({ payment_intent: intent.id })).data;
  expect(charge?.refunded).toBe(true);
  const tooMuch = on.stripe.creditNotes.create({
    invoice: made.id,
    amount: 1,
    out_of_band_amount: 1,
  });
  await expect(tooMuch).rejects.toMatchObject({ param: 'amount' });
  expect(
    Buffer.from(await (await fetch(rest.pdf)).arrayBuffer())
      .subarray(0, 5)
      .toString(),
  ).toBe('%PDF-');
});

it('a credit note before payment lowers what is due, until it is voided', async () => {
  const made = await on.stripe.invoices.finalizeInvoice((await draft()).id);
  const note = await on.stripe.creditNotes.create({ invoice: made.id, amount: 1000 });
  expect(note.type).toBe('pre_payment');
  expect((await on.stripe.invoices.retrieve(made.id)).amount_remaining).toBe(2075);
  await on.stripe.creditNotes.voidCreditNote(note.id);
  expect((await on.stripe.invoices.retrieve(made.id)).amount_remaining).toBe(3075);
});

it('a receipt tells amount, card and what the statement says', async () => {
  const intent = await paidIntent();
  const charge = await on.stripe.charges.retrieve(String(intent.latest_charge));
  await on.stripe.refunds.create({ payment_intent: intent.id, amount: 75 });
  const page = await (await fetch(charge.receipt_url ?? '')).text();
  for (const part of [
    'Receipt from Acme Credits',
    '$30.75',
    'visa – 4242',
    'ACME CREDITS',
    '-$0.75',
  ]) {
    expect(page).toContain(part);
  }
});
