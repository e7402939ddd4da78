import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import { chargeNamed } from './charges.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { intentNamed } from './payment-intents.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

const REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

export interface RefundOrder {
  paymentIntent?: string | undefined;
  charge?: string | undefined;
  /** Minor unit; everything not yet refunded if absent. */
  amount?: number | undefined;
  reason?: (typeof REASONS)[number] | undefined;
  metadata: Record<string, string>;
}

export function refund(sim: Sim, cause: Cause, order: RefundOrder): Stripe.Refund {
  const charge = chargeToRefund(sim, order);
  const left = charge.amount - charge.amount_refunded;
  if (left === 0) {
    throw invalid(
      `Charge ${charge.id} has already been refunded.`,
      undefined,
      'charge_already_refunded',
    );
  }
  if (charge.disputed && openDisputeOf(sim, charge.id)) {
    throw invalid(`Charge ${charge.id} has been charged back.`, undefined, 'charge_disputed');
  }
  const amount = order.amount ?? left;
  if (amount < 1 || amount > left) {
    throw invalid(
      `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`,
      'amount',
    );
  }
  const id = newId('re');
  const movement = recordMovement(sim, {
    type: 'refund',
    amount: -amount,
    fee: 0,
    currency: charge.currency,
    source: id,
    description: 'REFUND FOR CHARGE',
  });
  const made = sim.store.refunds.put({
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
    reason: order.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  });
  const after = sim.store.charges.put({
    ...charge,
    amount_refunded: charge.amount_refunded + amount,
    refunded: amount === left,
  });
  emit(sim, cause, 'charge.refunded', after, { amount_refunded: charge.amount_refunded });
  emit(sim, cause, 'refund.created', made);
  return made;
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

function openDisputeOf(sim: Sim, charge: string): boolean {
  return sim.store.disputes
    .newestFirst()
    .some((row) => row.charge === charge && row.status === 'needs_response');
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
    run: ({ sim, id }) => {
      const found = sim.store.refunds.get(id);
      if (found === undefined) throw missing('refund', id);
      return found;
    },
  },
];
