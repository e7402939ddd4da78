import { describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { CAUSES, DECLINES, LISTED_CODES, WITHHELD } from '#payments/decline-table';
import { type Decline, explainDecline, plainDecline, restHours } from '#payments/declines';

const total = parseUsd('5.4') ?? ZERO;
const decline = (part: Partial<Decline>): Decline => ({
  ...plainDecline('card_declined'),
  ...part,
});
const explain = (part: Partial<Decline>) => explainDecline(decline(part), total, 'pur_1');

/** The codes of the processor's documents and our own, as a customer can meet them. */
const MUST_BE_KNOWN = `incorrect_zip incorrect_postal_code incorrect_address
  payment_method_billing_details_address_missing incorrect_cvc invalid_cvc incorrect_number
  invalid_number invalid_expiry_month invalid_expiry_year expired_card expired_payment_method
  insufficient_funds withdrawal_count_limit_exceeded card_velocity_exceeded
  card_decline_rate_limit_exceeded approve_with_id try_again_later reenter_transaction
  issuer_not_available processing_error authentication_required
  payment_intent_authentication_failure setup_intent_authentication_failure
  payment_intent_action_required invoice_payment_intent_requires_action
  payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired
  three_d_secure_authentication_upstream_error three_d_secure_authentication_not_supported
  mobile_device_authentication_required offline_pin_required online_or_offline_pin_required
  incorrect_pin invalid_pin pin_try_exceeded do_not_honor generic_decline card_declined call_issuer
  no_action_taken not_permitted service_not_allowed transaction_not_allowed restricted_card
  security_violation stop_payment_order revocation_of_authorization
  revocation_of_all_authorizations do_not_try_again invalid_account
  new_account_information_available account_closed debit_not_authorized refer_to_customer lost_card
  stolen_card pickup_card fraudulent merchant_blacklist highest_risk_level rule blocklist
  low_probability_of_authorization previously_declined_do_not_retry duplicate_transaction
  currency_not_supported payment_method_currency_mismatch card_not_supported invalid_card_type
  country_unsupported country_code_invalid state_unsupported region_not_supported
  customer_tax_location_invalid invalid_tax_location failed_tax_calculation
  taxes_calculation_failed tax_id_invalid tax_id_prohibited invalid_amount amount_too_small
  amount_too_large invalid_charge_amount charge_exceeds_transaction_limit testmode_decline
  test_mode_live_card live_mode_test_card payment_method_customer_decline
  payment_method_provider_decline payment_method_provider_timeout payment_method_not_available
  intent_invalid_state payment_intent_unexpected_state resource_missing idempotency_key_in_use
  idempotency_error lock_timeout rate_limit payment_intent_rate_limit_exceeded api_key_expired
  secret_key_required reversed_after_approval not_sent_to_network stripe_tax_inactive
  india_recurring_payment_mandate_canceled payment_intent_mandate_invalid wrong_page`;

describe('the table of declines', () => {
  it('knows every code that is documented, and gives each one meaning only', () => {
    for (const code of MUST_BE_KNOWN.split(/\s+/)) expect(DECLINES.has(code), code).toBe(true);
    expect(new Set(LISTED_CODES).size).toBe(LISTED_CODES.length);
  });

  it('S20: no two causes share a title, what happened, or all of the next step', () => {
    for (const part of ['title', 'message'] as const) {
      const texts = CAUSES.map((cause) => cause[part]);
      expect(texts.filter((text, at) => texts.indexOf(text) !== at)).toEqual([]);
    }
    const whole = CAUSES.map(({ title, message, nextStep }) => `${title}|${message}|${nextStep}`);
    expect(new Set(whole).size).toBe(CAUSES.length);
  });

  it('always says that nothing was charged, and one next step', () => {
    for (const code of DECLINES.keys()) {
      const failure = explain({ code, declineCode: code });
      expect(failure.message, code).toMatch(/not charged\.$/);
      expect(failure.next_step.length, code).toBeGreaterThan(10);
      expect(`${failure.message}${failure.next_step}`, code).not.toContain('{total}');
      expect(`${failure.title}${failure.next_step}`, code).not.toMatch(
        /payment failed|[a-z]_[a-z]/i,
      );
    }
  });

  it('accuses nobody, in words or codes', () => {
    const ACCUSING = /lost|stolen|fraud|pick ?up|suspicio|blacklist|risk|criminal|thief|illegal/i;
    for (const code of DECLINES.keys()) {
      const { title, message, next_step } = explain({ code, declineCode: code });
      expect(`${title} ${message} ${next_step}`, code).not.toMatch(ACCUSING);
    }
    const generic = explain({ declineCode: 'generic_decline' });
    for (const code of WITHHELD) expect(explain({ declineCode: code }), code).toEqual(generic);
  });

  it('never sends anybody to the bank for what we stopped', () => {
    for (const cause of CAUSES.filter((one) => one.class === 'US' || one.class === 'REGION')) {
      expect(cause.nextStep, cause.title).not.toMatch(/(ask|call|contact)[^.]* bank/i);
    }
  });
});

describe('a declined payment', () => {
  it('names the total the card must cover when funds are short', () => {
    const failure = explain({ declineCode: 'insufficient_funds' });
    expect(failure).toMatchObject({ class: 'FUND', who_acts: 'you', charged: false });
    expect(failure.message).toContain('$5.40');
    expect(failure.next_step).toContain('$5.40');
    expect(failure.reference).toBe('pur_1');
  });

  it('S22: stopped by us is never told as the bank’s refusal, verified or not', () => {
    const stopped = {
      declineCode: 'fraudulent',
      outcomeType: 'blocked',
      networkStatus: 'not_sent_to_network',
      outcomeReason: 'highest_risk_level',
    };
    const blocked = explain(stopped);
    expect(blocked).toMatchObject({ class: 'US', code: 'blocked' });
    expect(blocked.next_step).not.toMatch(/bank/i);
    expect(blocked.message).toContain('did not refuse');
    const verified = explain({ ...stopped, threeDSecure: 'authenticated' });
    expect(verified.message).toContain('Your verification had gone through');
    const silent = explain({ declineCode: 'do_not_honor', networkStatus: 'not_sent_to_network' });
    expect(silent).toMatchObject({ class: 'US', code: 'not_sent_to_network' });
  });

  it('a detail that was mistyped is told as that, though nothing was sent', () => {
    const mistyped = explain({
      code: 'incorrect_number',
      outcomeType: 'invalid',
      networkStatus: 'not_sent_to_network',
    });
    expect(mistyped).toMatchObject({ class: 'FIX', code: 'incorrect_number' });
    const ruled = explain({
      code: 'incorrect_cvc',
      declineCode: 'incorrect_cvc',
      outcomeType: 'blocked',
      outcomeReason: 'incorrect_cvc',
    });
    expect(ruled.code).toBe('incorrect_cvc');
  });

  it('S21: a hold that the bank shows is explained, and that it goes away', () => {
    const reversed = explain({ networkStatus: 'reversed_after_approval' });
    expect(reversed).toMatchObject({ class: 'US', code: 'reversed_after_approval' });
    expect(reversed.message).toContain('disappears by itself');
    const ruled = { outcomeType: 'blocked', outcomeReason: 'rule' };
    const byRule = explain({ ...ruled, networkStatus: 'reversed_after_approval' });
    expect(byRule.code).toBe('reversed_after_approval');
    const zip = explain({
      ...ruled,
      code: 'incorrect_zip',
      declineCode: 'incorrect_zip',
      networkStatus: 'reversed_after_approval',
    });
    expect(zip.class).toBe('FIX');
    expect(zip.message).toContain('disappears by itself');
  });

  it('the advice outranks the table on whether the card may be tried again', () => {
    const never = explain({ declineCode: 'do_not_honor', adviceCode: 'do_not_try_again' });
    expect(never).toMatchObject({ class: 'OTHER', who_acts: 'you', same_card: 'never' });
    const network = explain({ declineCode: 'issuer_not_available', networkAdviceCode: '03' });
    expect(network.next_step).toContain('another card');
    const details = explain({ declineCode: 'generic_decline', adviceCode: 'confirm_card_data' });
    expect(details).toMatchObject({ class: 'FIX', same_card: 'after_a_change' });
    const ours = explain({ outcomeType: 'blocked', adviceCode: 'do_not_try_again' });
    expect(ours.class).toBe('US');
  });

  it('whoever may have paid already is not sent to pay with another card', () => {
    const twice = explain({
      declineCode: 'duplicate_transaction',
      adviceCode: 'do_not_try_again',
    });
    expect(twice.next_step).toMatch(/^Look at your balance first/);
  });

  it('a code nobody knows yet is told as a refusal without a reason, and not repeated', () => {
    const failure = explain({ code: 'moon_phase', declineCode: 'moon_phase_unfavourable' });
    expect(failure).toMatchObject({ class: 'BANK', code: 'card_declined' });
  });

  it('a cause beside the general code is the one that counts', () => {
    const limited = explain({
      code: 'card_decline_rate_limit_exceeded',
      declineCode: 'generic_decline',
    });
    expect(limited.code).toBe('card_decline_rate_limit_exceeded');
  });

  it('S39: a card is rested as long as the networks ask, and no longer', () => {
    expect(
      restHours(
        decline({ outcomeReason: 'previously_declined_do_not_retry', outcomeType: 'blocked' }),
      ),
    ).toBe(72);
    expect(
      restHours(decline({ declineCode: 'do_not_honor', adviceCode: 'do_not_try_again' })),
    ).toBe(72);
    expect(restHours(decline({ declineCode: 'lost_card' }))).toBe(72);
    expect(restHours(decline({ declineCode: 'card_velocity_exceeded' }))).toBe(24);
    expect(restHours(decline({ declineCode: 'insufficient_funds' }))).toBe(0);
    expect(restHours(decline({ declineCode: 'do_not_honor' }))).toBe(0);
  });
});
