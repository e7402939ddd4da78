import type Stripe from 'stripe';
import type { Decline } from './card-declines.ts';
import type { ErrorBody } from './error.ts';

/** The error a card that was refused is answered with, without what it was refused for. */
export function cardError(why: Decline): ErrorBody {
  return {
    type: 'card_error',
    code: why.code,
    decline_code: why.declineCode,
    message: why.message,
    doc_url: `https://stripe.com/docs/error-codes/${why.code.replaceAll('_', '-')}`,
    ...(why.advice === null ? {} : { advice_code: why.advice }),
    ...networkSays(why),
  };
}

/** What the network itself answered; nothing if it was never asked. */
function networkSays(why: Decline): Partial<ErrorBody> {
  if (why.networkCode === null) return {};
  return {
    network_decline_code: why.networkCode,
    ...(why.advice === 'do_not_try_again' ? { network_advice_code: '03' } : {}),
  };
}

/** A saved copy of an error: `last_payment_error`, `last_setup_error`. */
export function asLastError(error: ErrorBody, method: Stripe.PaymentMethod) {
  return { ...error, payment_method: method };
}
