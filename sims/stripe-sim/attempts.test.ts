import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;

beforeAll(async () => {
  on = await simForTests();
});

afterAll(() => on.sim.close());

type Create = Stripe.PaymentIntentCreateParams;

/** The intent, or the error body the caller saw. */
async function charge(card: string, more: Partial<Create> = {}) {
  const params = { amount: 5000, currency: 'usd', confirm: true, payment_method: card, ...more };
  return on.stripe.paymentIntents
    .create(params)
    .then((intent) => ({ intent, error: null }))
    .catch((error: Stripe.errors.StripeCardError) => ({
      intent: error.payment_intent ?? null,
      error,
    }));
}

async function chargeOf(intent: Stripe.PaymentIntent | null): Promise<Stripe.Charge> {
  return on.stripe.charges.retrieve(String(intent?.latest_charge));
}

async function pageCharge(number: string, more: object = {}) {
  const session = await on.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [
      {
        quantity: 1,
        price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'x' } },
      },
    ],
    success_url: 'http://127.0.0.1:9/',
  });
  const done = await on.control('POST', `pay/${session.id}`, { number, ...more });
  return { done, session: await on.stripe.checkout.sessions.retrieve(session.id) };
}

describe('test numbers', () => {
  it.each([
    ['visa', null, null],
    ['visa_debit', null, null],
    ['mastercard_prepaid', null, null],
    ['cn', null, null],
    ['visa_chargeDeclined', 'card_declined', 'generic_decline'],
    ['visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
    ['visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
    ['chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
    ['chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc'],
    ['chargeDeclinedProcessingError', 'processing_error', 'processing_error'],
    ['visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
    ['chargeCustomerFail', 'card_declined', 'generic_decline'],
    ['authenticationRequired', 'authentication_required', 'authentication_required'],
    ['authenticationRequiredOnSetup', 'authentication_required', 'authentication_required'],
    ['authenticationRequiredSetupForOffSession', null, null],
    [
      'authenticationRequiredChargeDeclinedInsufficientFunds',
      'authentication_required',
      'authentication_required',
    ],
    ['radarBlock', 'card_declined', 'fraudulent'],
    ['riskLevelHighest', 'card_declined', 'fraudulent'],
    ['riskLevelElevated', null, null],
    ['threeDSecureFrictionless', null, null],
    ['threeDSecureRequiredProcessingError', 'card_declined', 'generic_decline'],
    ['sim_do_not_honor', 'card_declined', 'do_not_honor'],
    ['sim_rule_zip', 'incorrect_zip', 'incorrect_zip'],
  ])('%s, away from its owner: %s %s', async (name, code, declineCode) => {
    const { intent, error } = await charge(`pm_card_${name}`, { off_session: true });
    expect([error?.code ?? null, error?.decline_code ?? null]).toEqual([code, declineCode]);
    expect(intent?.status).toBe(code === null ? 'succeeded' : 'requires_payment_method');
  });

  it.each([
    ['4000008260003178', 'insufficient_funds'],
    ['4000008400001629', 'generic_decline'],
  ])('%s is verified first and declined all the same', async (number, why) => {
    const { done } = await pageCharge(number, { three_ds: 'pass' });
    expect(done).toMatchObject({ status: 'declined', decline_code: why });
  });

  it.each([
    ['4000000000000101', {}, { cvc_check: 'fail' }],
    ['4000000000000036', {}, { address_postal_code_check: 'fail', cvc_check: 'pass' }],
    ['4000000000000028', { line1: '1 Main St' }, { address_line1_check: 'fail' }],
    ['4000000000000010', { line1: '1 Main St' }, { address_postal_code_check: 'fail' }],
    ['4000000000000044', { line1: '1 Main St' }, { address_line1_check: 'unavailable' }],
  ])('%s pays, and its checks say %o %o', async (number, more, checks) => {
    const { done } = await pageCharge(number, more);
    const intent = await on.stripe.paymentIntents.retrieve(String(done.payment_intent));
    const details = (await chargeOf(intent)).payment_method_details?.card?.checks;
    expect(details).toMatchObject(checks);
  });

  it('every number of the simulator is told apart by its code', async () => {
    const { done } = await pageCharge('4000990000001473');
    expect(done.status).toBe('declined');
  });
});

describe('S22: outcome tells who said no', () => {
  it.each([
    ['visa', 'authorized', 'approved_by_network', null],
    ['visa_chargeDeclined', 'issuer_declined', 'declined_by_network', 'generic_decline'],
    ['radarBlock', 'blocked', 'not_sent_to_network', 'highest_risk_level'],
    ['sim_merchant_blacklist', 'blocked', 'not_sent_to_network', 'blocklist'],
    [
      'sim_previously_declined_do_not_retry',
      'blocked',
      'not_sent_to_network',
      'previously_declined_do_not_retry',
    ],
    ['sim_reversed_after_approval', 'blocked', 'reversed_after_approval', 'rule'],
  ])('%s: %s, %s, %s', async (name, type, network, reason) => {
    const { intent } = await charge(`pm_card_${name}`);
    expect((await chargeOf(intent)).outcome).toMatchObject({
      type,
      network_status: network,
      reason,
    });
  });

  it('S21: only a payment the bank approved has an authorization code', async () => {
    const codes = ['sim_reversed_after_approval', 'visa_chargeDeclined'].map(async (name) => {
      const { intent } = await charge(`pm_card_${name}`);
      return (await chargeOf(intent)).payment_method_details?.card?.authorization_code;
    });
    expect(await Promise.all(codes)).toEqual([expect.stringMatching(/^\d{6}$/), null]);
  });
});

describe('a decline', () => {
  it('is a 402 with the whole intent, the card and what the network advises', async () => {
    const { error, intent } = await charge('pm_card_visa_chargeDeclinedStolenCard');
    expect(error).toMatchObject({
      statusCode: 402,
      type: 'StripeCardError',
      advice_code: 'do_not_try_again',
      network_decline_code: '43',
      network_advice_code: '03',
      charge: intent?.latest_charge,
      payment_method: { card: { last4: '9979' } },
    });
    expect(intent?.last_payment_error).toMatchObject({ decline_code: 'stolen_card' });
  });

  it('by the merchant rules comes only if they are on', async () => {
    const settings = (value: boolean) =>
      on.control('PUT', 'settings', { block_cvc_fail: value, review_elevated_risk: value });
    expect((await pageCharge('4000000000000101')).done.status).toBe('complete');
    await settings(true);
    expect((await pageCharge('4000000000000101')).done.decline_code).toBe('incorrect_cvc');
    const { intent } = await charge('pm_card_riskLevelElevated');
    expect((await chargeOf(intent)).outcome?.type).toBe('manual_review');
    const [review] = (await on.stripe.reviews.list()).data;
    expect(review).toMatchObject({ open: true, payment_intent: intent?.id });
    expect((await on.stripe.reviews.approve(review?.id ?? '')).open).toBe(false);
    await settings(false);
  });
});

describe('S18: verification', () => {
  it('is a refusal when the caller says so, a question otherwise', async () => {
    const card = 'pm_card_threeDSecure2Required';
    const asked = await charge(card, { return_url: 'http://127.0.0.1:9/back' });
    expect(asked.intent).toMatchObject({
      status: 'requires_action',
      next_action: { redirect_to_url: { return_url: 'http://127.0.0.1:9/back' } },
    });
    const refused = await charge(card, { error_on_requires_action: true });
    expect(refused.error?.code).toBe('authentication_required');
  });

  it('leads back to the caller with the intent', async () => {
    const card = 'pm_card_threeDSecure2Required';
    const { intent } = await charge(card, { return_url: 'http://127.0.0.1:9/back?p=1' });
    const bank = intent?.next_action?.redirect_to_url?.url ?? '';
    const page = await fetch(bank);
    expect(page.headers.get('content-security-policy')).toContain('http://127.0.0.1:9');
    const body = new URLSearchParams({ answer: 'fail' });
    const answer = await fetch(bank, { method: 'POST', body, redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    expect(Object.fromEntries(back.searchParams)).toMatchObject({
      p: '1',
      payment_intent: intent?.id,
      redirect_status: 'failed',
    });
    expect(await on.stripe.paymentIntents.retrieve(intent?.id ?? '')).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    });
  });

  it('happens for an enrolled card only if it is asked for', async () => {
    const card = 'pm_card_threeDSecureOptional';
    const options = { card: { request_three_d_secure: 'any' as const } };
    expect((await charge(card)).intent?.status).toBe('succeeded');
    const asked = await charge(card, { payment_method_options: options });
    expect(asked.intent?.status).toBe('requires_action');
    const late = await charge(card, { confirm: false });
    const confirmed = await on.stripe.paymentIntents.confirm(late.intent?.id ?? '', {
      payment_method_options: options,
    });
    expect(confirmed.status).toBe('requires_action');
  });
});

describe('S30: a payment that takes its time', () => {
  it('leaves the session complete and unpaid, then paid', async () => {
    await on.control('PUT', 'settings', { bank_delay_seconds: 3600 });
    const { session } = await pageCharge('4000990000000905');
    expect(session).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
    await on.control('PUT', 'settings', { clock_offset_ms: 7_200_000 });
    const after = await on.stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent'],
    });
    expect(after).toMatchObject({
      payment_status: 'paid',
      payment_intent: { status: 'succeeded' },
    });
    const types = ['payment_intent.processing', 'checkout.session.async_payment_succeeded'];
    expect((await on.stripe.events.list({ types })).data).toHaveLength(2);
  });
});

describe('what would go wrong later is refused at once', () => {
  it.each([
    [{ statement_descriptor: 'ACME' }, 'statement_descriptor'],
    [{ confirm: false, off_session: true }, 'off_session'],
    [{ confirm: false, error_on_requires_action: true }, 'error_on_requires_action'],
    [{ amount: 49 }, 'amount'],
    [{ currency: '<b>' }, 'currency'],
    [{ amount: 29, currency: 'gbp' }, 'amount'],
    [{ amount: 399, currency: 'hkd' }, 'amount'],
    [{ amount: 100_000_000 }, 'amount'],
    [{ customer: 'cus_none' }, 'customer'],
    [{ payment_method: 'pm_none' }, 'payment_method'],
  ])('%o names %s', async (more, param) => {
    const { error } = await charge('pm_card_visa', more);
    expect(error).toMatchObject({ statusCode: 400, param });
  });

  it('a card kept with one customer is not charged for another', async () => {
    const [one, other] = await Promise.all([
      on.stripe.customers.create({}),
      on.stripe.customers.create({}),
    ]);
    const card = await on.stripe.paymentMethods.attach('pm_card_visa', { customer: one.id });
    for (const customer of [other.id, undefined]) {
      const { error } = await charge(card.id, customer === undefined ? {} : { customer });
      expect(error).toMatchObject({ statusCode: 400, param: 'payment_method' });
    }
  });

  it('a card used once without a customer is used up', async () => {
    const { intent } = await charge('pm_card_visa');
    const again = await charge(String(intent?.payment_method));
    expect(again.error).toMatchObject({ statusCode: 400 });
  });

  it('searching and capturing are refused, with the reason', async () => {
    const search = on.stripe.paymentIntents.search({ query: 'status:"succeeded"' });
    await expect(search).rejects.toMatchObject({ statusCode: 400 });
    const { intent } = await charge('pm_card_visa');
    const capture = on.stripe.paymentIntents.capture(intent?.id ?? '');
    await expect(capture).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' });
  });
});

it('an intent can be restated until it is paid, and keeps what it was told', async () => {
  const { intent } = await charge('pm_card_visa', { confirm: false });
  const changed = await on.stripe.paymentIntents.update(intent?.id ?? '', {
    amount: 700,
    description: 'x',
    metadata: { a: '1' },
    statement_descriptor_suffix: 'CREDITS',
    payment_method_options: { card: { stored_credential_usage: 'unscheduled' } },
  });
  expect(changed).toMatchObject({
    amount: 700,
    metadata: { a: '1' },
    statement_descriptor_suffix: 'CREDITS',
    payment_method_options: { card: { stored_credential_usage: 'unscheduled' } },
  });
  const done = await on.stripe.paymentIntents.confirm(changed.id);
  expect(done).toMatchObject({ status: 'succeeded', amount_received: 700 });
  const again = on.stripe.paymentIntents.update(changed.id, { amount: 800 });
  await expect(again).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' });
});

it('with automatic capture the balance is there at once, otherwise when it settles', async () => {
  const at = async (more: Partial<Create>) => {
    const { intent } = await charge('pm_card_visa', more);
    return (await chargeOf(intent)).balance_transaction;
  };
  await on.control('PUT', 'settings', { balance_delay_seconds: 3600 });
  expect(await at({ capture_method: 'automatic' })).toMatch(/^txn_/);
  const { intent } = await charge('pm_card_visa', { capture_method: 'automatic_async' });
  expect((await chargeOf(intent)).balance_transaction).toBeNull();
  await on.control('PUT', 'settings', { clock_offset_ms: 14_400_000 });
  expect((await chargeOf(intent)).balance_transaction).toMatch(/^txn_/);
});
