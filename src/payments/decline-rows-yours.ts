import type { Actor, DeclineClass, DeclineRow, SameCard } from '#payments/decline-words';

/** One row of the table. `codes` are separated by blanks. */
function cause(
  cls: DeclineClass,
  codes: string,
  title: string,
  message: string,
  nextStep: string,
  sameCard: SameCard = 'after_a_change',
  who: Actor = 'you',
): DeclineRow {
  return { codes: codes.split(' '), class: cls, who, sameCard, title, message, nextStep };
}

const FIX: readonly DeclineRow[] = [
  cause(
    'FIX',
    'incorrect_zip incorrect_postal_code',
    'The postal code does not match',
    'The postal code you entered is not the one your bank has for this card.',
    'Correct the billing postal code and pay again.',
  ),
  cause(
    'FIX',
    'incorrect_address',
    'The street does not match',
    'Your bank could not match the street of the billing address to this card.',
    'Enter street and number exactly as on the statement of this card and pay again.',
  ),
  cause(
    'FIX',
    'payment_method_billing_details_address_missing',
    'The billing address is missing',
    'This payment needs a billing address, and none was entered.',
    'Enter the billing address of the card and pay again.',
  ),
  cause(
    'FIX',
    'incorrect_cvc',
    'The security code is wrong',
    'The security code (CVC) does not belong to this card.',
    'Check the code on the card and pay again.',
  ),
  cause(
    'FIX',
    'invalid_cvc',
    'The security code is incomplete',
    'A security code (CVC) has three digits, or four on American Express.',
    'Enter all digits of the code and pay again.',
  ),
  cause(
    'FIX',
    'incorrect_number',
    'The card number is wrong',
    'There is no card with the number that was entered.',
    'Check the card number digit by digit and pay again.',
  ),
  cause(
    'FIX',
    'invalid_number',
    'This is not a card number',
    'What was entered as the card number is too short, too long or not made of digits.',
    'Enter the long number on the card and pay again.',
  ),
  cause(
    'FIX',
    'invalid_expiry_month',
    'The expiry month is wrong',
    'The month of expiry that was entered does not exist.',
    'Enter the month as on the card, 01 to 12, and pay again.',
  ),
  cause(
    'FIX',
    'invalid_expiry_year',
    'The expiry year is wrong',
    'The year of expiry that was entered is in the past or too far away.',
    'Enter the year as on the card and pay again.',
  ),
  cause(
    'FIX',
    'customer_tax_location_invalid invalid_tax_location tax_location_invalid',
    'The billing address is not complete enough for tax',
    'We cannot tell from this address which tax applies. Your card was not asked.',
    'Complete the billing address and pay again.',
  ),
  cause(
    'FIX',
    'failed_tax_calculation taxes_calculation_failed',
    'Tax could not be worked out for this address',
    'The tax for this billing address could not be computed. Your card was not asked.',
    'Check country, state and postal code of the billing address and pay again.',
  ),
  cause(
    'FIX',
    'tax_id_invalid',
    'The tax number is not valid',
    'The tax number that was entered does not have the form its country gives out.',
    'Correct the tax number or leave it empty, and pay again.',
  ),
  cause(
    'FIX',
    'tax_id_prohibited',
    'The tax number cannot be used here',
    'A tax number of this kind cannot stand with this billing address.',
    'Remove the tax number, or enter one of the country of the address, and pay again.',
  ),
  cause(
    'FIX',
    'amount_too_small',
    'The amount is too small to be charged',
    'A payment of {total} is below what a card can be charged.',
    'Choose a larger amount.',
  ),
  cause(
    'FIX',
    'amount_too_large charge_exceeds_transaction_limit',
    'The amount is too large for one payment',
    'A payment of {total} is more than can be charged at once.',
    'Choose a smaller amount, and buy again if you need more.',
  ),
  cause(
    'FIX',
    'invalid_amount invalid_charge_amount',
    'This amount cannot be charged',
    'The amount of {total} is not one that a card can be charged.',
    'Choose another amount in whole cents.',
  ),
  cause(
    'FIX',
    'testmode_decline test_mode_live_card',
    'Real cards do not work here',
    'This system runs in test mode, where no real card is charged.',
    'Use one of the test cards.',
  ),
  cause(
    'FIX',
    'live_mode_test_card',
    'Test cards do not work here',
    'The card is a test card, and this system takes real payments.',
    'Use a real card.',
  ),
];

const FUND: readonly DeclineRow[] = [
  cause(
    'FUND',
    'insufficient_funds',
    'Not enough money on the card',
    'The card must cover {total} in all: the credits and the tax, and any fee your card issuer adds.',
    'Make at least {total}, plus any fees of your card, available and pay again, or use another card.',
  ),
  cause(
    'FUND',
    'withdrawal_count_limit_exceeded',
    'The card is over its limit',
    'This payment of {total} goes beyond the balance or credit limit of the card.',
    'Raise the limit with your bank, or use another card.',
    'in_a_day',
  ),
];

const AUTH: readonly DeclineRow[] = [
  cause(
    'AUTH',
    'authentication_required',
    'Your bank wants to verify you',
    'Your bank asks you to confirm this payment yourself, and there was no chance to.',
    'Pay again and confirm the payment with your bank when asked.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'payment_intent_action_required invoice_payment_intent_requires_action',
    'A verification is still open',
    'Your bank has asked you to confirm this payment and is waiting for your answer.',
    'Go back to the payment page and finish the confirmation.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'payment_intent_authentication_failure',
    'The verification was not completed',
    'Your bank asked you to confirm the payment, and the confirmation failed or was not finished.',
    'Keep your banking app or text messages at hand and pay again.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'setup_intent_authentication_failure',
    'The verification for saving the card was not completed',
    'Your bank asked you to confirm that the card is saved, and that was not finished.',
    'Save the card again with your banking app or text messages at hand.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'payment_intent_payment_attempt_expired',
    'The verification took too long',
    'The time to confirm the payment with your bank ran out.',
    'Pay again and confirm within a few minutes.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'setup_intent_setup_attempt_expired',
    'Saving the card took too long',
    'The time to confirm the card with your bank ran out before it was saved.',
    'Save the card again and confirm within a few minutes.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'mobile_device_authentication_required',
    'Confirm on your phone',
    'This payment has to be confirmed on the device that holds the card.',
    'Pay again and confirm on your phone.',
    'with_you_present',
  ),
  cause(
    'AUTH',
    'india_recurring_payment_mandate_canceled payment_intent_mandate_invalid',
    'The standing permission of this card has ended',
    'Your bank no longer lets this card be charged without you.',
    'Buy credits yourself on the payment page, or save the card again.',
    'with_you_present',
  ),
];

/** Causes that the customer's own next move removes. */
export const YOURS_ROWS: readonly DeclineRow[] = [...FIX, ...FUND, ...AUTH];
