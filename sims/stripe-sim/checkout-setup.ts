import type Stripe from 'stripe';
import type { CheckoutResult } from './checkout-card.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { trySetup } from './setup-attempt.ts';
import { setupNamed } from './setup-intents.ts';
import { NO_REQUEST, type Sim } from './sim.ts';

/** The card of a `mode=setup` session: kept, refused, or first shown to the bank. */
export function saveIn(
  sim: Sim,
  session: Stripe.Checkout.Session,
  method: Stripe.PaymentMethod,
  verification: 'not_yet' | 'pass' | 'fail',
): CheckoutResult {
  const intent = setupNamed(sim, idOf(session.setup_intent) ?? '');
  const options = { verification, returnUrl: session.success_url };
  const result = trySetup(sim, NO_REQUEST, intent, method, options);
  switch (result.kind) {
    case 'declined':
      return { kind: 'declined', session, intent: intent.id, error: result.error };
    case 'needs_verification':
      return { kind: 'needs_verification', session, intent: intent.id, url: `/3ds/${intent.id}` };
    case 'succeeded': {
      const done = complete(sim, session, method);
      return { kind: 'complete', session: done, intent: intent.id };
    }
  }
}

function complete(
  sim: Sim,
  session: Stripe.Checkout.Session,
  method: Stripe.PaymentMethod,
): Stripe.Checkout.Session {
  const holder = method.billing_details;
  const done = sim.store.checkout_sessions.put({
    ...session,
    customer_details: {
      address: holder.address,
      business_name: null,
      email: session.customer_details?.email ?? holder.email,
      individual_name: null,
      name: holder.name,
      phone: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
    status: 'complete',
    url: null,
  });
  emit(sim, NO_REQUEST, 'checkout.session.completed', done);
  return done;
}
