import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { markPaid } from './invoice-course.ts';
import { invoiceNamed, type StoredInvoice } from './invoice-object.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

type Payment = Stripe.InvoicePayment;

export function paymentsOf(sim: Sim, invoice: string): Payment[] {
  return sim.store.invoice_payments.newestFirst().filter((row) => row.invoice === invoice);
}

/** Binds an intent to an invoice; the money counts when, or as soon as, the intent has it. */
export function bindPayment(
  sim: Sim,
  cause: Cause,
  invoice: StoredInvoice,
  intent: Stripe.PaymentIntent,
): StoredInvoice {
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
    throw invalid(`Payments cannot be attached to an invoice that is ${invoice.status}.`);
  }
  const bound = sim.store.invoice_payments
    .oldestFirst()
    .find((row) => row.payment.payment_intent === intent.id && row.status !== 'canceled');
  if (bound !== undefined) {
    throw invalid('This PaymentIntent is already attached to an invoice.', 'payment_intent');
  }
  if (intent.currency !== invoice.currency || intent.customer !== invoice.customer) {
    throw invalid(
      'The PaymentIntent must have the currency and the customer of the invoice.',
      'payment_intent',
    );
  }
  if (intent.status === 'canceled') {
    throw invalid('The PaymentIntent is canceled.', 'payment_intent');
  }
  sim.store.invoice_payments.put({
    id: newId(sim, 'inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: intent.amount,
    created: sim.now(),
    currency: intent.currency,
    invoice: invoice.id,
    is_default: paymentsOf(sim, invoice.id).length === 0,
    livemode: false,
    payment: { payment_intent: intent.id, type: 'payment_intent' },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  });
  if (intent.status === 'succeeded') countPayment(sim, cause, intent);
  return invoiceNamed(sim, invoice.id);
}

/** The money of an intent that succeeded, counted where it is bound. */
export function countPayment(sim: Sim, cause: Cause, intent: Stripe.PaymentIntent): void {
  const open = sim.store.invoice_payments
    .oldestFirst()
    .find((row) => row.payment.payment_intent === intent.id && row.status === 'open');
  if (open === undefined) return;
  const payment = sim.store.invoice_payments.put({
    ...open,
    amount_paid: intent.amount_received,
    status: 'paid',
    status_transitions: { ...open.status_transitions, paid_at: sim.now() },
  });
  emit(sim, cause, 'invoice_payment.paid', payment);
  const before = invoiceNamed(sim, idOf(open.invoice) ?? '');
  const paid = before.amount_paid + intent.amount_received;
  const invoice = sim.store.invoices.put({
    ...before,
    amount_overpaid: Math.max(0, paid - before.amount_due),
    amount_paid: Math.min(paid, before.amount_due),
    amount_remaining: Math.max(0, before.amount_due - paid),
    attempt_count: before.attempt_count + 1,
    attempted: true,
  });
  if (invoice.amount_overpaid > 0) emit(sim, cause, 'invoice.overpaid', invoice);
  if (invoice.amount_remaining === 0 && invoice.status !== 'paid') markPaid(sim, cause, invoice);
}

function list(call: Call): object {
  const { params, sim } = call;
  const invoice = params.text('invoice');
  const intent = params.text('payment.payment_intent');
  const status = params.oneOf('status', ['canceled', 'open', 'paid']);
  const rows = sim.store.invoice_payments
    .newestFirst()
    .filter((row) => invoice === undefined || row.invoice === invoice)
    .filter((row) => intent === undefined || row.payment.payment_intent === intent)
    .filter((row) => status === undefined || row.status === status);
  return page(call, '/v1/invoice_payments', rows);
}

export const invoicePaymentRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/invoice_payments',
    names: [...LIST_NAMES, 'invoice', 'payment.type', 'payment.payment_intent', 'status'],
    run: list,
  },
  {
    method: 'GET',
    path: '/v1/invoice_payments/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.invoice_payments.get(id);
      if (found === undefined) throw missing('invoice_payment', id);
      return found;
    },
  },
];
