import type { Actor, DeclineClass, DeclineRow, SameCard } from '#payments/decline-words';

interface Policy {
  readonly class: DeclineClass;
  readonly who: Actor;
  readonly sameCard: SameCard;
}

const BANK: Policy = { class: 'BANK', who: 'your_bank', sameCard: 'after_asking_the_bank' };
const SOON: Policy = { class: 'WAIT', who: 'nobody', sameCard: 'in_a_minute' };
const LATER: Policy = { class: 'WAIT', who: 'nobody', sameCard: 'in_a_day' };
const OTHER: Policy = { class: 'OTHER', who: 'you', sameCard: 'never' };

/** One row of the table. `codes` are separated by blanks. */
const cause = (
  policy: Policy,
  codes: string,
  title: string,
  message: string,
  nextStep: string,
): DeclineRow => ({ codes: codes.split(' '), ...policy, title, message, nextStep });

const WAITING: readonly DeclineRow[] = [
  cause(
    { ...LATER, who: 'your_bank' },
    'card_velocity_exceeded',
    'The card has reached a spending limit',
    'Your bank limits how much or how often this card can pay within a period, and that limit is reached.',
    'Wait a day, raise the limit with your bank, or use another card.',
  ),
  cause(
    LATER,
    'card_decline_rate_limit_exceeded',
    'Too many attempts with this card',
    'This card was refused several times in a short while and is being rested.',
    'Use another card now, or try this one again after a day.',
  ),
  cause(
    SOON,
    'approve_with_id',
    'Your bank could not approve the payment just now',
    'Your bank did not say no, but could not decide about this payment by itself.',
    'Try once more. If it happens again, ask your bank to let the payment through.',
  ),
  cause(
    SOON,
    'try_again_later',
    'Your bank asks to try again later',
    'Your bank could not process the payment at this moment.',
    'Try again in a few minutes. If it happens again, use another card.',
  ),
  cause(
    SOON,
    'reenter_transaction',
    'Your bank asks for the payment once more',
    'The payment reached your bank in a way it could not process.',
    'Pay again once. If it is refused again, use another card.',
  ),
  cause(
    SOON,
    'issuer_not_available',
    'Your bank is not answering',
    'The bank of this card could not be reached.',
    'Try again in an hour, or use a card of another bank.',
  ),
  cause(
    SOON,
    'processing_error',
    'Something went wrong on the way',
    'An error between us and your bank stopped the payment.',
    'Try again in a minute.',
  ),
  cause(
    SOON,
    'three_d_secure_authentication_upstream_error',
    'The verification service is not answering',
    'The service that verifies cards could not be reached.',
    'Try again in a few minutes, or use another card.',
  ),
  cause(
    { ...SOON, who: 'you' },
    'duplicate_transaction',
    'This looks like a payment made a moment ago',
    'A payment of the same amount was made with this card very recently, so this one was refused.',
    'Look at your balance first. If the credits are not there after a few minutes, try again.',
  ),
  cause(
    SOON,
    'payment_method_provider_timeout',
    'The service you chose did not answer',
    'The wallet or payment service did not answer in time.',
    'Try again in a few minutes, or pay with a card.',
  ),
];

const ASK: readonly DeclineRow[] = [
  cause(
    BANK,
    // The last five are withheld: a reader of this text cannot tell that one of them was meant.
    'generic_decline card_declined lost_card stolen_card pickup_card fraudulent merchant_blacklist',
    'The card was declined',
    'The payment was refused without a reason that we can pass on.',
    'Use another card, or ask your bank about a payment of {total}. If you need help, contact us with the reference below.',
  ),
  cause(
    BANK,
    'do_not_honor',
    'Your bank declined the payment',
    'Your bank refused this payment without giving us a reason. Often the card is frozen, or not enabled for online or foreign payments.',
    'Check in your banking app that the card is not frozen and allows online and foreign payments, or ask your bank to allow a payment of {total}. You can also use another card.',
  ),
  cause(
    BANK,
    'call_issuer',
    'Your bank asks you to call',
    'Your bank wants to speak with you before it allows this payment.',
    'Call the number on the back of the card, then pay again.',
  ),
  cause(
    BANK,
    'no_action_taken',
    'Your bank did not act on the payment',
    'Your bank received the payment and left it undecided.',
    'Ask your bank what it needs for a payment of {total}, then pay again.',
  ),
  cause(
    BANK,
    'not_permitted',
    'Your bank does not permit this payment',
    'Your bank does not permit this payment with this card.',
    'Ask your bank to permit it, or use another card.',
  ),
  cause(
    BANK,
    'service_not_allowed',
    'The card is not enabled for this service',
    'Your bank has switched off payments of this kind for this card.',
    'Ask your bank to switch them on, or use another card.',
  ),
  cause(
    { ...BANK, sameCard: 'never' },
    'transaction_not_allowed',
    'This card does not allow such payments',
    'This card cannot pay for online services like this one. Prepaid cards often have this limit.',
    'Use another card, or ask your bank for one that allows online services.',
  ),
  cause(
    BANK,
    'restricted_card',
    'The card is restricted',
    'Your bank has restricted this card. It may be frozen or limited to a region.',
    'Unfreeze or unlock the card in your banking app and pay again, or use another card.',
  ),
  cause(
    BANK,
    'security_violation',
    'Your bank stopped the payment for its own safety',
    'A security rule of your bank stopped this payment; we do not know which.',
    'Ask your bank to allow a payment of {total}, or use another card.',
  ),
  cause(
    BANK,
    'stop_payment_order',
    'Payments with this card are on hold at your bank',
    'Your bank has an order to stop payments like this one with this card.',
    'Ask your bank to lift the order, or use another card.',
  ),
];

const ANOTHER: readonly DeclineRow[] = [
  cause(
    OTHER,
    'expired_card',
    'The card has expired',
    'The expiry date of this card has passed.',
    'Use another card, or enter the new date if your bank renewed it.',
  ),
  cause(
    OTHER,
    'expired_payment_method',
    'The saved card has expired',
    'The card we had saved for payments is past its expiry date.',
    'Save a new card, or pay with another one.',
  ),
  cause(
    OTHER,
    'invalid_account',
    'The account of this card is not active',
    'The card, or the account behind it, does not exist any more or is not active.',
    'Pay with a card of an active account.',
  ),
  cause(
    OTHER,
    'new_account_information_available',
    'Your bank has issued a newer card',
    'The card was replaced: number or expiry date are no longer the current ones.',
    'Enter the details of the new card.',
  ),
  cause(
    OTHER,
    'account_closed',
    'The account was closed',
    'The bank account that was to pay has been closed.',
    'Use a card or account that is open.',
  ),
  cause(
    OTHER,
    'debit_not_authorized',
    'The account does not accept debits',
    'Your bank does not let us debit this account.',
    'Pay with a card instead.',
  ),
  cause(
    OTHER,
    'refer_to_customer',
    'Your bank returned the debit',
    'Your bank did not carry out the debit and refers to the holder of the account.',
    'Ask your bank why, or pay with a card instead.',
  ),
  cause(
    OTHER,
    'offline_pin_required online_or_offline_pin_required',
    'The card works only with a PIN',
    'This card asks for a PIN, which cannot be entered online.',
    'Pay with a card that works without a PIN.',
  ),
  cause(
    OTHER,
    'incorrect_pin invalid_pin',
    'The PIN was not accepted',
    'The card asked for its PIN, and the one it got was not accepted.',
    'Use a card that needs no PIN online.',
  ),
  cause(
    OTHER,
    'pin_try_exceeded',
    'The PIN was entered too often',
    'The card is locked after too many attempts at its PIN.',
    'Use another card, and let your bank unlock this one.',
  ),
  cause(
    OTHER,
    'revocation_of_authorization',
    'The permission for this payment was withdrawn',
    'Your bank was told not to accept this payment with this card any more.',
    'Pay with another card.',
  ),
  cause(
    OTHER,
    'revocation_of_all_authorizations',
    'The permission for all our payments was withdrawn',
    'Your bank was told not to accept any payment to us with this card.',
    'Pay with another card, or renew the permission at your bank.',
  ),
  cause(
    OTHER,
    'do_not_try_again',
    'This card will not be accepted',
    'Your bank told us not to send this card again for this payment.',
    'Pay with another card: it can be used at once.',
  ),
  cause(
    OTHER,
    'currency_not_supported',
    'The card cannot pay in US dollars',
    'This card does not support payments in US dollars.',
    'Pay with a card that does.',
  ),
  cause(
    OTHER,
    'card_not_supported',
    'The card does not support this purchase',
    'Cards of this kind cannot be used for a purchase like this one.',
    'Pay with a card of another kind, such as a regular debit or credit card.',
  ),
  cause(
    OTHER,
    'invalid_card_type',
    'This type of card is not accepted',
    'The brand or type of this card is not one that we accept.',
    'Pay with a Visa, Mastercard or another card named on the payment page.',
  ),
  cause(
    OTHER,
    'three_d_secure_authentication_not_supported',
    'This card cannot be verified online',
    'The payment needs a verification that this card does not support.',
    'Pay with a card that supports online verification.',
  ),
  cause(
    OTHER,
    'payment_method_customer_decline',
    'The payment was not approved in the app',
    'The payment was declined or left unfinished in the wallet or app you chose.',
    'Approve it there when you pay again, or pay with a card.',
  ),
  cause(
    OTHER,
    'payment_method_provider_decline',
    'The service you chose declined the payment',
    'The wallet or payment service refused this payment.',
    'Pay with a card, or choose another service.',
  ),
  cause(
    OTHER,
    'payment_method_not_available',
    'This way to pay is not available now',
    'The way to pay that you chose cannot be used at the moment.',
    'Choose another way to pay.',
  ),
];

/** Causes that lie with the bank, the card or the way to it. */
export const BANK_ROWS: readonly DeclineRow[] = [...WAITING, ...ASK, ...ANOTHER];
