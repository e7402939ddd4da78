import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import { invalid } from './error.ts';
import { emit } from './events.ts';
import { bankDelay, type LaterKind, later } from './schedule.ts';
import { type Cause, NO_REQUEST, type Sim } from './sim.ts';

/** What the network charges for a chargeback, in the minor unit; given back if it is won. */
export const DISPUTE_FEE = 1500;

const CLOSED = ['won', 'lost', 'warning_closed', 'prevented'];

/** Evidence with these words decides a dispute the way the words say. */
const DECIDING: Record<string, LaterKind> = {
  winning_evidence: 'dispute_won',
  losing_evidence: 'dispute_lost',
  escalate_inquiry_evidence: 'inquiry_escalates',
};

export function isOpen(dispute: Stripe.Dispute): boolean {
  return !CLOSED.includes(dispute.status);
}

/** The bank only asks; no money has moved. */
export function isOpenInquiry(dispute: Stripe.Dispute): boolean {
  return isOpen(dispute) && dispute.status.startsWith('warning_');
}

/** Takes the disputed money and the fee, as a chargeback does before anything is decided. */
export function withdraw(sim: Sim, dispute: Stripe.Dispute): Stripe.BalanceTransaction {
  return recordMovement(sim, {
    type: 'adjustment',
    amount: -dispute.amount,
    fee: DISPUTE_FEE,
    currency: dispute.currency,
    source: dispute.id,
    description: 'Chargeback withdrawal',
    reportedAs: 'dispute',
  });
}

/** Evidence goes to the bank, which answers after a while if the words decide it. */
export function submitEvidence(sim: Sim, cause: Cause, before: Stripe.Dispute): Stripe.Dispute {
  const inquiry = before.status.startsWith('warning_');
  const dispute = sim.store.disputes.put({
    ...before,
    evidence_details: {
      ...before.evidence_details,
      submission_count: before.evidence_details.submission_count + 1,
      submission_method: 'manual',
    },
    status: inquiry ? 'warning_under_review' : 'under_review',
  });
  emit(sim, cause, 'charge.dispute.updated', dispute, { status: before.status });
  const decided = DECIDING[dispute.evidence.uncategorized_text ?? ''];
  if (decided !== undefined) later(sim, decided, dispute.id, bankDelay(sim));
  return dispute;
}

/** Ends a dispute. An inquiry that is won or lost just ends: there is no money to give back. */
export function closeDispute(
  sim: Sim,
  cause: Cause,
  before: Stripe.Dispute,
  outcome: 'won' | 'lost',
): Stripe.Dispute {
  if (!isOpen(before)) throw invalid(`This dispute is already closed (${before.status}).`);
  if (isOpenInquiry(before)) return close(sim, cause, before, 'warning_closed');
  if (outcome === 'lost') return close(sim, cause, before, 'lost');
  const returned = recordMovement(sim, {
    type: 'adjustment',
    amount: before.amount,
    fee: -DISPUTE_FEE,
    currency: before.currency,
    source: before.id,
    description: 'Chargeback reversal',
    reportedAs: 'dispute_reversal',
  });
  const paid = { ...before, balance_transactions: [...before.balance_transactions, returned] };
  const dispute = close(sim, cause, paid, 'won');
  emit(sim, cause, 'charge.dispute.funds_reinstated', dispute);
  return dispute;
}

function close(
  sim: Sim,
  cause: Cause,
  before: Stripe.Dispute,
  status: 'won' | 'lost' | 'warning_closed',
): Stripe.Dispute {
  const dispute = sim.store.disputes.put({ ...before, is_charge_refundable: false, status });
  emit(sim, cause, 'charge.dispute.closed', dispute, { status: before.status });
  return dispute;
}

/** The inquiry becomes a chargeback: now the money leaves. */
export function escalateInquiry(sim: Sim, id: string): void {
  const before = sim.store.disputes.get(id);
  if (before === undefined || !isOpenInquiry(before)) return;
  const movement = withdraw(sim, before);
  const dispute = sim.store.disputes.put({
    ...before,
    balance_transactions: [movement],
    is_charge_refundable: false,
    payment_method_details: asChargeback(before),
    status: 'needs_response',
  });
  emit(sim, NO_REQUEST, 'charge.dispute.updated', dispute, { status: before.status });
  emit(sim, NO_REQUEST, 'charge.dispute.funds_withdrawn', dispute);
}

function asChargeback(dispute: Stripe.Dispute): Stripe.Dispute.PaymentMethodDetails {
  const { card, type } = dispute.payment_method_details ?? { type: 'card' };
  return card === undefined ? { type } : { card: { ...card, case_type: 'chargeback' }, type };
}

/** Nobody answered in time: a chargeback is lost, an inquiry is over. */
export function leaveUnanswered(sim: Sim, id: string): void {
  const before = sim.store.disputes.get(id);
  if (before === undefined || !before.status.endsWith('needs_response')) return;
  const late = { ...before, evidence_details: { ...before.evidence_details, past_due: true } };
  closeDispute(sim, NO_REQUEST, late, 'lost');
}

/** A full refund answers what the bank asked. */
export function closeInquiries(sim: Sim, cause: Cause, charge: string): void {
  for (const dispute of sim.store.disputes.oldestFirst()) {
    if (dispute.charge === charge && isOpenInquiry(dispute)) {
      closeDispute(sim, cause, dispute, 'won');
    }
  }
}
