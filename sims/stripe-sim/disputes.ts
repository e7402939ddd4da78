import type Stripe from 'stripe';
import { closeDispute, isOpen, submitEvidence, withdraw } from './dispute-course.ts';
import { settleWarnings } from './early-fraud-warnings.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { later } from './schedule.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

const WEEK = 7 * 24 * 3600;

export interface Complaint {
  /** For example `fraudulent` or `product_not_received`. */
  reason: string;
  /** The bank only asks; no money moves. */
  inquiry?: boolean;
  /** Minor unit; the whole charge if absent. */
  amount?: number | undefined;
}

/** A chargeback takes the money and a fee at once, before anything is decided. */
export function openDispute(
  sim: Sim,
  cause: Cause,
  charge: Stripe.Charge,
  complaint: Complaint,
): Stripe.Dispute {
  const amount = complaint.amount ?? charge.amount;
  if (!charge.paid || amount > charge.amount) {
    throw invalid(`Charge ${charge.id} cannot be disputed for ${amount}.`, 'payment_intent');
  }
  const inquiry = complaint.inquiry === true;
  const fresh = newDispute(sim, charge, complaint.reason, amount, inquiry);
  const dispute = sim.store.disputes.put({
    ...fresh,
    balance_transactions: inquiry ? [] : [withdraw(sim, fresh)],
  });
  const disputed = sim.store.charges.put({ ...charge, disputed: true });
  emit(sim, cause, 'charge.dispute.created', dispute);
  if (!inquiry) emit(sim, cause, 'charge.dispute.funds_withdrawn', dispute);
  if (!charge.disputed) emit(sim, cause, 'charge.updated', disputed, { disputed: false });
  settleWarnings(sim, cause, charge.id);
  later(sim, 'dispute_unanswered', dispute.id, WEEK);
  return dispute;
}

function newDispute(
  sim: Sim,
  charge: Stripe.Charge,
  reason: string,
  amount: number,
  inquiry: boolean,
): Stripe.Dispute {
  const card = charge.payment_method_details?.card;
  return {
    id: newId(sim, 'du'),
    object: 'dispute',
    amount,
    balance_transactions: [],
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
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: {
        brand: card?.brand ?? 'visa',
        case_type: inquiry ? 'inquiry' : 'chargeback',
        network: card?.network ?? 'visa',
        network_reason_code: reason === 'fraudulent' ? '10.4' : '13.1',
      },
      type: 'card',
    },
    reason,
    status: inquiry ? 'warning_needs_response' : 'needs_response',
  };
}

export function disputeNamed(sim: Sim, id: string): Stripe.Dispute {
  const found = sim.store.disputes.get(id);
  if (found === undefined) throw missing('dispute', id);
  return found;
}

/** Evidence is sent to the bank unless `submit=false`; it may be changed until then. */
function update({ sim, cause, params, id }: Call): Stripe.Dispute {
  const before = disputeNamed(sim, id);
  if (!isOpen(before) && params.given('evidence')) {
    throw invalid('This dispute is already closed.', 'evidence');
  }
  const evidence = { ...before.evidence };
  for (const field of EVIDENCE_FIELDS) {
    if (params.given(`evidence.${field}`)) evidence[field] = params.textOrNull(`evidence.${field}`);
  }
  const has = EVIDENCE_FIELDS.some((field) => evidence[field] !== null);
  const dispute = sim.store.disputes.put({
    ...before,
    evidence,
    evidence_details: { ...before.evidence_details, has_evidence: has },
    metadata: params.metadata('metadata', before.metadata),
  });
  const submits = params.flag('submit') ?? params.given('evidence');
  if (submits) return submitEvidence(sim, cause, dispute);
  emit(sim, cause, 'charge.dispute.updated', dispute, { metadata: before.metadata });
  return dispute;
}

const EVIDENCE_FIELDS = [
  'access_activity_log',
  'billing_address',
  'cancellation_policy_disclosure',
  'cancellation_rebuttal',
  'customer_email_address',
  'customer_name',
  'customer_purchase_ip',
  'duplicate_charge_explanation',
  'duplicate_charge_id',
  'product_description',
  'refund_policy_disclosure',
  'refund_refusal_explanation',
  'service_date',
  'shipping_address',
  'shipping_carrier',
  'shipping_date',
  'shipping_tracking_number',
  'uncategorized_text',
] as const;

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
    run: ({ sim, id }) => disputeNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/disputes/:id',
    names: [
      'metadata.*',
      'submit',
      'expand.#',
      ...EVIDENCE_FIELDS.map((field) => `evidence.${field}`),
    ],
    run: update,
  },
  {
    method: 'POST',
    path: '/v1/disputes/:id/close',
    names: ['expand.#'],
    run: ({ sim, cause, id }) => closeDispute(sim, cause, disputeNamed(sim, id), 'lost'),
  },
];
