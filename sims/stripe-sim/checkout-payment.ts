import type Stripe from 'stripe';
import { type AttemptResult, attempt, type Verification } from './attempt.ts';
import type { CheckoutResult } from './checkout-card.ts';
import { draftOf, sessionNamed } from './checkout-sessions.ts';
import { changeCustomer } from './customer-object.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { newIntent } from './new-intent.ts';
import { invoiceSession } from './session-invoice.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { addTaxId } from './tax-ids.ts';

type Session = Stripe.Checkout.Session;

/** One try to pay the session with this card. */
export function payIn(
  sim: Sim,
  open: Session,
  method: Stripe.PaymentMethod,
  verification: Verification,
): CheckoutResult {
  const intent = intentOf(sim, open);
  const session = sim.store.checkout_sessions.put({ ...open, payment_intent: intent.id });
  const result: AttemptResult = attempt(sim, NO_REQUEST, intent, method, {
    verification,
    offSession: false,
    returnUrl: session.success_url,
    onSuccess: () => complete(sim, session, method, 'paid'),
  });
  switch (result.kind) {
    case 'succeeded':
      return { kind: 'complete', session: sessionNamed(sim, session.id), intent: intent.id };
    case 'processing': {
      // The page is done; the money comes later, or not.
      complete(sim, session, method, 'unpaid');
      return { kind: 'complete', session: sessionNamed(sim, session.id), intent: intent.id };
    }
    case 'declined':
      return { kind: 'declined', session, intent: intent.id, error: result.error };
    case 'needs_verification':
      return {
        kind: 'needs_verification',
        session,
        intent: intent.id,
        url: `/3ds/${intent.id}`,
      };
  }
}

/** Made by the first submit and kept for every further card. */
export function intentOf(sim: Sim, session: Session): Stripe.PaymentIntent {
  const existing = sim.store.payment_intents.get(idOf(session.payment_intent) ?? '');
  if (existing !== undefined) return existing;
  const intent = newIntent(sim, {
    ...draftOf(sim, session.id).intent,
    amount: session.amount_total ?? 0,
    currency: session.currency ?? 'usd',
    customer: idOf(session.customer),
    cardOptions: {
      request_three_d_secure:
        session.payment_method_options?.card?.request_three_d_secure ?? 'automatic',
    },
  });
  emit(sim, NO_REQUEST, 'payment_intent.created', intent);
  return intent;
}

function complete(
  sim: Sim,
  session: Session,
  method: Stripe.PaymentMethod,
  paid: 'paid' | 'unpaid',
): void {
  const holder = method.billing_details;
  const { collected, updates } = draftOf(sim, session.id);
  const place = collected?.address ?? holder.address;
  const customer = sim.store.customers.get(idOf(session.customer) ?? '');
  const done = sim.store.checkout_sessions.put({
    ...session,
    automatic_tax: session.automatic_tax.enabled
      ? { ...session.automatic_tax, status: 'complete' }
      : session.automatic_tax,
    customer_details: {
      address: place,
      business_name: null,
      email: session.customer_details?.email ?? holder.email,
      individual_name: null,
      name: holder.name,
      phone: null,
      tax_exempt: customer?.tax_exempt ?? 'none',
      tax_ids: collected?.taxIds ?? [],
    },
    payment_status: paid,
    status: 'complete',
    url: null,
  });
  if (customer !== undefined) {
    changeCustomer(sim, NO_REQUEST, customer, {
      ...(updates.address && place?.country ? { address: place } : {}),
      ...(updates.name && holder.name !== null ? { name: holder.name } : {}),
    });
    for (const taxId of collected?.taxIds ?? []) addTaxId(sim, NO_REQUEST, customer.id, taxId);
  }
  emit(sim, NO_REQUEST, 'checkout.session.completed', withInvoice(sim, done));
}

/** The session once more, with the invoice made for it if it was paid and wanted one. */
export function withInvoice(sim: Sim, session: Session): Session {
  const invoice = session.payment_status === 'paid' ? invoiceSession(sim, session) : null;
  return invoice === null ? session : sim.store.checkout_sessions.put({ ...session, invoice });
}
