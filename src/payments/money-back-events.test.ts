import { expect, test } from 'vitest';
import { DISPUTE_STATES, type DisputeNews, disputeNews, disputeStep } from '#payments/dispute';
import { hintKey, MONEY_BACK_EVENTS, moneyBackTopic } from '#payments/money-back-events';
import type { ProcessorEvent } from '#payments/processor';
import {
  nextRefundState,
  REFUND_EVENTS,
  REFUND_STATES,
  REFUSALS,
  type RefundEvent,
  type RefundState,
  refundSentence,
} from '#payments/refund';
import { usd } from '#test/ledger-world';

const event = (type: string, objectId: string): ProcessorEvent => ({
  ...{ id: `evt_${objectId}`, type, livemode: false, objectId, paymentIntentId: 'pi_1' },
  ...{ purpose: null, purchaseId: null, organizationId: null, environment: null },
});

test('of one payment its success, its refunds and each dispute are looked at on their own', () => {
  const keys = [
    event('payment_intent.succeeded', 'pi_1'),
    event('charge.refunded', 'ch_1'),
    event('charge.dispute.created', 'du_1'),
    event('charge.dispute.created', 'du_2'),
    event('radar.early_fraud_warning.created', 'issfr_1'),
  ].map(hintKey);
  expect(new Set(keys).size).toBe(keys.length);
  expect(hintKey(event('charge.dispute.closed', 'du_1'))).toBe(keys[2]);
  expect(hintKey(event('checkout.session.completed', 'cs_1'))).toBe(keys[0]);
});

test('S27: a refund is heard of by the charge alone and by the refund alone', () => {
  expect(MONEY_BACK_EVENTS.filter((type) => moneyBackTopic(type) === 'refund')).toEqual([
    'charge.refunded',
    'refund.created',
    'refund.updated',
    'refund.failed',
  ]);
  expect(moneyBackTopic('toString')).toBeUndefined();
});

/** The whole product, written out a second time and by hand: a slip in one table shows. */
const REFUND_STEPS: readonly (readonly [RefundState, RefundEvent, RefundState])[] = [
  ['requested', 'accepted', 'pending'],
  ['requested', 'succeeded', 'paid'],
  ['requested', 'failed', 'failed'],
  ['requested', 'refused', 'refused'],
  ['requested', 'found_refunded', 'already_refunded'],
  ['requested', 'found_disputed', 'disputed'],
  ['pending', 'succeeded', 'paid'],
  ['pending', 'failed', 'failed'],
  ['paid', 'failed', 'failed'],
];

test('a refund takes every listed step and no other', () => {
  const listed = new Map(REFUND_STEPS.map(([from, told, to]) => [`${from} ${told}`, to]));
  for (const from of REFUND_STATES) {
    for (const told of REFUND_EVENTS) {
      expect(nextRefundState(from, told), `${from} ${told}`).toBe(listed.get(`${from} ${told}`));
    }
  }
});

test('every state of a refund has a sentence of its own, with the amount (S20)', () => {
  const sentences = REFUND_STATES.map((state) => refundSentence(state, usd('12')));
  expect(new Set(sentences).size).toBe(REFUND_STATES.length);
  expect(sentences.every((sentence) => sentence.includes('$12'))).toBe(true);
  expect(REFUSALS.charge_already_refunded).toBe('found_refunded');
});

test('money is frozen at a dispute, never at an inquiry, and no verdict is undone by an appeal', () => {
  for (const status of ['warning_needs_response', 'warning_under_review']) {
    expect(disputeStep('new', disputeNews(status))).toEqual({ to: 'inquiry', effect: 'nothing' });
  }
  for (const status of ['needs_response', 'under_review', 'a_status_of_next_year']) {
    expect(disputeStep('new', disputeNews(status))).toEqual({ to: 'open', effect: 'freeze' });
  }
  for (const state of ['won', 'lost', 'closed'] as const) {
    expect(disputeStep(state, disputeNews('appeal_under_review'))).toBeUndefined();
  }
});

test('reading a dispute again changes nothing', () => {
  for (const state of DISPUTE_STATES) {
    const news: DisputeNews = state;
    expect(disputeStep(state, news), state).toBeUndefined();
  }
});
