import type { Actor, DeclineClass, DeclineRow, SameCard } from '#payments/decline-words';

/** One row of the table. `codes` are separated by blanks. */
function cause(
  cls: DeclineClass,
  who: Actor,
  codes: string,
  title: string,
  message: string,
  nextStep: string,
  sameCard: SameCard = 'in_a_minute',
): DeclineRow {
  return { codes: codes.split(' '), class: cls, who, sameCard, title, message, nextStep };
}

/** The bank was not asked, or not the one who refused: nothing here sends anybody to it. */
const CHECKS: readonly DeclineRow[] = [
  cause(
    'US',
    'us',
    'blocked highest_risk_level elevated_risk_level',
    'Stopped by our payment protection',
    'Our own checks stopped this payment. Your bank did not refuse it and may not know of it.',
    'Use another card, or contact us with the reference below.',
    'in_a_day',
  ),
  cause(
    'US',
    'us',
    'not_sent_to_network',
    'The payment was stopped before it reached your bank',
    'Our payment service did not send this payment on, so your bank shows no attempt.',
    'Use another card. If that fails too, contact us with the reference below.',
    'in_a_day',
  ),
  cause(
    'US',
    'us',
    'rule blocklist',
    'A rule of ours does not allow this payment',
    'A rule we set for payments stopped this one. It says nothing about your bank or your balance.',
    'Contact us with the reference below, or pay with another card.',
    'in_three_days',
  ),
  cause(
    'US',
    'us',
    'reversed_after_approval',
    'Approved by your bank, then reversed by our checks',
    'Your bank approved the payment and our checks reversed it at once. A pending amount you may see disappears by itself within a few days.',
    'Use another card, or contact us with the reference below.',
    'in_a_day',
  ),
  cause(
    'US',
    'us',
    'low_probability_of_authorization',
    'The payment was not sent to your bank',
    'Our payment service judged that this card would not be accepted and did not ask.',
    'Pay with another card: it can be used at once.',
    'in_a_day',
  ),
  cause(
    'US',
    'you',
    'previously_declined_do_not_retry card_resting',
    'This card is being rested',
    'After earlier refusals this card is not sent again for about three days. Nobody was asked this time.',
    'Use another card now, or this one after three days.',
    'in_three_days',
  ),
];

const ERRORS: readonly DeclineRow[] = [
  cause(
    'US',
    'us',
    'payment_method_currency_mismatch',
    'The payment was set up in another currency',
    'We asked for this payment in a currency the card was not set up for. That is an error of ours.',
    'Start a new purchase. If it happens again, contact us with the reference below.',
  ),
  cause(
    'US',
    'us',
    'intent_invalid_state payment_intent_unexpected_state setup_intent_unexpected_state',
    'This payment was already finished or closed',
    'The payment page was used after its payment had ended.',
    'Look at your balance, then start a new purchase.',
  ),
  cause(
    'US',
    'us',
    'resource_missing',
    'Something went wrong on our side',
    'We could not start this payment because of an error of ours.',
    'Start another purchase, and contact us with the reference below if it fails too.',
  ),
  cause(
    'US',
    'us',
    'idempotency_error parameter_unknown parameter_invalid_empty invalid_request_error',
    'We asked for this payment in a wrong way',
    'The payment service did not understand our request. We have been told of it.',
    'Contact us with the reference below, or try again later.',
  ),
  cause(
    'US',
    'us',
    'stripe_tax_inactive',
    'Tax is not set up on our side',
    'We could not work out the tax because our payment account is not set up for it. Your card was not asked.',
    'Try again later, or contact us with the reference below.',
  ),
  cause(
    'US',
    'us',
    'api_key_expired secret_key_required authentication_error permission_error',
    'Payments are down on our side',
    'Our connection to the payment service is not working. It has nothing to do with your card.',
    'Try again in an hour. We have been told of it.',
  ),
  cause(
    'US',
    'nobody',
    'rate_limit payment_intent_rate_limit_exceeded',
    'Very busy just now',
    'More payments are under way than the payment service takes at once.',
    'Try again in a minute.',
  ),
  cause(
    'US',
    'nobody',
    'lock_timeout',
    'The payment was busy',
    'Something else was working on this payment at the same moment.',
    'Look at this page again in a minute before you try once more.',
  ),
  cause(
    'US',
    'nobody',
    'idempotency_key_in_use',
    'The same payment is still under way',
    'An earlier click on the same purchase is still being worked on.',
    'Wait a minute and look at this page again.',
  ),
];

const ELSEWHERE: readonly DeclineRow[] = [
  cause(
    'REGION',
    'you',
    'country_unsupported country_code_invalid',
    'This country is not supported',
    'The payment service does not take payments from the country of this card or address.',
    'Use a card and billing address of a supported country.',
    'never',
  ),
  cause(
    'REGION',
    'you',
    'state_unsupported',
    'This state is not supported',
    'The payment service does not take payments from the state or province of this address.',
    'Use a billing address in another state, if you have one.',
    'after_a_change',
  ),
  cause(
    'REGION',
    'you',
    'region_not_supported',
    'We do not sell to this country yet',
    'Credits are not sold to the country of this billing address. Nothing was asked of your card.',
    'See the countries we sell to on the billing address form, and use an address in one of them.',
    'after_a_change',
  ),
  cause(
    'REGION',
    'you',
    'card_country_not_supported',
    'Cards of this country are not accepted yet',
    'The card was issued in a country that we do not sell to. The card was not charged or asked.',
    'Use a card issued in a country that we sell to.',
    'never',
  ),
  cause(
    'FIX',
    'you',
    'billing_address_needed',
    'A billing address is needed first',
    'Tax and availability depend on the billing address, and none is known yet.',
    'Enter your billing address, then buy.',
    'after_a_change',
  ),
  cause(
    'PAGE',
    'you',
    'wrong_page',
    'This page sells API credits',
    'Credits pay for use of the API. Subscription plans for the web and desktop apps are separate and are bought elsewhere.',
    'Go to the page of the plan you want.',
    'after_a_change',
  ),
];

/** Causes that lie with us, our rules, or where and what we sell. */
export const OURS_ROWS: readonly DeclineRow[] = [...CHECKS, ...ERRORS, ...ELSEWHERE];
