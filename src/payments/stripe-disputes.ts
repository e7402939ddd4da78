import type Stripe from 'stripe';
import { fromCents } from '#kernel/money';
import { disputeNews } from '#payments/dispute';
import type { DisputePort, ProcessorDispute, ProcessorWarning } from '#payments/dispute-port';
import { READ, read } from '#payments/stripe';

/** More disputes of one payment than any bank opens. */
const DISPUTES_MOST = 100;

export const stripeDisputes = (stripe: Stripe): DisputePort => ({
  retrieveDispute: (disputeId) =>
    read('retrieve dispute', async () => {
      const dispute = await stripe.disputes.retrieve(disputeId, {}, READ);
      return { dispute: toDispute(dispute, await paymentOf(stripe, dispute)) };
    }),

  listDisputes: (paymentIntentId) =>
    read('list disputes', async () => {
      const list = await stripe.disputes.list(
        { payment_intent: paymentIntentId, limit: DISPUTES_MOST },
        READ,
      );
      return { disputes: list.data.map((dispute) => toDispute(dispute, paymentIntentId)) };
    }),

  retrieveWarning: (warningId) =>
    read('retrieve early fraud warning', async () => {
      const warning = await stripe.radar.earlyFraudWarnings.retrieve(warningId, {}, READ);
      return { warning: toWarning(warning, await paymentOf(stripe, warning)) };
    }),
});

const idOf = (value: string | { id: string } | null | undefined): string | null =>
  typeof value === 'string' ? value : (value?.id ?? null);

/** Named by itself, or else by its charge: neither object says whose it is (S25). */
async function paymentOf(
  stripe: Stripe,
  of: Pick<Stripe.Dispute, 'charge'> & { payment_intent?: Stripe.Dispute['payment_intent'] },
): Promise<string | null> {
  const named = idOf(of.payment_intent);
  const charge = idOf(of.charge);
  if (named !== null || charge === null) return named;
  const found = await stripe.charges.retrieve(charge, {}, READ);
  return idOf(found.payment_intent);
}

function toDispute(dispute: Stripe.Dispute, paymentIntentId: string | null): ProcessorDispute {
  const { status, reason, currency } = dispute;
  const due = dispute.evidence_details?.due_by ?? null;
  const fees = dispute.balance_transactions.map((moved) => BigInt(moved.fee));
  return {
    id: dispute.id,
    status,
    news: disputeNews(status),
    paymentIntentId,
    reason,
    amount: currency === 'usd' ? fromCents(BigInt(dispute.amount)) : undefined,
    fee: fromCents(fees.reduce((sum, fee) => sum + fee, 0n)),
    respondBy: due === null ? null : new Date(due * 1000),
  };
}

const toWarning = (
  warning: Stripe.Radar.EarlyFraudWarning,
  paymentIntentId: string | null,
): ProcessorWarning => ({
  id: warning.id,
  paymentIntentId,
  fraudType: warning.fraud_type,
  actionable: warning.actionable,
});
