import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
beforeAll(async () => {
  on = await simForTests({ taxRatePercent: '10' });
});
afterAll(() => on.sim.close());

async function customerWith(...amounts: number[]) {
  const { stripe } = on;
  const { id: customer } = await stripe.customers.create({ name: 'Acme' });
  const items = [];
  for (const amount of amounts) {
    const description = `usage ${amount}`;
    const asked = { customer, amount, currency: 'usd', description };
    items.push(await stripe.invoiceItems.create(asked));
  }
  return { customer, items };
}

describe('invoice items', () => {
  it('wait for the next invoice that includes them, and are on one only', async () => {
    const { stripe } = on;
    const { customer } = await customerWith(700, 300);
    const without = await stripe.invoices.create({ customer });
    expect(without.lines.data).toEqual([]);
    const include = { customer, pending_invoice_items_behavior: 'include' } as const;
    const first = await stripe.invoices.create(include);
    expect(first.lines.data.map(({ amount }) => amount)).toEqual([700, 300]);
    expect(first.total).toBe(1000);
    expect((await stripe.invoices.create(include)).lines.data).toEqual([]);
    const pending = await stripe.invoiceItems.list({ customer, pending: true });
    expect(pending.data).toEqual([]);
  });

  it('of a draft change with it, and not once it is finalized', async () => {
    const { stripe } = on;
    const { customer } = await customerWith();
    const draft = await stripe.invoices.create({ customer });
    const asked = { customer, invoice: draft.id, amount: 500, currency: 'usd' };
    const item = await stripe.invoiceItems.create(asked);
    const other = await stripe.invoiceItems.create(asked);
    await stripe.invoiceItems.update(item.id, { amount: 900 });
    expect((await stripe.invoices.retrieve(draft.id)).total).toBe(1400);
    await stripe.invoiceItems.del(other.id);
    expect((await stripe.invoices.retrieve(draft.id)).total).toBe(900);
    await stripe.invoices.finalizeInvoice(draft.id);
    await expect(stripe.invoiceItems.update(item.id, { amount: 1 })).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
    await expect(stripe.invoiceItems.del(item.id)).rejects.toThrow();
  });

  it('wait again when their draft is deleted', async () => {
    const { stripe } = on;
    const { customer, items } = await customerWith(700);
    const include = { customer, pending_invoice_items_behavior: 'include' } as const;
    await stripe.invoices.del((await stripe.invoices.create(include)).id);
    const pending = await stripe.invoiceItems.list({ customer, pending: true });
    expect(pending.data.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
  });

  it('are refused without an amount, and for nobody', async () => {
    const { stripe } = on;
    const { customer } = await customerWith();
    await expect(stripe.invoiceItems.create({ customer, currency: 'usd' })).rejects.toThrow();
    await expect(stripe.invoiceItems.create({ amount: 5, currency: 'usd' })).rejects.toMatchObject({
      param: 'customer',
    });
  });
});

describe('a preview', () => {
  it('is the next invoice with tax, and leaves nothing behind', async () => {
    const { stripe } = on;
    const { customer } = await customerWith(700);
    const shown = await stripe.invoices.createPreview({
      ...{ customer, automatic_tax: { enabled: true } },
      invoice_items: [{ amount: 300, currency: 'usd', description: 'more' }],
    });
    expect(shown).toMatchObject({ status: 'draft', number: null, subtotal: 1000, total: 1100 });
    expect(shown.id).toMatch(/^upcoming_in_/);
    expect((await stripe.invoices.list({ customer })).data).toEqual([]);
    const pending = await stripe.invoiceItems.list({ customer, pending: true });
    expect(pending.data).toHaveLength(1);
  });
});
