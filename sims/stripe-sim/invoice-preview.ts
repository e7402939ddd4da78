import { customerNamed } from './customer-object.ts';
import { newId } from './ids.ts';
import { lineOf, pendingItems } from './invoice-items.ts';
import { readInvoiceLine } from './invoice-lines.ts';
import { newInvoice, recomputed, type StoredInvoice } from './invoice-object.ts';
import type { Call, Route } from './sim.ts';

const ITEM_NAMES = [
  'amount',
  'currency',
  'description',
  'metadata.*',
  'period.end',
  'period.start',
  'price_data.currency',
  'price_data.product',
  'price_data.tax_behavior',
  'price_data.unit_amount',
  'quantity',
].map((name) => `invoice_items.#.${name}`);

/** What the customer's next invoice would come to, with their pending items. Nothing is kept. */
function preview({ sim, params }: Call): StoredInvoice {
  const customer = customerNamed(sim, params.required('customer'), 'customer');
  const currency = params.currency('currency', customer.currency ?? 'usd');
  const draft = newInvoice(sim, {
    ...{ customer, currency, collection: 'charge_automatically', autoAdvance: false },
    ...{ dueDate: null, description: null, footer: null, metadata: {}, customFields: null },
    automaticTax: params.flag('automatic_tax.enabled') ?? false,
    defaultMethod: null,
  });
  const data = [
    ...pendingItems(sim, customer.id, currency).map((item) => lineOf(sim, item, null)),
    ...params
      .items('invoice_items')
      .map((item) => ({ ...readInvoiceLine(sim, '', currency, item), invoice: null })),
  ];
  const computed = recomputed(sim, { ...draft, lines: { ...draft.lines, data } });
  sim.store.invoices.remove(draft.id);
  return { ...computed, id: newId(sim, 'upcoming_in') };
}

export const invoicePreviewRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/invoices/create_preview',
    names: ['customer', 'currency', 'automatic_tax.enabled', ...ITEM_NAMES, 'expand.#'],
    run: preview,
  },
];
