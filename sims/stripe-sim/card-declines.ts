/** Why an issuer, the network or the processor said no. */
export interface Decline {
  code: string;
  declineCode: string;
  /** The sentence the customer reads. */
  message: string;
  /** ISO 8583 response code of the network, where the network was asked. */
  networkCode: string | null;
  advice: 'confirm_card_data' | 'do_not_try_again' | 'try_again_later' | null;
  /** Refused by the processor's own risk rules; the bank was never asked. */
  blocked?: true;
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
  fraudulent: { ...plain('fraudulent', '', 'do_not_try_again'), networkCode: null, blocked: true },
} satisfies Record<string, Decline>;

export type DeclineName = keyof typeof DECLINES;

/** Rows of the simulator's own numbers, `4000990000000NNC` with NN the row and C the Luhn digit. */
export const DECLINE_ROWS: ReadonlyArray<[row: string, name: DeclineName]> = [
  ['01', 'incorrect_zip'],
  ['10', 'expired_card'],
  ['12', 'insufficient_funds'],
  ['13', 'withdrawal_count_limit_exceeded'],
  ['14', 'card_velocity_exceeded'],
  ['17', 'try_again_later'],
  ['18', 'reenter_transaction'],
  ['19', 'issuer_not_available'],
  ['20', 'processing_error'],
  ['29', 'do_not_honor'],
  ['30', 'generic_decline'],
  ['31', 'call_issuer'],
  ['34', 'service_not_allowed'],
  ['35', 'transaction_not_allowed'],
  ['36', 'restricted_card'],
  ['39', 'revocation_of_authorization'],
  ['41', 'do_not_try_again'],
  ['44', 'pickup_card'],
  ['45', 'fraudulent'],
  ['51', 'duplicate_transaction'],
  ['52', 'currency_not_supported'],
  ['54', 'card_not_supported'],
];
