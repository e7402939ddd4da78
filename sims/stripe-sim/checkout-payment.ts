import type Stripe from 'stripe';
import { address } from './addresses.ts';
import { type AttemptResult, attempt, type Verification } from './attempt.ts';
import { type CardEntry, type EntryRefusal, readEntry } from './card-entry.ts';
import { draftOf, sessionNamed } from './checkout-sessions.ts';
import { changeCustomer } from './customers.ts';
import type { ErrorBody } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { newIntent } from './payment-intents.ts';
import { type CardHolder, newCardMethod } from './payment-methods.ts';
import { NO_REQUEST, type Sim } from './sim.ts';

type Session = Stripe.Checkout.Session;

export type PaymentResult =
  | { kind: 'complete'; session: Session; intent: string }
  | { kind: 'declined'; session: Session; intent: string; error: ErrorBody }
  | { kind: 'refused'; session: Session; refusal: EntryRefusal }
  | { kind: 'needs_verification'; session: Session; intent: string; url: string }
  | { kind: 'closed'; session: Session };

/** What a person does on the page: enter a card and press Pay. */
export function payWithCard(
  sim: Sim,
  sessionId: string,
  entry: CardEntry,
  holder: CardHolder,
  verification: Verification,
): PaymentResult {
  const session = sessionNamed(sim, sessionId);
  if (session.status !== 'open') return { kind: 'closed', session };
  const read = readEntry(entry, sim.now());
  if (read.kind === 'refused') return { kind: 'refused', session, refusal: read.refusal };
  const method = newCardMethod(sim, read.card, holder, {
    month: read.expMonth,
    year: read.expYear,
  });
  return pay(sim, session, method, verification);
}

/** The second step on the bank's page, after `needs_verification`. */
export function finishVerification(
  sim: Sim,
  intentId: string,
  verification: 'pass' | 'fail',
): PaymentResult | undefined {
  const intent = sim.store.payment_intents.get(intentId);
  const method = sim.store.payment_methods.get(idOf(intent?.payment_method) ?? '');
  if (intent?.status !== 'requires_action' || method === undefined) return undefined;
  const session = sim.store.checkout_sessions
    .newestFirst()
    .find((row) => row.payment_intent === intentId);
  if (session === undefined) return undefined;
  const current = sessionNamed(sim, session.id);
  if (current.status !== 'open') return { kind: 'closed', session: current };
  return pay(sim, current, method, verification);
}

function pay(
  sim: Sim,
  open: Session,
  method: Stripe.PaymentMethod,
  verification: Verification,
): PaymentResult {
  const intent = intentOf(sim, open);
  const session = sim.store.checkout_sessions.put({ ...open, payment_intent: intent.id });
  const result: AttemptResult = attempt(sim, NO_REQUEST, intent, method, {
    verification,
    offSession: false,
    onSuccess: () => complete(sim, session, method),
  });
  switch (result.kind) {
    case 'succeeded':
      return { kind: 'complete', session: sessionNamed(sim, session.id), intent: intent.id };
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
function intentOf(sim: Sim, session: Session): Stripe.PaymentIntent {
  const existing = sim.store.payment_intents.get(idOf(session.payment_intent) ?? '');
  if (existing !== undefined) return existing;
  const intent = newIntent(sim, {
    ...draftOf(sim, session.id).intent,
    amount: session.amount_total ?? 0,
    currency: session.currency ?? 'usd',
    customer: idOf(session.customer),
  });
  emit(sim, NO_REQUEST, 'payment_intent.created', intent);
  return intent;
}

function complete(sim: Sim, session: Session, method: Stripe.PaymentMethod): void {
  const holder = method.billing_details;
  const { updates } = draftOf(sim, session.id);
  const place = address({
    country: holder.address?.country ?? null,
    postal_code: holder.address?.postal_code ?? null,
  });
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
      tax_exempt: 'none',
      tax_ids: [],
    },
    payment_status: 'paid',
    status: 'complete',
    url: null,
  });
  const customer = sim.store.customers.get(idOf(session.customer) ?? '');
  if (customer !== undefined) {
    changeCustomer(sim, NO_REQUEST, customer, {
      ...(updates.address && holder.address?.country ? { address: place } : {}),
      ...(updates.name && holder.name !== null ? { name: holder.name } : {}),
    });
  }
  emit(sim, NO_REQUEST, 'checkout.session.completed', done);
}
