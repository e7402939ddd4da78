import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Cause, Route, Sim } from './sim.ts';

const FEE = 1500;
const WEEK = 7 * 24 * 3600;

/** A chargeback: the money and a fee leave at once, before anything is decided. */
export function openDispute(
  sim: Sim,
  cause: Cause,
  charge: Stripe.Charge,
  reason: string,
): Stripe.Dispute {
  if (!charge.paid || charge.disputed) throw invalid(`Charge ${charge.id} cannot be disputed.`);
  const id = newId('du');
  const movement = recordMovement(sim, {
    type: 'adjustment',
    amount: -charge.amount,
    fee: FEE,
    currency: charge.currency,
    source: id,
    description: 'Chargeback withdrawal',
  });
  const dispute = sim.store.disputes.put({
    id,
    object: 'dispute',
    amount: charge.amount,
    balance_transactions: [movement],
    charge: charge.id,
    created: sim.now(),
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: NO_EVIDENCE,
    evidence_details: {
      due_by: sim.now() + WEEK,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: {
        brand: charge.payment_method_details?.card?.brand ?? 'visa',
        case_type: 'chargeback',
        network: charge.payment_method_details?.card?.network ?? 'visa',
        network_reason_code: '10.4',
      },
      type: 'card',
    },
    reason,
    status: 'needs_response',
  });
  const disputed = sim.store.charges.put({ ...charge, disputed: true });
  emit(sim, cause, 'charge.dispute.created', dispute);
  emit(sim, cause, 'charge.dispute.funds_withdrawn', dispute);
  emit(sim, cause, 'charge.updated', disputed, { disputed: false });
  return dispute;
}

export function closeDispute(
  sim: Sim,
  cause: Cause,
  before: Stripe.Dispute,
  outcome: 'won' | 'lost',
): Stripe.Dispute {
  if (before.status !== 'needs_response') throw invalid(`Dispute ${before.id} is closed.`);
  const returned = outcome === 'won' ? [giveBack(sim, before)] : [];
  const dispute = sim.store.disputes.put({
    ...before,
    balance_transactions: [...before.balance_transactions, ...returned],
    status: outcome,
  });
  if (outcome === 'won') emit(sim, cause, 'charge.dispute.funds_reinstated', dispute);
  emit(sim, cause, 'charge.dispute.closed', dispute, { status: before.status });
  return dispute;
}

function giveBack(sim: Sim, dispute: Stripe.Dispute): Stripe.BalanceTransaction {
  return recordMovement(sim, {
    type: 'adjustment',
    amount: dispute.amount,
    fee: -FEE,
    currency: dispute.currency,
    source: dispute.id,
    description: 'Chargeback reversal',
  });
}

const NO_EVIDENCE: Stripe.Dispute.Evidence = {
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
};

export const disputeRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/disputes',
    names: [...LIST_NAMES, 'charge', 'payment_intent'],
    run: (call) => {
      const charge = call.params.text('charge');
      const intent = call.params.text('payment_intent');
      const rows = call.sim.store.disputes
        .newestFirst()
        .filter((row) => charge === undefined || idOf(row.charge) === charge)
        .filter((row) => intent === undefined || idOf(row.payment_intent) === intent);
      return page(call, '/v1/disputes', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/disputes/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.disputes.get(id);
      if (found === undefined) throw missing('dispute', id);
      return found;
    },
  },
];
