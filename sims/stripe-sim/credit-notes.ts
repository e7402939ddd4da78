import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { invoiceNamed, recomputed, type StoredInvoice } from './invoice-object.ts';
import { paymentsOf } from './invoice-payments.ts';
import { page, plainPage } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import { refund, refundNamed } from './refunds.ts';
import type { Call, Route, Sim } from './sim.ts';
import { divideHalfUp } from './tax.ts';

type Line = Stripe.CreditNoteLineItem;
type StoredNoteLine = Omit<Line, 'unit_amount_decimal'> & { unit_amount_decimal: string | null };

export type StoredCreditNote = Omit<Stripe.CreditNote, 'lines'> & {
  lines: { object: 'list'; data: StoredNoteLine[]; has_more: boolean; url: string };
};

const REASONS = ['duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory'] as const;

const NAMES = [
  'invoice',
  'amount',
  'credit_amount',
  'out_of_band_amount',
  'refund_amount',
  'refunds.#.amount_refunded',
  'refunds.#.refund',
  'refunds.#.type',
  'memo',
  'metadata.*',
  'reason',
  'email_type',
  ...[
    'amount',
    'description',
    'invoice_line_item',
    'metadata.*',
    'quantity',
    'type',
    'unit_amount',
  ].map((name) => `lines.#.${name}`),
  'expand.#',
];

/** Total of a line, tax included; tax follows the invoice's own share of it. */
interface Part {
  total: number;
  line: string | null;
  description: string | null;
  quantity: number | null;
}

function create(call: Call): StoredCreditNote {
  const { sim, cause, params } = call;
  const invoice = invoiceNamed(sim, params.required('invoice'), 'invoice');
  if (invoice.status !== 'open' && invoice.status !== 'paid') {
    throw invalid(`An invoice that is ${invoice.status} cannot be credited.`, 'invoice');
  }
  const parts = partsOf(params, invoice);
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  refuseTooMuch(invoice, total);
  const paid = invoice.status === 'paid';
  const refunds = paid ? refundsOf(call, invoice, total) : [];
  const id = newId('cn');
  const lines = parts.map((part) => noteLine(invoice, part));
  const tax = lines.flatMap((line) => line.taxes ?? []).reduce((sum, each) => sum + each.amount, 0);
  const outOfBand = params.integer('out_of_band_amount') ?? null;
  const note = sim.store.credit_notes.put({
    id,
    object: 'credit_note',
    amount: total,
    amount_shipping: 0,
    created: sim.now(),
    currency: invoice.currency,
    customer: idOf(invoice.customer) ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: sim.now(),
    invoice: invoice.id,
    lines: { object: 'list', data: lines, has_more: false, url: `/v1/credit_notes/${id}/lines` },
    livemode: false,
    memo: params.textOrNull('memo'),
    metadata: params.metadata('metadata'),
    number: `${invoice.number}-CN-${String(notesOf(sim, invoice.id).length + 1).padStart(2, '0')}`,
    out_of_band_amount: outOfBand,
    pdf: `${sim.baseUrl()}/cn/${id}/pdf`,
    post_payment_amount: paid ? total : 0,
    pre_payment_amount: paid ? 0 : total,
    pretax_credit_amounts: [],
    reason: params.oneOf('reason', REASONS) ?? null,
    refunds,
    shipping_cost: null,
    status: 'issued',
    subtotal: total - tax,
    subtotal_excluding_tax: total - tax,
    total,
    total_excluding_tax: total - tax,
    total_taxes: lines.flatMap((line) => line.taxes ?? []),
    type: paid ? 'post_payment' : 'pre_payment',
    voided_at: null,
  });
  apply(sim, invoice, total);
  emit(sim, cause, 'credit_note.created', note);
  return note;
}

/** From `lines`, or from `amount` as one line. */
function partsOf(params: Params, invoice: StoredInvoice): Part[] {
  const items = params.items('lines');
  const amount = params.integer('amount');
  if (items.length === 0) {
    if (amount === undefined) {
      throw invalid('Pass amount or lines.', 'amount', 'parameter_missing');
    }
    return [{ total: amount, line: null, description: null, quantity: null }];
  }
  return items.map((item) => {
    const named = item.text('invoice_line_item');
    if (named === undefined) {
      const quantity = item.integer('quantity') ?? 1;
      const total = (item.integer('unit_amount') ?? 0) * quantity;
      return { total, line: null, description: item.textOrNull('description'), quantity };
    }
    const line = invoice.lines.data.find((row) => row.id === named);
    if (line === undefined) throw missing('line item', named, item.name('invoice_line_item'));
    const tax = (line.taxes ?? []).reduce(
      (sum, each) => sum + (each.tax_behavior === 'exclusive' ? each.amount : 0),
      0,
    );
    const whole = line.amount + tax;
    const part = item.integer('amount');
    const total =
      part === undefined ? whole : line.amount === 0 ? 0 : share(whole, part, line.amount);
    return { total, line: line.id, description: line.description, quantity: line.quantity };
  });
}

function share(amount: number, part: number, whole: number): number {
  return Number(divideHalfUp(BigInt(amount) * BigInt(part), BigInt(whole)));
}

function refuseTooMuch(invoice: StoredInvoice, total: number): void {
  const credited =
    invoice.post_payment_credit_notes_amount + invoice.pre_payment_credit_notes_amount;
  const left = invoice.status === 'paid' ? invoice.total - credited : invoice.amount_remaining;
  if (total >= 1 && total <= left) return;
  throw invalid(
    `The credit note amount (${total}) must be between 1 and what is left of the invoice (${left}).`,
    'amount',
  );
}

/** What goes back must be said in full: refunded now, refunded already, or by other means. */
function refundsOf(
  { sim, cause, params }: Call,
  invoice: StoredInvoice,
  total: number,
): Stripe.CreditNote.Refund[] {
  const done = params.items('refunds').map((item) => {
    const made = refundNamed(sim, item.required('refund'));
    return { id: made.id, amount: item.integer('amount_refunded') ?? made.amount };
  });
  const now = params.integer('refund_amount') ?? 0;
  const other =
    (params.integer('credit_amount') ?? 0) + (params.integer('out_of_band_amount') ?? 0);
  const said = done.reduce((sum, each) => sum + each.amount, now + other);
  if (said !== total) {
    throw invalid(
      `The sum of refunds, credit and out of band amount (${said}) must equal the credit note ` +
        `amount (${total}).`,
      'refund_amount',
    );
  }
  const intent = paymentsOf(sim, invoice.id).find((row) => row.status === 'paid');
  const fresh =
    now === 0
      ? []
      : [
          refund(sim, cause, {
            paymentIntent: idOf(intent?.payment.payment_intent) ?? undefined,
            amount: now,
            metadata: {},
          }),
        ];
  return [...done, ...fresh].map(({ id, amount }) => ({
    amount_refunded: amount,
    payment_record_refund: null,
    refund: id,
    type: 'refund',
  }));
}

function noteLine(invoice: StoredInvoice, part: Part): StoredNoteLine {
  const source = invoice.lines.data.find((row) => row.id === part.line);
  const taxes = source === undefined ? (invoice.total_taxes ?? []) : (source.taxes ?? []);
  const tax = taxes.reduce((sum, each) => sum + each.amount, 0);
  const whole =
    source === undefined
      ? invoice.total
      : source.amount +
        taxes.reduce((sum, t) => sum + (t.tax_behavior === 'exclusive' ? t.amount : 0), 0);
  const returned = whole === 0 ? 0 : share(tax, part.total, whole);
  const amount = part.total - returned;
  const [first] = taxes;
  return {
    id: newId('cnli'),
    object: 'credit_note_line_item',
    amount,
    description: part.description,
    discount_amount: 0,
    discount_amounts: [],
    ...(part.line === null ? {} : { invoice_line_item: part.line }),
    livemode: false,
    metadata: {},
    pretax_credit_amounts: [],
    quantity: part.quantity,
    tax_rates: [],
    taxes: first === undefined ? [] : [{ ...first, amount: returned, taxable_amount: amount }],
    type: part.line === null ? 'custom_line_item' : 'invoice_line_item',
    unit_amount: part.quantity === 1 ? amount : null,
    unit_amount_decimal: part.quantity === 1 ? String(amount) : null,
  };
}

/** Before payment it lowers what is due, afterwards it is only counted. */
function apply(sim: Sim, invoice: StoredInvoice, amount: number): void {
  if (invoice.status === 'paid') {
    const credited = invoice.post_payment_credit_notes_amount + amount;
    sim.store.invoices.put({
      ...invoiceNamed(sim, invoice.id),
      post_payment_credit_notes_amount: credited,
    });
    return;
  }
  const credited = invoice.pre_payment_credit_notes_amount + amount;
  recomputed(sim, { ...invoice, pre_payment_credit_notes_amount: credited });
}

function notesOf(sim: Sim, invoice: string): StoredCreditNote[] {
  return sim.store.credit_notes.newestFirst().filter((row) => row.invoice === invoice);
}

export function noteNamed(sim: Sim, id: string): StoredCreditNote {
  const found = sim.store.credit_notes.get(id);
  if (found === undefined) throw missing('credit note', id);
  return found;
}

function voidNote({ sim, cause, id }: Call): StoredCreditNote {
  const before = noteNamed(sim, id);
  if (before.status === 'void') throw invalid('This credit note is already void.');
  if (before.refunds.length > 0) throw invalid('A credit note with refunds cannot be voided.');
  apply(sim, invoiceNamed(sim, idOf(before.invoice) ?? ''), -before.total);
  const note = sim.store.credit_notes.put({ ...before, status: 'void', voided_at: sim.now() });
  emit(sim, cause, 'credit_note.voided', note);
  return note;
}

const PATH = '/v1/credit_notes';

export const creditNoteRoutes: Route[] = [
  { method: 'POST', path: PATH, names: NAMES, run: create },
  {
    method: 'GET',
    path: PATH,
    names: [...LIST_NAMES, 'customer', 'invoice'],
    run: (call) => {
      const { params, sim } = call;
      const rows = sim.store.credit_notes
        .newestFirst()
        .filter((row) => [undefined, row.invoice].includes(params.text('invoice')))
        .filter((row) => [undefined, row.customer].includes(params.text('customer')));
      return page(call, PATH, rows);
    },
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: ['expand.#'],
    run: ({ sim, id }) => noteNamed(sim, id),
  },
  {
    method: 'GET',
    path: `${PATH}/:id/lines`,
    names: LIST_NAMES,
    run: (call) => {
      const { lines } = noteNamed(call.sim, call.id);
      return plainPage(call, lines.url, lines.data);
    },
  },
  { method: 'POST', path: `${PATH}/:id/void`, names: ['expand.#'], run: voidNote },
];
