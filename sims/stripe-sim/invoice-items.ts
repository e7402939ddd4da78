import type Stripe from 'stripe';
import { customerNamed } from './customer-object.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { readInvoiceLine, type StoredInvoiceLine } from './invoice-lines.ts';
import { invoiceNamed, recomputed, type StoredInvoice } from './invoice-object.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';

/** As it travels; it has a date where others have `created`. */
export type StoredInvoiceItem = Omit<Stripe.InvoiceItem, 'quantity_decimal' | 'pricing'> &
  Pick<StoredInvoiceLine, 'pricing'> & { quantity_decimal: string };

const UPDATE_NAMES = [
  'amount',
  'description',
  'metadata.*',
  'period.end',
  'period.start',
  'quantity',
  'pricing.price',
  'price_data.currency',
  'price_data.product',
  'price_data.tax_behavior',
  'price_data.unit_amount',
  'expand.#',
];

const CREATE_NAMES = [...UPDATE_NAMES, 'currency', 'customer', 'invoice'];

function itemNamed(sim: Sim, id: string): StoredInvoiceItem {
  const found = sim.store.invoice_items.get(id);
  if (found === undefined) throw missing('invoiceitem', id);
  return found;
}

/** On the draft that is named at once, or kept for the customer's next invoice that includes it. */
function create({ sim, cause, params }: Call): StoredInvoiceItem {
  const named = params.text('invoice');
  const draft = named === undefined ? null : draftNamed(sim, named, 'invoice');
  const customerId = params.text('customer') ?? idOf(draft?.customer ?? null);
  if (customerId === null) throw invalid('Missing required param: customer.', 'customer');
  const customer = customerNamed(sim, customerId, 'customer');
  const currency = params.currency('currency', draft?.currency ?? customer.currency ?? 'usd');
  const line = readInvoiceLine(sim, '', currency, params);
  const item = sim.store.invoice_items.put({
    ...{ id: newId(sim, 'ii'), object: 'invoiceitem', livemode: false },
    ...{ customer: customer.id, customer_account: null, invoice: draft?.id ?? null },
    ...worth(line),
    ...{ currency, date: sim.now(), description: line.description, metadata: line.metadata },
    ...{ discountable: true, discounts: [], parent: null, period: line.period },
    ...{ proration: false, tax_rates: [], test_clock: idOf(customer.test_clock) },
  });
  emit(sim, cause, 'invoiceitem.created', item);
  if (draft !== null) include(sim, draft, [item]);
  return item;
}

const worth = ({ amount, quantity, pricing }: StoredInvoiceLine) => ({
  amount,
  pricing,
  net_amount: amount,
  quantity: quantity ?? 1,
  quantity_decimal: String(quantity ?? 1),
});

function draftNamed(sim: Sim, id: string, param?: string): StoredInvoice {
  const invoice = invoiceNamed(sim, id, param);
  if (invoice.status === 'draft') return invoice;
  throw invalid("Finalized invoices can't be updated in this way.", param, 'invoice_not_editable');
}

/** What waits for the customer's next invoice of this currency, oldest first. */
export const pendingItems = (sim: Sim, customer: string, currency: string): StoredInvoiceItem[] =>
  sim.store.invoice_items
    .oldestFirst()
    .filter((item) => item.invoice === null && item.customer === customer)
    .filter((item) => item.currency === currency);

/** Puts items on a draft; they wait no longer. */
export function include(
  sim: Sim,
  draft: StoredInvoice,
  items: readonly StoredInvoiceItem[],
): StoredInvoice {
  for (const item of items) sim.store.invoice_items.put({ ...item, invoice: draft.id });
  const added = items.map((item) => lineOf(sim, item, draft.id));
  const others = draft.lines.data.filter((line) => !added.some((each) => sameItem(each, line)));
  return recomputed(sim, { ...draft, lines: { ...draft.lines, data: [...others, ...added] } });
}

/** The draft is gone; what was on it waits for another. */
export function release(sim: Sim, invoice: string): void {
  for (const item of sim.store.invoice_items.oldestFirst()) {
    if (item.invoice === invoice) sim.store.invoice_items.put({ ...item, invoice: null });
  }
}

const itemIn = (line: StoredInvoiceLine): string | undefined =>
  line.parent?.invoice_item_details?.invoice_item;
const sameItem = (a: StoredInvoiceLine, b: StoredInvoiceLine): boolean => itemIn(a) === itemIn(b);

export const lineOf = (
  sim: Sim,
  item: StoredInvoiceItem,
  invoice: string | null,
): StoredInvoiceLine => ({
  ...{ id: newId(sim, 'il'), object: 'line_item', livemode: false, invoice },
  ...{ amount: item.amount, subtotal: item.amount, currency: item.currency },
  ...{ description: item.description, metadata: item.metadata ?? {}, period: item.period },
  ...{ discount_amounts: [], discountable: true, discounts: [], pretax_credit_amounts: [] },
  parent: {
    invoice_item_details: {
      ...{ invoice_item: item.id, proration: false },
      ...{ proration_details: null, subscription: null },
    },
    ...{ subscription_item_details: null, type: 'invoice_item_details' },
  },
  ...{ pricing: item.pricing, quantity: item.quantity, quantity_decimal: item.quantity_decimal },
  ...{ subscription: null, taxes: null },
});

/** Until its invoice is finalized. */
function update({ sim, params, id }: Call): StoredInvoiceItem {
  const before = itemNamed(sim, id);
  const draft = before.invoice === null ? null : draftNamed(sim, idOf(before.invoice) ?? '');
  const item = sim.store.invoice_items.put({
    ...before,
    ...changedWorth(sim, params, before),
    metadata: params.metadata('metadata', before.metadata ?? {}),
    ...(params.given('description') ? { description: params.textOrNull('description') } : {}),
    period: {
      start: params.integer('period.start') ?? before.period.start,
      end: params.integer('period.end') ?? before.period.end,
    },
  });
  if (draft !== null) include(sim, draft, [item]);
  return item;
}

function changedWorth(sim: Sim, params: Params, before: StoredInvoiceItem) {
  if (!['amount', 'pricing', 'price_data'].some((name) => params.given(name))) return {};
  return worth(readInvoiceLine(sim, '', before.currency, params));
}

function remove({ sim, cause, id }: Call): object {
  const item = itemNamed(sim, id);
  if (item.invoice !== null) {
    const draft = draftNamed(sim, idOf(item.invoice) ?? '');
    const data = draft.lines.data.filter((line) => itemIn(line) !== id);
    recomputed(sim, { ...draft, lines: { ...draft.lines, data } });
  }
  sim.store.invoice_items.remove(id);
  emit(sim, cause, 'invoiceitem.deleted', item);
  return { id, object: 'invoiceitem', deleted: true };
}

function list(call: Call): object {
  const { params, sim } = call;
  const pending = params.flag('pending');
  const rows = sim.store.invoice_items
    .newestFirst()
    .filter((row) => !params.given('customer') || row.customer === params.text('customer'))
    .filter((row) => !params.given('invoice') || row.invoice === params.text('invoice'))
    .filter((row) => pending === undefined || (row.invoice === null) === pending);
  const dated = rows.map((row) => ({ ...row, created: row.date }));
  const found = page(call, PATH, dated);
  return { ...found, data: found.data.map(({ created: _created, ...row }) => row) };
}

const PATH = '/v1/invoiceitems';

export const invoiceItemRoutes: Route[] = [
  { method: 'POST', path: PATH, names: CREATE_NAMES, run: create },
  {
    method: 'GET',
    path: PATH,
    names: [...LIST_NAMES, 'customer', 'invoice', 'pending'],
    run: list,
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: ['expand.#'],
    run: ({ sim, id }) => itemNamed(sim, id),
  },
  { method: 'POST', path: `${PATH}/:id`, names: UPDATE_NAMES, run: update },
  { method: 'DELETE', path: `${PATH}/:id`, names: [], run: remove },
];
