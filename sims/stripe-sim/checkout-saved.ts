import type Stripe from 'stripe';
import type { CheckoutResult } from './checkout-card.ts';
import { payIn } from './checkout-payment.ts';
import { sessionNamed } from './checkout-sessions.ts';
import { idOf } from './ids.ts';
import { needsPlace } from './session-tax.ts';
import type { Sim } from './sim.ts';

/** Cards of the customer this session may offer; those marked `always` if it does not say. */
export function savedCards(sim: Sim, session: Stripe.Checkout.Session): Stripe.PaymentMethod[] {
  const customer = idOf(session.customer);
  if (customer === null) return [];
  const allowed = session.saved_payment_method_options?.allow_redisplay_filters ?? ['always'];
  return sim.store.payment_methods
    .newestFirst()
    .filter((row) => row.customer === customer)
    .filter((row) => allowed.some((kind) => kind === row.allow_redisplay));
}

/** What a person does who picks a card that is kept already. */
export function submitSaved(
  sim: Sim,
  sessionId: string,
  methodId: string,
  shownTotal: number | null,
): CheckoutResult {
  const session = sessionNamed(sim, sessionId);
  if (session.status !== 'open') return { kind: 'closed', session };
  const method = savedCards(sim, session).find((row) => row.id === methodId);
  if (method === undefined) {
    return refused(session, 'payment_method_not_available', 'This card cannot be used here.');
  }
  if (needsPlace(sim, session)) {
    return refused(session, 'customer_tax_location_invalid', 'Say where you are first.');
  }
  if (shownTotal !== null && shownTotal !== session.amount_total) {
    return { kind: 'repriced', session };
  }
  return payIn(sim, session, method, 'not_yet');
}

function refused(session: Stripe.Checkout.Session, code: string, message: string): CheckoutResult {
  return {
    kind: 'refused',
    session,
    refusal: { code, declineCode: null, message, field: null },
  };
}
