import type Stripe from 'stripe';
import { asLastError, cardError } from './card-declined.ts';
import type { TestCard } from './cards.ts';
import type { ErrorBody } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { type AskedOfIssuer, askIssuer } from './issuer-side.ts';
import { issuedCard } from './issuing-cards.ts';
import { newMandate } from './mandates.ts';
import { sendCode } from './one-time-codes.ts';
import { attachTo, cardOf, markSetUp } from './payment-methods.ts';
import type { Cause, Sim } from './sim.ts';

export interface SetupOptions {
  verification: 'not_yet' | 'pass' | 'fail';
  returnUrl: string | null;
}

export type SetupResult =
  | { kind: 'succeeded'; intent: Stripe.SetupIntent }
  | { kind: 'declined'; intent: Stripe.SetupIntent; error: ErrorBody }
  | { kind: 'needs_verification'; intent: Stripe.SetupIntent };

/** Cards whose bank wants to see the owner before it lets anyone keep them. */
const ASKING: readonly string[] = ['required', 'first_use'];

/** One try to make a card usable without its owner. */
export function trySetup(
  sim: Sim,
  cause: Cause,
  before: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  options: SetupOptions,
): SetupResult {
  const card = cardOf(sim, method);
  if (!card.attachable && card.decline !== null) {
    return fail(sim, cause, before, method, cardError(card.decline));
  }
  const asks = ASKING.includes(card.threeDSecure);
  const about = aboutIssued(sim, card, method);
  if (options.verification === 'fail') return fail(sim, cause, before, method, NOT_VERIFIED);
  if (asks && options.verification === 'not_yet') {
    if (about !== null) sendCode(sim, before.id, about);
    return ask(sim, cause, before, method, options);
  }
  const why = about === null ? null : askIssuer(sim, about, asks).why;
  if (why !== null) return fail(sim, cause, before, method, cardError(why));
  const customer = idOf(before.customer);
  if (customer !== null) attachTo(sim, cause, method, customer, 'limited');
  if (before.usage === 'off_session') markSetUp(sim, method.id);
  const intent = sim.store.setup_intents.put({
    ...before,
    last_setup_error: null,
    latest_attempt: newId(sim, 'setatt'),
    mandate: card.country === 'IN' ? newMandate(sim, method.id).id : null,
    next_action: null,
    payment_method: method.id,
    status: 'succeeded',
  });
  emit(sim, cause, 'setup_intent.succeeded', intent);
  return { kind: 'succeeded', intent };
}

/** What the issuer of an issued card is asked about; null for any other card. */
function aboutIssued(
  sim: Sim,
  { issued }: TestCard,
  method: Stripe.PaymentMethod,
): AskedOfIssuer | null {
  if (issued === null) return null;
  const { currency } = issuedCard(sim, issued);
  const descriptor = sim.merchantName.toUpperCase();
  return { card: issued, method, amount: 0, currency, descriptor };
}

const NOT_VERIFIED: ErrorBody = {
  type: 'invalid_request_error',
  code: 'setup_intent_authentication_failure',
  message:
    'The latest attempt to set up the payment method has failed because authentication failed.',
};

function ask(
  sim: Sim,
  cause: Cause,
  before: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  options: SetupOptions,
): SetupResult {
  const intent = sim.store.setup_intents.put({
    ...before,
    latest_attempt: newId(sim, 'setatt'),
    next_action: {
      type: 'redirect_to_url',
      redirect_to_url: {
        url: `${sim.baseUrl()}/3ds/${before.id}`,
        return_url: options.returnUrl,
      },
    },
    payment_method: method.id,
    status: 'requires_action',
  });
  emit(sim, cause, 'setup_intent.requires_action', intent);
  return { kind: 'needs_verification', intent };
}

function fail(
  sim: Sim,
  cause: Cause,
  before: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  error: ErrorBody,
): SetupResult {
  const intent = sim.store.setup_intents.put({
    ...before,
    last_setup_error: asLastError(error, method),
    latest_attempt: newId(sim, 'setatt'),
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  });
  emit(sim, cause, 'setup_intent.setup_failed', intent);
  const told = { ...error, setup_intent: intent, payment_method: method };
  return { kind: 'declined', intent, error: told };
}
