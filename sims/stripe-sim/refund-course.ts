import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import { chargeNamed } from './charges.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { giveToIssuer } from './issuer-side.ts';
import { bankDelay, later } from './schedule.ts';
import { type Cause, NO_REQUEST, type Sim } from './sim.ts';

export const REFUND_OUTCOMES = ['succeeded', 'pending', 'requires_action', 'failed'] as const;

/** How a refund goes: at once, after a wait, not without its owner, or well until the bank refuses. */
export type RefundOutcome = (typeof REFUND_OUTCOMES)[number];

interface Course {
  status: 'succeeded' | 'pending' | 'requires_action';
  next: 'refund_succeeds' | 'refund_fails' | null;
}

export const COURSES: Record<RefundOutcome, Course> = {
  succeeded: { status: 'succeeded', next: null },
  pending: { status: 'pending', next: 'refund_succeeds' },
  requires_action: { status: 'requires_action', next: null },
  failed: { status: 'succeeded', next: 'refund_fails' },
};

/** Cards that make a refund take another course than success at once. */
export function outcomeByCard(cardName: string | undefined): RefundOutcome {
  if (cardName === 'pendingRefund') return 'pending';
  return cardName === 'refundFail' ? 'failed' : 'succeeded';
}

export function follow(sim: Sim, refund: Stripe.Refund, outcome: RefundOutcome): void {
  const { next, status } = COURSES[outcome];
  const arrived = next === null && status === 'succeeded';
  if (arrived) giveToIssuer(sim, idOf(refund.charge) ?? '', refund.amount);
  if (next !== null) later(sim, next, refund.id, bankDelay(sim));
}

export function finishRefund(sim: Sim, id: string): void {
  const before = sim.store.refunds.get(id);
  if (before?.status !== 'pending') return;
  const { pending_reason: reason, ...rest } = before;
  const refund = sim.store.refunds.put({ ...rest, status: 'succeeded' });
  giveToIssuer(sim, idOf(refund.charge) ?? '', refund.amount);
  tell(sim, NO_REQUEST, refund, { status: 'pending', pending_reason: reason ?? null });
}

/** The customer's bank sent the money back. */
export function failRefund(sim: Sim, id: string): void {
  const before = sim.store.refunds.get(id);
  if (before === undefined || before.status === 'failed' || before.status === 'canceled') return;
  const refund = takeBack(sim, NO_REQUEST, before, 'failed', 'lost_or_stolen_card');
  emit(sim, NO_REQUEST, 'refund.failed', refund, { status: before.status });
}

export function cancelRefund(sim: Sim, cause: Cause, before: Stripe.Refund): Stripe.Refund {
  return takeBack(sim, cause, before, 'canceled', 'merchant_request');
}

/** The money is the merchant's again, and the charge no longer counts it as refunded. */
function takeBack(
  sim: Sim,
  cause: Cause,
  before: Stripe.Refund,
  status: 'failed' | 'canceled',
  reason: string,
): Stripe.Refund {
  const movement = recordMovement(sim, {
    type: 'refund_failure',
    amount: before.amount,
    fee: 0,
    currency: before.currency,
    source: before.id,
    description: 'REFUND FAILURE',
  });
  const refund = sim.store.refunds.put({
    ...before,
    failure_balance_transaction: movement.id,
    failure_reason: reason,
    status,
  });
  const charge = chargeNamed(sim, idOf(before.charge) ?? '');
  const after = sim.store.charges.put({
    ...charge,
    amount_refunded: charge.amount_refunded - before.amount,
    refunded: false,
  });
  tell(sim, cause, refund, { status: before.status });
  emit(sim, cause, 'charge.updated', after, { amount_refunded: charge.amount_refunded });
  return refund;
}

function tell(
  sim: Sim,
  cause: Cause,
  refund: Stripe.Refund,
  previous: Record<string, unknown>,
): void {
  emit(sim, cause, 'refund.updated', refund, previous);
  emit(sim, cause, 'charge.refund.updated', refund, previous);
}
