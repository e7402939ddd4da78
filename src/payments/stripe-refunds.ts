import type Stripe from 'stripe';
import { Fault } from '#kernel/assert';
import { centsExactly, fromCents, type NanoUsd } from '#kernel/money';
import { PURPOSE } from '#payments/processor';
import type { ProcessorRefund, RefundPort } from '#payments/refund-port';
import { change, READ, read } from '#payments/stripe';

/** More refunds of one payment than anybody makes. */
const REFUNDS_MOST = 100;

const STATUSES: Readonly<Record<string, ProcessorRefund['status']>> = {
  pending: 'pending',
  requires_action: 'pending',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'failed',
};

export const stripeRefunds = (stripe: Stripe): RefundPort => ({
  createRefund: (order) =>
    change('create refund', async () => {
      const made = await stripe.refunds.create(
        {
          payment_intent: order.paymentIntentId,
          ...(order.amount === undefined ? {} : { amount: wholeCents(order.amount) }),
          reason: 'requested_by_customer',
          metadata: { purpose: PURPOSE, refund_id: order.refundId, env: order.environment },
        },
        { idempotencyKey: order.idempotencyKey },
      );
      return { refund: toRefund(made) };
    }),

  listRefunds: (paymentIntentId) =>
    read('list refunds', async () => {
      const list = await stripe.refunds.list(
        { payment_intent: paymentIntentId, limit: REFUNDS_MOST },
        READ,
      );
      // Newest first on the wire; they are booked in the order in which they were made.
      return { refunds: list.data.map(toRefund).reverse() };
    }),
});

function toRefund(refund: Stripe.Refund): ProcessorRefund {
  const { payment_intent: intent, metadata, currency, amount } = refund;
  return {
    id: refund.id,
    status: STATUSES[refund.status ?? ''] ?? 'pending',
    paymentIntentId: typeof intent === 'string' ? intent : (intent?.id ?? null),
    amount: currency === 'usd' ? fromCents(BigInt(amount)) : undefined,
    failureCode: refund.failure_reason ?? null,
    refundId: metadata?.refund_id ?? null,
    environment: metadata?.env ?? null,
  };
}

/** The processor's library counts cents in a number; a payment has at most eight digits of them. */
function wholeCents(amount: NanoUsd): number {
  const cents = centsExactly(amount);
  if (cents === undefined || cents <= 0n || cents > 99_999_999n) {
    throw new Fault('a refund is not a payable number of cents');
  }
  return Number(cents); // tidy: count, of cents, bounded just above
}
