import type Stripe from 'stripe';
import { decline, succeed } from './attempt-ends.ts';
import { DECLINES } from './card-declines.ts';
import { withInvoice } from './checkout-payment.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { cardOf } from './payment-methods.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { sessionOf } from './verification.ts';

/** The bank's late answer to a payment that was processing. */
export function answerPending(sim: Sim, id: string, good: boolean): void {
  const intent = sim.store.payment_intents.get(id);
  const method = sim.store.payment_methods.get(idOf(intent?.payment_method) ?? '');
  if (intent?.status !== 'processing' || method === undefined) return;
  const tried = { intent, method, card: cardOf(sim, method) };
  const session = sessionOf(sim, id);
  if (good) {
    succeed(sim, NO_REQUEST, { ...tried, shown: null }, () => paid(sim, session));
    return;
  }
  decline(sim, NO_REQUEST, { ...tried, why: DECLINES.generic_decline });
  if (session !== undefined)
    emit(sim, NO_REQUEST, 'checkout.session.async_payment_failed', session);
}

function paid(sim: Sim, session: Stripe.Checkout.Session | undefined): void {
  if (session === undefined) return;
  const done = withInvoice(
    sim,
    sim.store.checkout_sessions.put({ ...session, payment_status: 'paid' }),
  );
  emit(sim, NO_REQUEST, 'checkout.session.async_payment_succeeded', done);
}
