import type Stripe from 'stripe';
import { asLastError, cardError } from './card-declined.ts';
import type { Decline } from './card-declines.ts';
import { raiseTrouble } from './card-trouble.ts';
import type { TestCard } from './cards.ts';
import { settleCharge } from './charge-settlement.ts';
import { newCharge, type ShownToBank } from './charges.ts';
import type { ErrorBody } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { countPayment } from './invoice-payments.ts';
import { type IssuerAnswer, letGo, takeFromIssuer } from './issuer-side.ts';
import { attachTo, markSetUp, markSpent } from './payment-methods.ts';
import { reviewIfDoubtful } from './reviews.ts';
import { bankDelay, later } from './schedule.ts';
import type { Cause, Sim } from './sim.ts';
import { associateTax } from './tax-calculations.ts';

export type AttemptResult =
  | { kind: 'succeeded'; intent: Stripe.PaymentIntent }
  | { kind: 'processing'; intent: Stripe.PaymentIntent }
  | { kind: 'declined'; intent: Stripe.PaymentIntent; error: ErrorBody }
  | { kind: 'needs_verification'; intent: Stripe.PaymentIntent };

export interface Tried {
  intent: Stripe.PaymentIntent;
  method: Stripe.PaymentMethod;
  card: TestCard;
  /** Of an issued card: what its issuer said. */
  issuer?: IssuerAnswer | null;
}

export function succeed(
  sim: Sim,
  cause: Cause,
  done: Tried & { shown: ShownToBank },
  onSuccess?: (intent: Stripe.PaymentIntent) => void,
): AttemptResult {
  const { method, card, shown } = done;
  const fresh = newCharge(sim, { ...done, decline: null, shown });
  if (done.issuer) takeFromIssuer(sim, done.issuer);
  const atOnce = done.intent.capture_method === 'automatic';
  const charge = atOnce ? settleCharge(sim, cause, fresh) : fresh;
  const intent = sim.store.payment_intents.put({
    ...done.intent,
    amount_received: done.intent.amount,
    last_payment_error: null,
    latest_charge: charge.id,
    next_action: null,
    payment_method: method.id,
    processing: null,
    status: 'succeeded',
  });
  keepForLater(sim, cause, intent, method);
  associateTax(sim, intent);
  emit(sim, cause, 'charge.succeeded', charge);
  emit(sim, cause, 'payment_intent.succeeded', intent);
  countPayment(sim, cause, intent);
  onSuccess?.(intent);
  const delay = sim.settings().balance_delay_seconds;
  if (!atOnce && delay > 0) later(sim, 'charge_settles', charge.id, delay);
  const settled = atOnce || delay > 0 ? charge : settleCharge(sim, cause, charge);
  const reviewed = reviewIfDoubtful(sim, cause, settled, card);
  raiseTrouble(sim, cause, reviewed, card.trouble);
  return { kind: 'succeeded', intent };
}

/** `setup_future_usage` attaches the card once it has worked; without it, it worked once. */
function keepForLater(
  sim: Sim,
  cause: Cause,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): void {
  const customer = idOf(intent.customer);
  if (intent.setup_future_usage === 'off_session') markSetUp(sim, method.id);
  if (method.customer !== null) return;
  if (intent.setup_future_usage === null || customer === null) markSpent(sim, method.id);
  else attachTo(sim, cause, method, customer, 'limited');
}

export function decline(sim: Sim, cause: Cause, no: Tried & { why: Decline }): AttemptResult {
  const { method, why } = no;
  const charge = newCharge(sim, { ...no, decline: why, shown: null });
  letGo(sim, no.issuer ?? null);
  const error: ErrorBody = { ...cardError(why), charge: charge.id };
  const intent = sim.store.payment_intents.put({
    ...no.intent,
    last_payment_error: asLastError(error, method),
    latest_charge: charge.id,
    next_action: null,
    payment_method: null,
    processing: null,
    status: 'requires_payment_method',
  });
  emit(sim, cause, 'charge.failed', charge);
  emit(sim, cause, 'payment_intent.payment_failed', intent);
  const left = canceledIfTriedOut(sim, cause, intent);
  return {
    kind: 'declined',
    intent: left,
    error: { ...error, payment_intent: left, payment_method: method },
  };
}

/** Whoever guesses on one payment is stopped; the next needs a new one. */
function canceledIfTriedOut(
  sim: Sim,
  cause: Cause,
  before: Stripe.PaymentIntent,
): Stripe.PaymentIntent {
  const most = sim.settings().attempts_most;
  if (most === 0) return before;
  const charges = sim.store.charges.oldestFirst();
  const tries = charges.filter((row) => idOf(row.payment_intent) === before.id).length;
  if (tries < most) return before;
  const intent = sim.store.payment_intents.put({
    ...before,
    canceled_at: sim.now(),
    cancellation_reason: 'automatic',
    status: 'canceled',
  });
  emit(sim, cause, 'payment_intent.canceled', intent);
  return intent;
}

/** Neither paid nor refused yet; the bank's answer comes by itself. */
export function pend(
  sim: Sim,
  cause: Cause,
  { intent: before, method }: Tried,
  arrives: 'later' | 'never',
): AttemptResult {
  const intent = sim.store.payment_intents.put({
    ...before,
    last_payment_error: null,
    next_action: null,
    payment_method: method.id,
    processing: { type: 'card' },
    status: 'processing',
  });
  emit(sim, cause, 'payment_intent.processing', intent);
  const kind = arrives === 'later' ? 'payment_arrives' : 'payment_fails';
  later(sim, kind, intent.id, bankDelay(sim));
  return { kind: 'processing', intent };
}

export function ask(
  sim: Sim,
  cause: Cause,
  before: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  returnUrl: string | null,
): AttemptResult {
  const intent = sim.store.payment_intents.put({
    ...before,
    next_action: {
      type: 'redirect_to_url',
      redirect_to_url: { url: `${sim.baseUrl()}/3ds/${before.id}`, return_url: returnUrl },
    },
    payment_method: method.id,
    status: 'requires_action',
  });
  emit(sim, cause, 'payment_intent.requires_action', intent);
  return { kind: 'needs_verification', intent };
}

export function failVerification(
  sim: Sim,
  cause: Cause,
  before: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): AttemptResult {
  const error: ErrorBody = {
    type: 'invalid_request_error',
    code: 'payment_intent_authentication_failure',
    message:
      'The provided PaymentMethod has failed authentication. ' +
      'Try again, or pay with another payment method.',
  };
  const intent = sim.store.payment_intents.put({
    ...before,
    last_payment_error: asLastError(error, method),
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  });
  emit(sim, cause, 'payment_intent.payment_failed', intent);
  return { kind: 'declined', intent, error: { ...error, payment_intent: intent } };
}
