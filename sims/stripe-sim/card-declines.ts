/** Why an issuer, the network or the processor said no. */
export interface Decline {
  code: string;
  declineCode: string;
  /** The sentence the customer reads. */
  message: string;
  /** ISO 8583 response code of the network, where the network was asked. */
  networkCode: string | null;
  advice: 'confirm_card_data' | 'do_not_try_again' | 'try_again_later' | null;
  /** The rule of the processor or the merchant that refused, not the bank. */
  blocked?: string;
  /** Where the network is not simply the one that declined. */
  network?: 'reversed_after_approval';
}

const DECLINED = 'Your card was declined.';

function plain(
  declineCode: string,
  networkCode: string,
  advice: Decline['advice'],
  message = DECLINED,
): Decline {
  return { code: 'card_declined', declineCode, message, networkCode, advice };
}

function own(code: string, networkCode: string, advice: Decline['advice'], message: string) {
  return { code, declineCode: code, message, networkCode, advice } satisfies Decline;
}

/** Refused before any bank was asked. */
function blocked(reason: string, declineCode = reason, message = DECLINED): Decline {
  return {
    code: 'card_declined',
    declineCode,
    message,
    networkCode: null,
    advice: 'do_not_try_again',
    blocked: reason,
  };
}

/** Approved by the bank, then undone by a rule: the owner sees a hold that goes away. */
function reversed(code: string, declineCode: string, message: string): Decline {
  return {
    code,
    declineCode,
    message,
    networkCode: null,
    advice: 'try_again_later',
    blocked: 'rule',
    network: 'reversed_after_approval',
  };
}

/** A code of its own that no bank network answered. */
function unasked(code: string, message: string, advice: Decline['advice'] = null): Decline {
  return { code, declineCode: code, message, networkCode: null, advice };
}

/** By decline code. Several codes share the sentence that tells the customer nothing. */
export const DECLINES = {
  generic_decline: plain('generic_decline', '05', 'try_again_later'),
  do_not_honor: plain('do_not_honor', '05', 'try_again_later'),
  insufficient_funds: plain(
    'insufficient_funds',
    '51',
    'try_again_later',
    'Your card has insufficient funds.',
  ),
  lost_card: plain('lost_card', '41', 'do_not_try_again'),
  stolen_card: plain('stolen_card', '43', 'do_not_try_again'),
  pickup_card: plain('pickup_card', '04', 'do_not_try_again'),
  expired_card: own('expired_card', '54', 'do_not_try_again', 'Your card has expired.'),
  incorrect_cvc: own(
    'incorrect_cvc',
    'N7',
    'confirm_card_data',
    "Your card's security code is incorrect.",
  ),
  incorrect_zip: own(
    'incorrect_zip',
    '59',
    'confirm_card_data',
    "Your card's postal code is incorrect.",
  ),
  processing_error: own(
    'processing_error',
    '96',
    'try_again_later',
    'An error occurred while processing your card. Try again in a little bit.',
  ),
  card_velocity_exceeded: plain(
    'card_velocity_exceeded',
    '65',
    'try_again_later',
    'Your card was declined for making repeated attempts too frequently ' +
      'or exceeding its amount limit.',
  ),
  withdrawal_count_limit_exceeded: plain(
    'withdrawal_count_limit_exceeded',
    '65',
    'try_again_later',
  ),
  call_issuer: plain('call_issuer', '01', 'try_again_later'),
  restricted_card: plain('restricted_card', '62', 'do_not_try_again'),
  transaction_not_allowed: plain('transaction_not_allowed', '57', 'do_not_try_again'),
  service_not_allowed: plain('service_not_allowed', '57', 'do_not_try_again'),
  currency_not_supported: plain('currency_not_supported', '57', 'do_not_try_again'),
  card_not_supported: plain(
    'card_not_supported',
    '57',
    'do_not_try_again',
    'Your card is not supported.',
  ),
  duplicate_transaction: plain('duplicate_transaction', '94', 'do_not_try_again'),
  issuer_not_available: plain('issuer_not_available', '91', 'try_again_later'),
  reenter_transaction: plain('reenter_transaction', '19', 'try_again_later'),
  try_again_later: plain('try_again_later', '19', 'try_again_later'),
  revocation_of_authorization: plain('revocation_of_authorization', 'R1', 'do_not_try_again'),
  do_not_try_again: plain('do_not_try_again', '05', 'do_not_try_again'),
  authentication_required: {
    code: 'authentication_required',
    declineCode: 'authentication_required',
    message: 'Your card was declined. This transaction requires authentication.',
    networkCode: '65',
    advice: null,
  },
  india_recurring_payment_mandate_canceled: {
    code: 'india_recurring_payment_mandate_canceled',
    declineCode: 'generic_decline',
    message: 'The mandate for this card was canceled by its owner.',
    networkCode: null,
    advice: null,
  },
  incorrect_address: own(
    'incorrect_address',
    '59',
    'confirm_card_data',
    "Your card's address is incorrect.",
  ),
  invalid_cvc: own(
    'invalid_cvc',
    'N7',
    'confirm_card_data',
    "Your card's security code is invalid.",
  ),
  incorrect_number: own(
    'incorrect_number',
    '14',
    'confirm_card_data',
    'Your card number is incorrect.',
  ),
  approve_with_id: plain('approve_with_id', '08', 'try_again_later'),
  card_decline_rate_limit_exceeded: unasked(
    'card_decline_rate_limit_exceeded',
    'You have exceeded the maximum number of declines on this card in the last 24 hour period.',
    'try_again_later',
  ),
  incorrect_pin: plain('incorrect_pin', '55', 'confirm_card_data', 'Your PIN is incorrect.'),
  invalid_pin: plain('invalid_pin', '55', 'confirm_card_data'),
  offline_pin_required: plain('offline_pin_required', '70', 'do_not_try_again'),
  online_or_offline_pin_required: plain('online_or_offline_pin_required', '70', 'do_not_try_again'),
  pin_try_exceeded: plain('pin_try_exceeded', '75', 'do_not_try_again'),
  no_action_taken: plain('no_action_taken', '21', 'try_again_later'),
  not_permitted: plain('not_permitted', '57', 'try_again_later'),
  security_violation: plain('security_violation', '63', 'try_again_later'),
  stop_payment_order: plain('stop_payment_order', 'R0', 'do_not_try_again'),
  revocation_of_all_authorizations: plain(
    'revocation_of_all_authorizations',
    'R3',
    'do_not_try_again',
  ),
  invalid_account: plain('invalid_account', '14', 'do_not_try_again'),
  invalid_amount: plain('invalid_amount', '13', 'do_not_try_again'),
  new_account_information_available: plain(
    'new_account_information_available',
    '79',
    'confirm_card_data',
  ),
  account_closed: plain('account_closed', '46', 'do_not_try_again'),
  debit_not_authorized: plain('debit_not_authorized', 'R1', 'do_not_try_again'),
  refer_to_customer: plain('refer_to_customer', '01', 'try_again_later'),
  mobile_device_authentication_required: plain(
    'mobile_device_authentication_required',
    '1A',
    'try_again_later',
  ),
  testmode_decline: plain('testmode_decline', '05', 'do_not_try_again'),
  invalid_card_type: unasked('invalid_card_type', 'Your card type is not supported here.'),
  charge_exceeds_transaction_limit: unasked(
    'charge_exceeds_transaction_limit',
    'The amount exceeds the limit for one payment.',
  ),
  expired_payment_method: unasked('expired_payment_method', 'The payment method has expired.'),
  payment_method_customer_decline: unasked(
    'payment_method_customer_decline',
    'The customer declined the payment.',
  ),
  payment_method_provider_decline: unasked(
    'payment_method_provider_decline',
    'The provider declined the payment.',
  ),
  payment_method_provider_timeout: unasked(
    'payment_method_provider_timeout',
    'The provider did not answer in time.',
  ),
  payment_method_not_available: unasked(
    'payment_method_not_available',
    'The payment method is not available at the moment.',
  ),
  payment_method_currency_mismatch: unasked(
    'payment_method_currency_mismatch',
    'The currency does not match the payment method.',
  ),
  payment_method_billing_details_address_missing: unasked(
    'payment_method_billing_details_address_missing',
    'A billing address is needed.',
  ),
  country_unsupported: unasked('country_unsupported', 'This country is not supported.'),
  state_unsupported: unasked('state_unsupported', 'This state is not supported.'),
  three_d_secure_authentication_upstream_error: unasked(
    'three_d_secure_authentication_upstream_error',
    'The bank could not be reached for verification.',
    'try_again_later',
  ),
  three_d_secure_authentication_not_supported: unasked(
    'three_d_secure_authentication_not_supported',
    'The card cannot be verified.',
  ),
  fraudulent: blocked('highest_risk_level', 'fraudulent'),
  highest_risk_level: blocked('highest_risk_level', 'fraudulent'),
  merchant_blacklist: blocked('blocklist', 'merchant_blacklist'),
  rule: blocked('rule', 'fraudulent'),
  low_probability_of_authorization: blocked('low_probability_of_authorization', 'generic_decline'),
  previously_declined_do_not_retry: blocked('previously_declined_do_not_retry', 'generic_decline'),
  reversed_after_approval: reversed('card_declined', 'fraudulent', DECLINED),
  rule_cvc: reversed('incorrect_cvc', 'incorrect_cvc', "Your card's security code is incorrect."),
  rule_zip: reversed('incorrect_zip', 'incorrect_zip', "Your card's postal code is incorrect."),
} satisfies Record<string, Decline>;

export type DeclineName = keyof typeof DECLINES;

/**
 * The simulator's own numbers are `4000990000000NNC`: NN a row of this table, C the Luhn digit. The
 * second and third name of a row have a 1 and a 2 before NN.
 */
export const DECLINE_ROWS: ReadonlyArray<[row: string, ...names: DeclineName[]]> = [
  ['01', 'incorrect_zip', 'rule_zip'],
  ['02', 'incorrect_address'],
  ['03', 'payment_method_billing_details_address_missing'],
  ['04', 'incorrect_cvc', 'rule_cvc'],
  ['05', 'invalid_cvc'],
  ['06', 'incorrect_number'],
  ['10', 'expired_card'],
  ['11', 'expired_payment_method'],
  ['12', 'insufficient_funds'],
  ['13', 'withdrawal_count_limit_exceeded'],
  ['14', 'card_velocity_exceeded'],
  ['15', 'card_decline_rate_limit_exceeded'],
  ['16', 'approve_with_id'],
  ['17', 'try_again_later'],
  ['18', 'reenter_transaction'],
  ['19', 'issuer_not_available'],
  ['20', 'processing_error'],
  ['21', 'authentication_required'],
  [
    '26',
    'three_d_secure_authentication_upstream_error',
    'three_d_secure_authentication_not_supported',
  ],
  ['27', 'mobile_device_authentication_required'],
  [
    '28',
    'offline_pin_required',
    'online_or_offline_pin_required',
    'incorrect_pin',
    'invalid_pin',
    'pin_try_exceeded',
  ],
  ['29', 'do_not_honor'],
  ['30', 'generic_decline'],
  ['31', 'call_issuer'],
  ['32', 'no_action_taken'],
  ['33', 'not_permitted'],
  ['34', 'service_not_allowed'],
  ['35', 'transaction_not_allowed'],
  ['36', 'restricted_card'],
  ['37', 'security_violation'],
  ['38', 'stop_payment_order'],
  ['39', 'revocation_of_authorization'],
  ['40', 'revocation_of_all_authorizations'],
  ['41', 'do_not_try_again'],
  ['42', 'invalid_account', 'new_account_information_available'],
  ['43', 'account_closed', 'debit_not_authorized', 'refer_to_customer'],
  ['44', 'pickup_card', 'lost_card', 'stolen_card'],
  ['45', 'fraudulent'],
  ['46', 'merchant_blacklist'],
  ['47', 'highest_risk_level', 'reversed_after_approval'],
  ['48', 'rule'],
  ['49', 'low_probability_of_authorization'],
  ['50', 'previously_declined_do_not_retry'],
  ['51', 'duplicate_transaction'],
  ['52', 'currency_not_supported'],
  ['53', 'payment_method_currency_mismatch'],
  ['54', 'card_not_supported', 'invalid_card_type'],
  ['55', 'country_unsupported', 'state_unsupported'],
  ['59', 'invalid_amount', 'charge_exceeds_transaction_limit'],
  ['60', 'testmode_decline'],
  [
    '61',
    'payment_method_customer_decline',
    'payment_method_provider_decline',
    'payment_method_provider_timeout',
    'payment_method_not_available',
  ],
];
