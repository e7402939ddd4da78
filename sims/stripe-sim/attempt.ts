import type Stripe from 'stripe';
import { processingFee, recordMovement } from './balance-transactions.ts';
import { DECLINES, type Decline } from './card-declines.ts';
import { raiseTrouble } from './card-trouble.ts';
import type { TestCard } from './cards.ts';
import { newCharge } from './charges.ts';
import type { ErrorBody } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { mandateRevoked } from './mandates.ts';
import { attachTo, cardOf, isSetUp, markSetUp, markSpent } from './payment-methods.ts';
import type { Cause, Sim } from './sim.ts';
import { associateTax } from './tax-calculations.ts';

/** What the cardholder did with the bank's verification, if it was asked for. */
export type Verification = 'not_yet' | 'pass' | 'fail';

export interface AttemptOptions {
  verification: Verification;
  /** Nobody is there to verify: auto-reload. */
  offSession: boolean;
  /** Called between the success of the intent and the arrival of its balance transaction. */
  onSuccess?: (intent: Stripe.PaymentIntent) => void;
}

export type AttemptResult =
  | { kind: 'succeeded'; intent: Stripe.PaymentIntent }
  | { kind: 'declined'; intent: Stripe.PaymentIntent; error: ErrorBody }
  | { kind: 'needs_verification'; intent: Stripe.PaymentIntent };

/** One try to move the intent's amount with this payment method. */
export function attempt(
  sim: Sim,
  cause: Cause,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  options: AttemptOptions,
): AttemptResult {
  const card = cardOf(sim, method);
  const setUp = isSetUp(sim, method.id);
  const asked = asksForVerification(card, setUp, options.offSession);
  if (asked && options.offSession) {
    return decline(sim, cause, { intent, method, card, why: DECLINES.authentication_required });
  }
  if (asked && options.verification === 'not_yet') return ask(sim, cause, intent, method);
  if (asked && options.verification === 'fail') return failVerification(sim, cause, intent, method);
  if (options.offSession && mandateRevoked(sim, method.id)) {
    const why = DECLINES.india_recurring_payment_mandate_canceled;
    return decline(sim, cause, { intent, method, card, why });
  }
  if (card.decline !== null) {
    return decline(sim, cause, { intent, method, card, why: card.decline });
  }
  return succeed(sim, cause, { intent, method, card, verified: asked }, options);
}

function asksForVerification(card: TestCard, setUp: boolean, offSession: boolean): boolean {
  if (card.threeDSecure === 'required') return true;
  if (card.threeDSecure === 'first_use') return !(offSession && setUp);
  return card.threeDSecure === 'on_session' && !offSession;
}

function succeed(
  sim: Sim,
  cause: Cause,
  done: {
    intent: Stripe.PaymentIntent;
    method: Stripe.PaymentMethod;
    card: TestCard;
    verified: boolean;
  },
  options: AttemptOptions,
): AttemptResult {
  const { method, card } = done;
  const charge = newCharge(sim, { ...done, decline: null, authenticated: done.verified });
  const intent = sim.store.payment_intents.put({
    ...done.intent,
    amount_received: done.intent.amount,
    last_payment_error: null,
    latest_charge: charge.id,
    next_action: null,
    payment_method: method.id,
    status: 'succeeded',
  });
  keepForLater(sim, cause, intent, method);
  associateTax(sim, intent);
  emit(sim, cause, 'charge.succeeded', charge);
  emit(sim, cause, 'payment_intent.succeeded', intent);
  options.onSuccess?.(intent);
  const movement = recordMovement(sim, {
    type: 'charge',
    amount: charge.amount,
    fee: processingFee(charge.amount),
    currency: charge.currency,
    source: charge.id,
    description: charge.description,
    ...(card.name.startsWith('bypassPending') ? { availableIn: 0 } : {}),
  });
  const settled = sim.store.charges.put({ ...charge, balance_transaction: movement.id });
  emit(sim, cause, 'charge.updated', settled, { balance_transaction: null });
  raiseTrouble(sim, cause, settled, card.trouble);
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
  else attachTo(sim, cause, method, customer);
}

function decline(
  sim: Sim,
  cause: Cause,
  no: {
    intent: Stripe.PaymentIntent;
    method: Stripe.PaymentMethod;
    card: TestCard;
    why: Decline;
  },
): AttemptResult {
  const { method, why } = no;
  const charge = newCharge(sim, { ...no, decline: why, authenticated: false });
  const error = {
    type: 'card_error',
    code: why.code,
    decline_code: why.declineCode,
    message: why.message,
    charge: charge.id,
    ...(why.advice === null ? {} : { advice_code: why.advice }),
    ...(why.networkCode === null ? {} : { network_decline_code: why.networkCode }),
  } as const;
  const intent = sim.store.payment_intents.put({
    ...no.intent,
    last_payment_error: { ...error, payment_method: method },
    latest_charge: charge.id,
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  });
  emit(sim, cause, 'charge.failed', charge);
  emit(sim, cause, 'payment_intent.payment_failed', intent);
  return {
    kind: 'declined',
    intent,
    error: { ...error, payment_intent: intent, payment_method: method },
  };
}

function ask(
  sim: Sim,
  cause: Cause,
  before: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): AttemptResult {
  const intent = sim.store.payment_intents.put({
    ...before,
    next_action: {
      type: 'redirect_to_url',
      redirect_to_url: { url: `${sim.baseUrl()}/3ds/${before.id}`, return_url: null },
    },
    payment_method: method.id,
    status: 'requires_action',
  });
  emit(sim, cause, 'payment_intent.requires_action', intent);
  return { kind: 'needs_verification', intent };
}

function failVerification(
  sim: Sim,
  cause: Cause,
  before: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): AttemptResult {
  const error = {
    type: 'invalid_request_error',
    code: 'payment_intent_authentication_failure',
    message:
      'The provided PaymentMethod has failed authentication. ' +
      'Try again, or pay with another payment method.',
  } as const;
  const intent = sim.store.payment_intents.put({
    ...before,
    last_payment_error: { ...error, payment_method: method },
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  });
  emit(sim, cause, 'payment_intent.payment_failed', intent);
  return { kind: 'declined', intent, error: { ...error, payment_intent: intent } };
}
