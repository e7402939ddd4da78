import type Stripe from 'stripe';
import { customerNamed } from './customer-object.ts';
import { invalid } from './error.ts';
import { emit } from './events.ts';
import { pay } from './invoice-collection.ts';
import { finalize, giveUp } from './invoice-course.ts';
import { include, pendingItems, release } from './invoice-items.ts';
import { INVOICE_LINE_NAMES, readInvoiceLine } from './invoice-lines.ts';
import { invoiceNamed, newInvoice, recomputed, type StoredInvoice } from './invoice-object.ts';
import { bindPayment } from './invoice-payments.ts';
import { page, plainPage } from './list.ts';
import { intentNamed } from './new-intent.ts';
import { LIST_NAMES, PAGE_NAMES, type Params } from './params.ts';
import { later } from './schedule.ts';
import type { Call, Route, Sim } from './sim.ts';

const DAY = 24 * 3600;

const UPDATE_NAMES = [
  'auto_advance',
  'automatic_tax.enabled',
  'custom_fields.#.name',
  'custom_fields.#.value',
  'days_until_due',
  'default_payment_method',
  'description',
  'due_date',
  'footer',
  'metadata.*',
  'expand.#',
];

const CREATE_NAMES = [
  ...UPDATE_NAMES,
  'collection_method',
  'currency',
  'customer',
  'pending_invoice_items_behavior',
];

function create(call: Call): StoredInvoice {
  const { sim, cause, params } = call;
  const customer = customerNamed(sim, params.required('customer'), 'customer');
  const collection =
    params.oneOf('collection_method', ['charge_automatically', 'send_invoice']) ??
    'charge_automatically';
  const dueDate = dueDateIn(sim, params);
  if (collection === 'send_invoice' && dueDate === null) {
    throw invalid(
      'If invoice `collection_method`=`send_invoice`, you must specify `days_until_due` or ' +
        '`due_date`.',
      'days_until_due',
    );
  }
  if (collection === 'charge_automatically' && dueDate !== null) {
    throw invalid('Only invoices that are sent have a due date.', 'days_until_due');
  }
  const autoAdvance = params.flag('auto_advance') ?? false;
  const invoice = newInvoice(sim, {
    customer,
    currency: params.currency('currency', customer.currency ?? 'usd'),
    collection,
    autoAdvance,
    automaticTax: params.flag('automatic_tax.enabled') ?? false,
    dueDate,
    description: params.textOrNull('description'),
    footer: params.textOrNull('footer') ?? customer.invoice_settings.footer,
    metadata: params.metadata('metadata'),
    defaultMethod: params.textOrNull('default_payment_method'),
    customFields: customFields(params),
  });
  if (autoAdvance) later(sim, 'invoice_finalizes', invoice.id, 3600);
  const pending = params.oneOf('pending_invoice_items_behavior', ['exclude', 'include']);
  const items = pending === 'include' ? pendingItems(sim, customer.id, invoice.currency) : [];
  const filled = items.length === 0 ? invoice : include(sim, invoice, items);
  emit(sim, cause, 'invoice.created', filled);
  return filled;
}

function dueDateIn(sim: Sim, params: Params): number | null {
  const days = params.integer('days_until_due');
  if (days !== undefined) return sim.now() + days * DAY;
  return params.integer('due_date') ?? null;
}

function customFields(params: Params): Stripe.Invoice.CustomField[] | null {
  if (!params.given('custom_fields')) return null;
  return params
    .items('custom_fields')
    .map((item) => ({ name: item.required('name'), value: item.required('value') }));
}

/** A draft may change in everything, a finalized invoice in what it does not say. */
function update({ sim, cause, params, id }: Call): StoredInvoice {
  const before = invoiceNamed(sim, id);
  const fixed = ['automatic_tax', 'custom_fields', 'days_until_due', 'description', 'due_date'];
  if (before.status !== 'draft' && [...fixed, 'footer'].some((name) => params.given(name))) {
    throw notEditable();
  }
  const changed: StoredInvoice = {
    ...before,
    metadata: params.metadata('metadata', before.metadata ?? {}),
    auto_advance: params.flag('auto_advance') ?? before.auto_advance ?? false,
  };
  if (params.given('description')) changed.description = params.textOrNull('description');
  if (params.given('footer')) changed.footer = params.textOrNull('footer');
  if (params.given('custom_fields')) changed.custom_fields = customFields(params);
  if (params.given('days_until_due') || params.given('due_date')) {
    changed.due_date = dueDateIn(sim, params);
  }
  if (params.given('default_payment_method')) {
    changed.default_payment_method = params.textOrNull('default_payment_method');
  }
  const taxed = params.flag('automatic_tax.enabled');
  if (taxed !== undefined) changed.automatic_tax = { ...changed.automatic_tax, enabled: taxed };
  const invoice =
    before.status === 'draft' ? recomputed(sim, changed) : sim.store.invoices.put(changed);
  emit(sim, cause, 'invoice.updated', invoice, { metadata: before.metadata });
  return invoice;
}

function notEditable() {
  return invalid(
    "Finalized invoices can't be updated in this way.",
    undefined,
    'invoice_not_editable',
  );
}

function addLines({ sim, cause, params, id }: Call): StoredInvoice {
  const before = invoiceNamed(sim, id);
  if (before.status !== 'draft') throw notEditable();
  const items = params.items('lines');
  if (items.length === 0) {
    throw invalid('Missing required param: lines.', 'lines', 'parameter_missing');
  }
  if (before.automatic_tax.enabled && items.some((item) => item.given('tax_amounts'))) {
    throw invalid('Lines of an invoice with automatic tax cannot bring their own.', 'lines');
  }
  const added = items.map((item) => readInvoiceLine(sim, id, before.currency, item));
  const lines = { ...before.lines, data: [...before.lines.data, ...added] };
  const metadata = params.metadata('invoice_metadata', before.metadata ?? {});
  const invoice = recomputed(sim, { ...before, lines, metadata });
  emit(sim, cause, 'invoice.updated', invoice, { total: before.total });
  return invoice;
}

function send({ sim, cause, id }: Call): StoredInvoice {
  const before = invoiceNamed(sim, id);
  if (before.collection_method !== 'send_invoice') {
    throw invalid('You can only send invoices with `collection_method`=`send_invoice`.');
  }
  const invoice = before.status === 'draft' ? finalize(sim, cause, before) : before;
  if (invoice.status !== 'open' && invoice.status !== 'paid') {
    throw invalid(`Invoices that are ${invoice.status} cannot be sent.`);
  }
  emit(sim, cause, 'invoice.sent', invoice);
  return invoice;
}

function remove({ sim, cause, id }: Call): object {
  const invoice = invoiceNamed(sim, id);
  if (invoice.status !== 'draft') throw invalid('You can only delete draft invoices.');
  sim.store.invoices.remove(id);
  release(sim, id);
  emit(sim, cause, 'invoice.deleted', invoice);
  return { id, object: 'invoice', deleted: true };
}

function attach({ sim, cause, params, id }: Call): StoredInvoice {
  const intent = intentNamed(sim, params.required('payment_intent'), 'payment_intent');
  return bindPayment(sim, cause, invoiceNamed(sim, id), intent);
}

function list(call: Call): object {
  const { params, sim } = call;
  const wanted = ['customer', 'status', 'collection_method'] as const;
  const rows = sim.store.invoices
    .newestFirst()
    .filter((row) =>
      wanted.every((name) => params.text(name) === undefined || row[name] === params.text(name)),
    );
  return page(call, '/v1/invoices', rows);
}

const PATH = '/v1/invoices';
const EXPAND = ['expand.#'];

export const invoiceRoutes: Route[] = [
  { method: 'POST', path: PATH, names: CREATE_NAMES, run: create },
  {
    method: 'GET',
    path: PATH,
    names: [...LIST_NAMES, 'customer', 'status', 'collection_method'],
    run: list,
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: EXPAND,
    run: ({ sim, id }) => invoiceNamed(sim, id),
  },
  { method: 'POST', path: `${PATH}/:id`, names: UPDATE_NAMES, run: update },
  { method: 'DELETE', path: `${PATH}/:id`, names: [], run: remove },
  {
    method: 'POST',
    path: `${PATH}/:id/add_lines`,
    names: [...INVOICE_LINE_NAMES, 'invoice_metadata.*', ...EXPAND],
    run: addLines,
  },
  {
    method: 'GET',
    path: `${PATH}/:id/lines`,
    names: PAGE_NAMES,
    run: (call) => {
      const { lines } = invoiceNamed(call.sim, call.id);
      return plainPage(call, lines.url, lines.data);
    },
  },
  {
    method: 'POST',
    path: `${PATH}/:id/finalize`,
    names: ['auto_advance', ...EXPAND],
    run: ({ sim, cause, id }) => finalize(sim, cause, invoiceNamed(sim, id)),
  },
  { method: 'POST', path: `${PATH}/:id/send`, names: EXPAND, run: send },
  {
    method: 'POST',
    path: `${PATH}/:id/pay`,
    names: ['payment_method', 'off_session', 'paid_out_of_band', ...EXPAND],
    run: pay,
  },
  {
    method: 'POST',
    path: `${PATH}/:id/attach_payment`,
    names: ['payment_intent', ...EXPAND],
    run: attach,
  },
  {
    method: 'POST',
    path: `${PATH}/:id/void`,
    names: EXPAND,
    run: ({ sim, cause, id }) => giveUp(sim, cause, invoiceNamed(sim, id), 'void'),
  },
  {
    method: 'POST',
    path: `${PATH}/:id/mark_uncollectible`,
    names: EXPAND,
    run: ({ sim, cause, id }) => giveUp(sim, cause, invoiceNamed(sim, id), 'uncollectible'),
  },
];
