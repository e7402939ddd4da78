import type Stripe from 'stripe';
import { noteLine, partsOf, type StoredNoteLine } from './credit-note-lines.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { invoiceNamed, recomputed, type StoredInvoice } from './invoice-object.ts';
import { paymentsOf } from './invoice-payments.ts';
import { page, plainPage } from './list.ts';
import { LIST_NAMES, PAGE_NAMES } from './params.ts';
import { refund, refundNamed } from './refunds.ts';
import type { Call, Route, Sim } from './sim.ts';

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
  const id = newId(sim, 'cn');
  const lines = parts.map((part) => noteLine(sim, invoice, part));
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
    names: PAGE_NAMES,
    run: (call) => {
      const { lines } = noteNamed(call.sim, call.id);
      return plainPage(call, lines.url, lines.data);
    },
  },
  { method: 'POST', path: `${PATH}/:id/void`, names: ['expand.#'], run: voidNote },
];
