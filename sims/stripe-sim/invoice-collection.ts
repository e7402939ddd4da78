import type Stripe from 'stripe';
import { attempt } from './attempt.ts';
import { invalid, StripeFailure } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { markPaid } from './invoice-course.ts';
import { invoiceNamed, type StoredInvoice } from './invoice-object.ts';
import { bindPayment, paymentsOf } from './invoice-payments.ts';
import { intentNamed, newIntent } from './new-intent.ts';
import { methodNamed } from './payment-methods.ts';
import type { Call, Cause, Sim } from './sim.ts';

/** The intent an invoice is paid with: made by the first try, kept for the next. */
export function intentFor(sim: Sim, cause: Cause, invoice: StoredInvoice): Stripe.PaymentIntent {
  const open = paymentsOf(sim, invoice.id).find((row) => row.status === 'open');
  const bound = idOf(open?.payment.payment_intent);
  if (bound !== null) return intentNamed(sim, bound);
  const intent = newIntent(sim, {
    amount: invoice.amount_remaining,
    currency: invoice.currency,
    customer: idOf(invoice.customer),
    description: `Invoice ${invoice.number}`,
    metadata: {},
    receiptEmail: null,
    setupFutureUsage: null,
    suffix: null,
  });
  emit(sim, cause, 'payment_intent.created', intent);
  bindPayment(sim, cause, invoice, intent);
  return intent;
}

/** Charges the card kept for it. Without one, or if it is declined, the caller is told why. */
export function pay(call: Call): StoredInvoice {
  const { sim, cause, params, id } = call;
  const invoice = invoiceNamed(sim, id);
  if (invoice.status === 'paid') throw invalid('Invoice is already paid');
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
    throw invalid(
      `Invoices that are ${invoice.status} cannot be paid. Finalize the invoice first.`,
    );
  }
  if (params.flag('paid_out_of_band') === true) {
    const off = { ...invoice, amount_paid_off_stripe: invoice.amount_remaining };
    return markPaid(sim, cause, { ...off, amount_paid: invoice.amount_due });
  }
  const customer = sim.store.customers.get(idOf(invoice.customer) ?? '');
  const named =
    params.text('payment_method') ??
    idOf(invoice.default_payment_method) ??
    idOf(customer?.invoice_settings.default_payment_method);
  if (named === null) {
    throw invalid(
      'There is no default payment method set on this Customer or Invoice. Set one, or pass ' +
        'payment_method.',
      undefined,
      'resource_missing',
    );
  }
  const intent = intentFor(sim, cause, invoice);
  const result = attempt(sim, cause, intent, methodNamed(sim, named), {
    verification: 'not_yet',
    offSession: params.flag('off_session') ?? true,
    returnUrl: invoice.hosted_invoice_url ?? null,
  });
  if (result.kind === 'succeeded') return invoiceNamed(sim, id);
  const failed = sim.store.invoices.put({
    ...invoiceNamed(sim, id),
    attempt_count: invoice.attempt_count + 1,
    attempted: true,
  });
  emit(sim, cause, 'invoice.payment_failed', failed);
  if (result.kind === 'declined') throw new StripeFailure(402, result.error);
  throw invalid(
    'This payment requires additional user action before it can be completed.',
    undefined,
    'invoice_payment_intent_requires_action',
  );
}
