import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import { chargeNamed } from './charges.ts';
import { closeInquiries, isOpenInquiry } from './dispute-course.ts';
import { settleWarnings } from './early-fraud-warnings.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { intentNamed } from './new-intent.ts';
import { LIST_NAMES } from './params.ts';
import {
  COURSES,
  cancelRefund,
  follow,
  outcomeByCard,
  type RefundOutcome,
} from './refund-course.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

const REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

export interface RefundOrder {
  paymentIntent?: string | undefined;
  charge?: string | undefined;
  /** Minor unit; everything not yet refunded if absent. */
  amount?: number | undefined;
  reason?: (typeof REASONS)[number] | undefined;
  metadata: Record<string, string>;
  /** What the card would not do by itself. */
  outcome?: RefundOutcome | undefined;
}

export function refund(sim: Sim, cause: Cause, order: RefundOrder): Stripe.Refund {
  const charge = chargeToRefund(sim, order);
  const amount = refundable(sim, charge, order.amount);
  const card = sim.store.cards_behind.get(charge.payment_method ?? '')?.card;
  const outcome = order.outcome ?? outcomeByCard(card);
  const made = newRefund(sim, charge, amount, order, outcome);
  const after = sim.store.charges.put({
    ...charge,
    amount_refunded: charge.amount_refunded + amount,
    ...(order.reason === 'fraudulent' ? { fraud_details: { user_report: 'fraudulent' } } : {}),
    refunded: charge.amount_refunded + amount === charge.amount,
  });
  emit(sim, cause, 'charge.refunded', after, {
    amount_refunded: charge.amount_refunded,
    refunded: false,
  });
  emit(sim, cause, 'refund.created', made);
  follow(sim, made, outcome);
  if (after.refunded) {
    closeInquiries(sim, cause, charge.id);
    settleWarnings(sim, cause, charge.id);
  }
  return made;
}

/** The amount to give back, or Stripe's reason why not. */
function refundable(sim: Sim, charge: Stripe.Charge, asked: number | undefined): number {
  const left = charge.amount - charge.amount_refunded;
  if (left === 0) {
    throw invalid(
      `Charge ${charge.id} has already been refunded.`,
      undefined,
      'charge_already_refunded',
    );
  }
  if (chargedBack(sim, charge.id)) {
    throw invalid(
      `Charge ${charge.id} has been charged back; cannot issue a refund.`,
      undefined,
      'charge_disputed',
    );
  }
  const amount = asked ?? left;
  if (amount < 1) {
    throw invalid('Invalid positive integer', 'amount', 'parameter_invalid_integer');
  }
  if (amount <= left) return amount;
  throw invalid(
    `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`,
    'amount',
  );
}

function newRefund(
  sim: Sim,
  charge: Stripe.Charge,
  amount: number,
  order: RefundOrder,
  outcome: RefundOutcome,
): Stripe.Refund {
  const id = newId(sim, 're');
  const { status } = COURSES[outcome];
  const movement = recordMovement(sim, {
    type: 'refund',
    amount: -amount,
    fee: 0,
    currency: charge.currency,
    source: id,
    description: 'REFUND FOR CHARGE',
  });
  return sim.store.refunds.put({
    id,
    object: 'refund',
    amount,
    balance_transaction: movement.id,
    charge: charge.id,
    created: sim.now(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: {
      card: {
        reference_status: 'pending',
        reference_type: 'acquirer_reference_number',
        type: 'refund',
      },
      type: 'card',
    },
    metadata: order.metadata,
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    ...(status === 'pending' ? { pending_reason: 'processing' as const } : {}),
    reason: order.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status,
    transfer_reversal: null,
  });
}

function chargeToRefund(sim: Sim, order: RefundOrder): Stripe.Charge {
  if (order.charge !== undefined) return chargeNamed(sim, order.charge, 'charge');
  if (order.paymentIntent === undefined) {
    throw invalid('One of the following params should be provided: payment_intent or charge.');
  }
  const intent = intentNamed(sim, order.paymentIntent, 'payment_intent');
  if (intent.status !== 'succeeded') {
    throw invalid('This PaymentIntent does not have a successful charge to refund.');
  }
  return chargeNamed(sim, idOf(intent.latest_charge) ?? '', 'payment_intent');
}

/** Money taken by a chargeback cannot be given back as well; an inquiry has taken none. */
function chargedBack(sim: Sim, charge: string): boolean {
  return sim.store.disputes
    .newestFirst()
    .some(
      (row) =>
        row.charge === charge &&
        !isOpenInquiry(row) &&
        !['won', 'warning_closed', 'prevented'].includes(row.status),
    );
}

export function refundNamed(sim: Sim, id: string): Stripe.Refund {
  const found = sim.store.refunds.get(id);
  if (found === undefined) throw missing('refund', id);
  return found;
}

function cancel(call: Call): Stripe.Refund {
  const before = refundNamed(call.sim, call.id);
  if (before.status === 'requires_action') return cancelRefund(call.sim, call.cause, before);
  throw invalid(
    `You cannot cancel this refund because it has a status of ${before.status}. ` +
      'Only refunds that require an action can be canceled.',
  );
}

function update({ sim, cause, params, id }: Call): Stripe.Refund {
  const before = refundNamed(sim, id);
  const metadata = params.metadata('metadata', before.metadata ?? {});
  const after = sim.store.refunds.put({ ...before, metadata });
  emit(sim, cause, 'refund.updated', after, { metadata: before.metadata });
  return after;
}

function create(call: Call): Stripe.Refund {
  const { sim, cause, params } = call;
  return refund(sim, cause, {
    paymentIntent: params.text('payment_intent'),
    charge: params.text('charge'),
    amount: params.integer('amount'),
    reason: params.oneOf('reason', REASONS),
    metadata: params.metadata('metadata'),
  });
}

export const refundRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/refunds',
    names: ['payment_intent', 'charge', 'amount', 'reason', 'metadata.*', 'expand.#'],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/refunds',
    names: [...LIST_NAMES, 'payment_intent', 'charge'],
    run: (call) => {
      const intent = call.params.text('payment_intent');
      const charge = call.params.text('charge');
      const rows = call.sim.store.refunds
        .newestFirst()
        .filter((row) => intent === undefined || row.payment_intent === intent)
        .filter((row) => charge === undefined || row.charge === charge);
      return page(call, '/v1/refunds', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/refunds/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => refundNamed(sim, id),
  },
  { method: 'POST', path: '/v1/refunds/:id', names: ['metadata.*', 'expand.#'], run: update },
  { method: 'POST', path: '/v1/refunds/:id/cancel', names: ['expand.#'], run: cancel },
];
