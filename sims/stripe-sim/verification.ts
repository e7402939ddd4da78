import type Stripe from 'stripe';
import { attempt } from './attempt.ts';
import type { CheckoutResult } from './checkout-card.ts';
import { payIn } from './checkout-payment.ts';
import { sessionNamed } from './checkout-sessions.ts';
import { saveIn } from './checkout-setup.ts';
import { idOf } from './ids.ts';
import { methodNamed } from './payment-methods.ts';
import { trySetup } from './setup-attempt.ts';
import { NO_REQUEST, type Sim } from './sim.ts';

export type Waiting = Stripe.PaymentIntent | Stripe.SetupIntent;

/** The intent whose owner the bank is asking, or undefined if it asks nothing (any more). */
export function waitingIntent(sim: Sim, id: string): Waiting | undefined {
  const intent = sim.store.payment_intents.get(id) ?? sim.store.setup_intents.get(id);
  return intent?.status === 'requires_action' ? intent : undefined;
}

export function sessionOf(sim: Sim, intent: string): Stripe.Checkout.Session | undefined {
  return sim.store.checkout_sessions
    .newestFirst()
    .find((row) => row.payment_intent === intent || row.setup_intent === intent);
}

/** Where an intent confirmed through the API goes after the bank's page. */
export interface Returned {
  kind: 'returned';
  succeeded: boolean;
  location: string | null;
}

/** The owner's answer on the bank's page. Undefined if the bank asks nothing (any more). */
export function finishVerification(
  sim: Sim,
  intentId: string,
  answer: 'pass' | 'fail',
): CheckoutResult | Returned | undefined {
  const intent = waitingIntent(sim, intentId);
  if (intent === undefined) return undefined;
  const method = methodNamed(sim, idOf(intent.payment_method) ?? '');
  const session = sessionOf(sim, intentId);
  if (session === undefined) return returned(sim, intent, method, answer);
  const current = sessionNamed(sim, session.id);
  if (current.status !== 'open') return { kind: 'closed', session: current };
  return intent.object === 'setup_intent'
    ? saveIn(sim, current, method, answer)
    : payIn(sim, current, method, answer);
}

function returned(
  sim: Sim,
  intent: Waiting,
  method: Stripe.PaymentMethod,
  answer: 'pass' | 'fail',
): Returned {
  const back = intent.next_action?.redirect_to_url?.return_url ?? null;
  const result =
    intent.object === 'setup_intent'
      ? trySetup(sim, NO_REQUEST, intent, method, { verification: answer, returnUrl: back })
      : attempt(sim, NO_REQUEST, intent, method, { verification: answer, offSession: false });
  const succeeded = result.kind === 'succeeded';
  if (back === null || !URL.canParse(back)) return { kind: 'returned', succeeded, location: null };
  const url = new URL(back);
  url.searchParams.set(intent.object, intent.id);
  url.searchParams.set(`${intent.object}_client_secret`, intent.client_secret ?? '');
  url.searchParams.set('redirect_status', succeeded ? 'succeeded' : 'failed');
  return { kind: 'returned', succeeded, location: url.href };
}
