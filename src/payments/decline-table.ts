/**
 * Whose move it is after a payment failed: FIX a detail, FUND the card, AUTH with the bank, ask the
 * BANK, use an OTHER card, WAIT, it was US, the REGION, or the wrong PAGE.
 */
export type DeclineClass =
  | 'FIX'
  | 'FUND'
  | 'AUTH'
  | 'BANK'
  | 'OTHER'
  | 'WAIT'
  | 'US'
  | 'REGION'
  | 'PAGE';

/** `{total}` stands for what the card must cover: credits and tax, e.g. "$5.43". */
export interface DeclineWords {
  readonly class: DeclineClass;
  readonly title: string;
  readonly message: string;
  readonly nextStep: string;
}

interface DeclineRow extends DeclineWords {
  /** `decline_code`s and `code`s of the processor, and reasons of its risk checks. */
  readonly codes: string;
}

const row = (
  codes: string,
  cls: DeclineClass,
  title: string,
  message: string,
  nextStep: string,
): DeclineRow => ({ codes, class: cls, title, message, nextStep });

const ANOTHER_CARD = 'Pay with another card.';

/** Asking the bank helps only where the bank decided; the words say what to ask. */
export const UNKNOWN_DECLINE: DeclineWords = {
  class: 'BANK',
  title: 'Your bank declined the payment',
  message: 'Your bank refused this payment without giving us a reason.',
  nextStep:
    'Check that the card is not frozen and allows online and foreign payments, or ask your bank to allow a payment of {total}. You can also use another card.',
};

const FIX_AND_FUND: readonly DeclineRow[] = [
  row(
    'incorrect_zip incorrect_postal_code',
    'FIX',
    'The postal code does not match',
    'The postal code you entered is not the one your bank has for this card.',
    'Correct the billing postal code and pay again.',
  ),
  row(
    'incorrect_address payment_method_billing_details_address_missing',
    'FIX',
    'The billing address does not match',
    'Your bank could not match the billing address to this card.',
    'Enter the address exactly as your bank has it and pay again.',
  ),
  row(
    'incorrect_cvc invalid_cvc',
    'FIX',
    'The security code is wrong',
    'The security code (CVC) does not belong to this card.',
    'Check the code on the card and pay again.',
  ),
  row(
    'incorrect_number invalid_number',
    'FIX',
    'The card number is wrong',
    'There is no card with the number that was entered.',
    'Check the card number and pay again.',
  ),
  row(
    'invalid_expiry_month invalid_expiry_year',
    'FIX',
    'The expiry date is wrong',
    'The expiry date that was entered is not a valid one.',
    'Check the date on the card and pay again.',
  ),
  row(
    'customer_tax_location_invalid invalid_tax_location failed_tax_calculation taxes_calculation_failed',
    'FIX',
    'Tax cannot be worked out for this address',
    'We need a complete billing address to work out the tax on this purchase. Your card was not asked.',
    'Complete or correct the billing address and pay again.',
  ),
  row(
    'tax_id_invalid tax_id_prohibited',
    'FIX',
    'The tax number is not valid',
    'The tax number that was entered is not accepted.',
    'Correct the tax number or leave it empty, and pay again.',
  ),
  row(
    'invalid_amount amount_too_small amount_too_large invalid_charge_amount charge_exceeds_transaction_limit',
    'FIX',
    'This amount cannot be charged',
    'The amount of {total} is outside what can be charged at once.',
    'Choose another amount.',
  ),
  row(
    'testmode_decline test_mode_live_card live_mode_test_card',
    'FIX',
    'This card does not work here',
    'Test cards work only in test mode, and real cards only outside it.',
    'Use a card of the right kind.',
  ),
  row(
    'insufficient_funds',
    'FUND',
    'Not enough money on the card',
    'The card must cover {total} in all: the credits and the tax, and any fee your card issuer adds.',
    'Make at least {total}, plus any fees of your card, available and pay again, or use another card.',
  ),
  row(
    'withdrawal_count_limit_exceeded',
    'FUND',
    'The card is over its limit',
    'This payment of {total} goes beyond the balance or credit limit of the card.',
    'Raise the limit with your bank, or use another card.',
  ),
];

const WAIT_AND_AUTH: readonly DeclineRow[] = [
  row(
    'card_velocity_exceeded',
    'WAIT',
    'The card has reached a spending limit',
    'Your bank limits how much or how often this card can pay within a period, and that limit is reached.',
    'Wait a day, raise the limit with your bank, or use another card.',
  ),
  row(
    'card_decline_rate_limit_exceeded',
    'WAIT',
    'Too many attempts with this card',
    'This card was refused several times in a short while and is being rested.',
    'Use another card now, or try this one again after a day.',
  ),
  row(
    'approve_with_id try_again_later reenter_transaction issuer_not_available',
    'WAIT',
    'Your bank is not answering',
    'Your bank could not process the payment just now.',
    'Try again in a few minutes. If it happens again, use another card.',
  ),
  row(
    'processing_error',
    'WAIT',
    'Something went wrong on the way',
    'An error between us and your bank stopped the payment.',
    'Try again in a minute.',
  ),
  row(
    'duplicate_transaction',
    'WAIT',
    'This looks like a payment made a moment ago',
    'A payment of the same amount was made with this card very recently.',
    'Look at your balance first. If the credits are not there after a few minutes, try again.',
  ),
  row(
    'authentication_required payment_intent_action_required invoice_payment_intent_requires_action',
    'AUTH',
    'Your bank wants to verify you',
    'Your bank asks for a verification step before it allows this payment.',
    'Pay again and confirm the payment with your bank when asked.',
  ),
  row(
    'payment_intent_authentication_failure setup_intent_authentication_failure',
    'AUTH',
    'The verification was not completed',
    'Your bank asked you to confirm the payment, and the confirmation failed or was not finished.',
    'Keep your banking app or text messages at hand and pay again.',
  ),
  row(
    'payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired',
    'AUTH',
    'The verification took too long',
    'The time to confirm the payment with your bank ran out.',
    'Pay again and confirm within a few minutes.',
  ),
  row(
    'mobile_device_authentication_required',
    'AUTH',
    'Confirm on your phone',
    'This payment has to be confirmed on the device that holds the card.',
    'Pay again and confirm on your phone.',
  ),
  row(
    'three_d_secure_authentication_upstream_error',
    'WAIT',
    'The verification service is not answering',
    'The service that verifies cards could not be reached.',
    'Try again in a few minutes, or use another card.',
  ),
  row(
    'three_d_secure_authentication_not_supported',
    'OTHER',
    'This card cannot be verified online',
    'The payment needs a verification that this card does not support.',
    ANOTHER_CARD,
  ),
];

const BANK_AND_OTHER: readonly DeclineRow[] = [
  row(
    'do_not_honor generic_decline card_declined call_issuer no_action_taken security_violation stop_payment_order',
    'BANK',
    UNKNOWN_DECLINE.title,
    UNKNOWN_DECLINE.message,
    UNKNOWN_DECLINE.nextStep,
  ),
  row(
    'not_permitted service_not_allowed transaction_not_allowed',
    'BANK',
    'This card does not allow such payments',
    'Your bank does not let this card pay for online services like this one. Prepaid cards often have this limit.',
    'Ask your bank to allow it, or use another card.',
  ),
  row(
    'restricted_card',
    'BANK',
    'The card is restricted',
    'Your bank has restricted this card. It may be frozen or limited to a region.',
    'Unfreeze or unlock the card in your banking app and pay again, or use another card.',
  ),
  row(
    'expired_card expired_payment_method',
    'OTHER',
    'The card has expired',
    'The expiry date of this card has passed.',
    'Use another card, or enter the new date if your bank renewed it.',
  ),
  row(
    'invalid_account new_account_information_available account_closed',
    'OTHER',
    'The card was closed or replaced',
    'The account behind this card is closed, or the card was replaced by a newer one.',
    'Enter the new card, or use another one.',
  ),
  row(
    'offline_pin_required online_or_offline_pin_required incorrect_pin invalid_pin pin_try_exceeded',
    'OTHER',
    'The card works only with a PIN',
    'This card asks for a PIN, which cannot be entered online.',
    ANOTHER_CARD,
  ),
  row(
    'revocation_of_authorization revocation_of_all_authorizations do_not_try_again debit_not_authorized refer_to_customer',
    'OTHER',
    'The card no longer accepts this payment',
    'Your bank told us not to use this card for this payment again.',
    ANOTHER_CARD,
  ),
  row(
    'lost_card stolen_card pickup_card fraudulent merchant_blacklist',
    'OTHER',
    'The card was declined',
    'This card cannot be used for this payment.',
    'Use another card. If you need help, contact us with the reference below.',
  ),
  row(
    'currency_not_supported card_not_supported invalid_card_type',
    'OTHER',
    'This kind of card is not supported',
    'The card cannot pay this kind of purchase in US dollars.',
    ANOTHER_CARD,
  ),
  row(
    'payment_method_customer_decline payment_method_provider_decline payment_method_provider_timeout payment_method_not_available',
    'OTHER',
    'The payment was not approved',
    'The payment was refused or not finished by the service you chose.',
    'Try again, or use a card instead.',
  ),
];

const US_AND_REGION: readonly DeclineRow[] = [
  row(
    'highest_risk_level elevated_risk_level rule blocklist blocked',
    'US',
    'Stopped by our payment protection',
    'Our own checks stopped this payment. Your bank did not refuse it and may not know of it.',
    'Use another card, or contact us with the reference below.',
  ),
  row(
    'low_probability_of_authorization',
    'US',
    'The payment was not sent to your bank',
    'Our payment service judged that this card would not be accepted and did not ask your bank.',
    ANOTHER_CARD,
  ),
  row(
    'previously_declined_do_not_retry',
    'US',
    'This card is being rested',
    'After earlier refusals our payment service does not send this card again for about three days. Your bank was not asked.',
    'Use another card now, or this one after three days.',
  ),
  row(
    'payment_method_currency_mismatch intent_invalid_state payment_intent_unexpected_state resource_missing idempotency_error',
    'US',
    'Something went wrong on our side',
    'We could not start this payment because of an error of ours.',
    'Start a new purchase. If it happens again, contact us with the reference below.',
  ),
  row(
    'api_key_expired secret_key_required authentication_error permission_error',
    'US',
    'Payments are down on our side',
    'Our connection to the payment service is not working. It has nothing to do with your card.',
    'Try again later.',
  ),
  row(
    'rate_limit lock_timeout idempotency_key_in_use payment_intent_rate_limit_exceeded',
    'US',
    'Very busy just now',
    'The payment service is busy.',
    'Try again in a minute.',
  ),
  row(
    'country_unsupported country_code_invalid state_unsupported region_not_supported',
    'REGION',
    'Not available in this region',
    'We cannot sell credits to this billing address or card country.',
    'Use a card and billing address of a supported country.',
  ),
  row(
    'wrong_page',
    'PAGE',
    'This page sells API credits',
    'Credits pay for use of the API. Subscription plans are bought elsewhere.',
    'Go to the page of the plan you want.',
  ),
];

const ROWS = [...FIX_AND_FUND, ...WAIT_AND_AUTH, ...BANK_AND_OTHER, ...US_AND_REGION];

export const DECLINES: ReadonlyMap<string, DeclineWords> = new Map(
  ROWS.flatMap((entry) => entry.codes.split(' ').map((code) => [code, entry] as const)),
);

/** Codes as written, duplicates included: a test checks that no code has two meanings. */
export const LISTED_CODES: readonly string[] = ROWS.flatMap((entry) => entry.codes.split(' '));
