import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;

beforeEach(async () => {
  on = await simForTests();
  await on.control('PUT', 'settings', { bank_delay_seconds: 3600 });
});

afterEach(() => on.sim.close());

async function paid(card = 'pm_card_visa', amount = 5000): Promise<Stripe.PaymentIntent> {
  return on.stripe.paymentIntents.create({
    amount,
    currency: 'usd',
    confirm: true,
    payment_method: card,
    expand: ['latest_charge'],
  });
}

/** The banks have answered. */
async function afterTheBank(days = 1): Promise<void> {
  await on.control('PUT', 'settings', { clock_offset_ms: days * 24 * 3600 * 1000 });
}

async function told(...types: string[]): Promise<string[]> {
  const events = await on.stripe.events.list({ types, limit: 100 });
  return events.data.map((event) => event.type).reverse();
}

async function chargeOf(intent: Stripe.PaymentIntent): Promise<Stripe.Charge> {
  const id = typeof intent.latest_charge === 'string' ? '' : (intent.latest_charge?.id ?? '');
  return on.stripe.charges.retrieve(id);
}

it('a refund in parts ends when nothing is left, and says so by code', async () => {
  const intent = await paid();
  await on.stripe.refunds.create({ payment_intent: intent.id, amount: 2000 });
  const tooMuch = on.stripe.refunds.create({ payment_intent: intent.id, amount: 3001 });
  await expect(tooMuch).rejects.toMatchObject({ statusCode: 400, param: 'amount' });
  expect(await chargeOf(intent)).toMatchObject({ amount_refunded: 2000, refunded: false });
  await on.stripe.refunds.create({ payment_intent: intent.id });
  expect(await chargeOf(intent)).toMatchObject({ amount_refunded: 5000, refunded: true });
  const again = on.stripe.refunds.create({ payment_intent: intent.id });
  await expect(again).rejects.toMatchObject({ code: 'charge_already_refunded' });
  expect(await told('charge.refunded', 'refund.created')).toEqual([
    'charge.refunded',
    'refund.created',
    'charge.refunded',
    'refund.created',
  ]);
});

it('S27: card 7726 leaves a refund pending, and the bank finishes it later', async () => {
  const intent = await paid('pm_card_pendingRefund');
  const refund = await on.stripe.refunds.create({ payment_intent: intent.id });
  expect(refund).toMatchObject({ status: 'pending', pending_reason: 'processing' });
  expect(await told('refund.updated')).toEqual([]);
  await afterTheBank();
  expect((await on.stripe.refunds.retrieve(refund.id)).status).toBe('succeeded');
  expect(await told('refund.updated', 'charge.refund.updated')).toHaveLength(2);
});

it('S27: card 5126 lets a refund succeed and fail later, and the money is back', async () => {
  const intent = await paid('pm_card_refundFail');
  const refund = await on.stripe.refunds.create({ payment_intent: intent.id });
  expect(refund.status).toBe('succeeded');
  await afterTheBank();
  const failed = await on.stripe.refunds.retrieve(refund.id, {
    expand: ['failure_balance_transaction'],
  });
  expect(failed).toMatchObject({
    status: 'failed',
    failure_balance_transaction: { amount: 5000, type: 'refund_failure' },
  });
  expect(await chargeOf(intent)).toMatchObject({ amount_refunded: 0, refunded: false });
  expect(await told('refund.failed')).toEqual(['refund.failed']);
});

it('only a refund that waits for its owner can be canceled', async () => {
  const intent = await paid();
  const done = await on.stripe.refunds.create({ payment_intent: intent.id, amount: 1 });
  await expect(on.stripe.refunds.cancel(done.id)).rejects.toMatchObject({ statusCode: 400 });
  const waiting = await on.control('POST', 'refunds', {
    payment_intent: intent.id,
    amount: 100,
    outcome: 'requires_action',
  });
  expect((await on.stripe.refunds.cancel(String(waiting.id))).status).toBe('canceled');
  expect((await chargeOf(intent)).amount_refunded).toBe(1);
});

it('a chargeback takes money and fee at once, and a refund is refused while it lasts', async () => {
  const intent = await paid('pm_card_createDispute');
  const [dispute] = (await on.stripe.disputes.list({ payment_intent: intent.id })).data;
  expect(dispute).toMatchObject({ status: 'needs_response', reason: 'fraudulent', amount: 5000 });
  expect(dispute).not.toHaveProperty('customer');
  expect(dispute?.balance_transactions).toMatchObject([
    { amount: -5000, fee: 1500, net: -6500, reporting_category: 'dispute' },
  ]);
  const refused = on.stripe.refunds.create({ payment_intent: intent.id });
  await expect(refused).rejects.toMatchObject({ code: 'charge_disputed' });
  expect(await told('charge.dispute.created', 'charge.dispute.funds_withdrawn')).toHaveLength(2);
});

it('winning evidence brings the money back, losing evidence does not', async () => {
  const outcomes: string[] = [];
  for (const word of ['winning_evidence', 'losing_evidence']) {
    const intent = await paid('pm_card_createDispute');
    const [dispute] = (await on.stripe.disputes.list({ payment_intent: intent.id })).data;
    const sent = await on.stripe.disputes.update(dispute?.id ?? '', {
      evidence: { uncategorized_text: word },
    });
    outcomes.push(sent.status);
  }
  expect(outcomes).toEqual(['under_review', 'under_review']);
  await afterTheBank();
  const [lost, won] = (await on.stripe.disputes.list()).data;
  expect([won?.status, lost?.status]).toEqual(['won', 'lost']);
  const sums = [won, lost].map((row) =>
    row?.balance_transactions.reduce((sum, movement) => sum + movement.net, 0),
  );
  expect(sums).toEqual([0, -6500]);
  expect(await told('charge.dispute.funds_reinstated')).toHaveLength(1);
  expect(await told('charge.dispute.closed')).toHaveLength(2);
});

it('evidence kept back can be changed, and an unanswered chargeback is lost', async () => {
  const intent = await paid('pm_card_createDisputeProductNotReceived');
  const [dispute] = (await on.stripe.disputes.list({ payment_intent: intent.id })).data;
  const draft = await on.stripe.disputes.update(dispute?.id ?? '', {
    evidence: { product_description: 'credits' },
    submit: false,
  });
  expect(draft).toMatchObject({
    status: 'needs_response',
    reason: 'product_not_received',
    evidence_details: { has_evidence: true, submission_count: 0 },
  });
  await afterTheBank(8);
  expect(await on.stripe.disputes.retrieve(draft.id)).toMatchObject({
    status: 'lost',
    evidence_details: { past_due: true },
  });
});

it('an inquiry moves no money, can be refunded, and may become a chargeback', async () => {
  const calm = await paid('pm_card_createDisputeInquiry');
  const [inquiry] = (await on.stripe.disputes.list({ payment_intent: calm.id })).data;
  expect(inquiry).toMatchObject({
    status: 'warning_needs_response',
    is_charge_refundable: true,
    balance_transactions: [],
  });
  await on.stripe.refunds.create({ payment_intent: calm.id });
  expect((await on.stripe.disputes.retrieve(inquiry?.id ?? '')).status).toBe('warning_closed');

  const angry = await paid('pm_card_createDisputeInquiry');
  const [other] = (await on.stripe.disputes.list({ payment_intent: angry.id })).data;
  const evidence = { uncategorized_text: 'escalate_inquiry_evidence' };
  const sent = await on.stripe.disputes.update(other?.id ?? '', { evidence });
  expect(sent.status).toBe('warning_under_review');
  await afterTheBank();
  expect(await on.stripe.disputes.retrieve(sent.id)).toMatchObject({
    status: 'needs_response',
    balance_transactions: [{ amount: -5000 }],
  });
});

it('one charge can have several disputes, together for no more than the charge', async () => {
  const intent = await paid('pm_card_createMultipleDisputes', 5001);
  const { data } = await on.stripe.disputes.list({ payment_intent: intent.id });
  expect(data.map((dispute) => dispute.amount)).toEqual([2501, 2500]);
});

it('a dispute can be given up, and once only', async () => {
  const intent = await paid('pm_card_createDispute');
  const [dispute] = (await on.stripe.disputes.list({ payment_intent: intent.id })).data;
  expect((await on.stripe.disputes.close(dispute?.id ?? '')).status).toBe('lost');
  await expect(on.stripe.disputes.close(dispute?.id ?? '')).rejects.toMatchObject({
    statusCode: 400,
  });
});

it('an early fraud warning is actionable until the money is given back', async () => {
  const intent = await paid('pm_card_createIssuerFraudRecord');
  const list = () => on.stripe.radar.earlyFraudWarnings.list({ payment_intent: intent.id });
  expect((await list()).data).toMatchObject([{ actionable: true }]);
  expect(await told('radar.early_fraud_warning.created')).toHaveLength(1);
  await on.stripe.refunds.create({ payment_intent: intent.id, reason: 'fraudulent' });
  expect((await list()).data).toMatchObject([{ actionable: false }]);
  expect((await chargeOf(intent)).fraud_details).toEqual({ user_report: 'fraudulent' });
});

it('every movement is in the list, and the list adds up to the balance and the payout', async () => {
  await paid();
  const intent = await paid();
  await on.stripe.refunds.create({ payment_intent: intent.id });
  await paid('pm_card_createDispute');
  const rows = await on.stripe.balanceTransactions.list({ expand: ['data.source'] });
  expect(rows.data.map((row) => [row.type, row.amount, row.fee])).toEqual([
    ['adjustment', -5000, 1500],
    ['charge', 5000, 175],
    ['refund', -5000, 0],
    ['charge', 5000, 175],
    ['charge', 5000, 175],
  ]);
  expect(rows.data.map((row) => Object(row.source).object)).toEqual([
    'dispute',
    'charge',
    'refund',
    'charge',
    'charge',
  ]);
  const charges = await on.stripe.balanceTransactions.list({ type: 'charge', limit: 2 });
  expect([charges.data.length, charges.has_more]).toEqual([2, true]);
  const net = rows.data.reduce((sum, row) => sum + row.net, 0);
  const balance = await on.stripe.balance.retrieve();
  expect([balance.pending[0]?.amount, balance.available[0]?.amount]).toEqual([net, 0]);
  await paid('pm_card_visa', 100_000);
  await afterTheBank(3);
  await on.control('POST', 'payouts');
  const [payout] = (await on.stripe.payouts.list()).data;
  const inIt = await on.stripe.balanceTransactions.list({ payout: payout?.id ?? '' });
  const paidOut = inIt.data.filter((row) => row.type !== 'payout');
  expect(paidOut.reduce((sum, row) => sum + row.net, 0)).toBe(payout?.amount);
  expect(inIt.data).toHaveLength(7);
});
