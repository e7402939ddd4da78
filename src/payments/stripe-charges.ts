import Stripe from 'stripe';
import { Fault } from '#kernel/assert';
import { centsExactly } from '#kernel/money';
import type { CardCharge, CardCharges, Charged } from '#payments/card-charges';
import { PURPOSE } from '#payments/processor';
import { change, connect, READ, read, type StripeOptions } from '#payments/stripe';
import { toPayment } from '#payments/stripe-read';

const DESCRIPTOR_SUFFIX = 'API CREDITS';
/** The processor tells of one customer's payments page by page; a lost one is among the newest. */
const PAYMENTS_LOOKED_AT = 100;

/** Charges to saved cards at the card processor, while nobody is there (stripe facts 1.5). */
export function stripeCharges(options: StripeOptions): CardCharges {
  const stripe = connect(options);
  return {
    async chargeCard(request) {
      try {
        const answer = await change('charge card', async () => {
          const intent = await createOrThrowDecline(stripe, request);
          return { payment: toPayment(intent) };
        });
        if (answer.outcome !== 'done') return answer;
        return { outcome: 'answered', payment: answer.payment };
      } catch (error) {
        if (error instanceof Declined) return error.told;
        throw error;
      }
    },

    async findPaymentOf(customerId, purchaseId) {
      const answer = await read('find payment of purchase', async () => ({
        list: await stripe.paymentIntents.list(
          { customer: customerId, limit: PAYMENTS_LOOKED_AT, expand: ['data.latest_charge'] },
          READ,
        ),
      }));
      if (answer.outcome !== 'found') return answer;
      const intent = answer.list.data.find((row) => row.metadata.purchase_id === purchaseId);
      if (intent === undefined) return { outcome: 'missing' };
      return { outcome: 'found', payment: toPayment(intent) };
    },

    async cancelPayment(paymentIntentId, idempotencyKey) {
      // What has ended already is refused, which is as good.
      await change('cancel payment', async () => {
        await stripe.paymentIntents.cancel(paymentIntentId, {}, { idempotencyKey });
        return {};
      });
    },
  };
}

/** A refusal of the card: an answer, not a fault, though the library throws it. */
class Declined extends Error {
  readonly told: Extract<Charged, { outcome: 'declined' }>;

  constructor(told: Extract<Charged, { outcome: 'declined' }>) {
    super('declined');
    this.told = told;
  }
}

async function createOrThrowDecline(
  stripe: Stripe,
  request: CardCharge,
): Promise<Stripe.PaymentIntent> {
  try {
    return await stripe.paymentIntents.create(chargeParams(request), {
      idempotencyKey: request.idempotencyKey,
    });
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeCardError)) throw error;
    const intent = error.payment_intent;
    const { decline } = intent === undefined ? { decline: null } : toPayment(intent);
    throw new Declined({
      outcome: 'declined',
      paymentIntentId: intent?.id ?? null,
      decline: decline ?? {
        code: error.code ?? null,
        declineCode: error.decline_code ?? null,
        adviceCode: error.advice_code ?? null,
        networkDeclineCode: error.network_decline_code ?? null,
        outcomeType: null,
        outcomeReason: null,
        networkStatus: null,
        chargeId: error.charge ?? null,
      },
    });
  }
}

/** All of it is of the stored purchase, never of configuration: a repeated request equals the first. */
function chargeParams(request: CardCharge): Stripe.PaymentIntentCreateParams {
  const cents = centsExactly(request.total);
  if (cents === undefined || cents <= 0n || cents > 99_999_999n) {
    throw new Fault(`purchase ${request.purchaseId} is not a chargeable number of cents`);
  }
  return {
    amount: Number(cents), // tidy: count, of cents, bounded just above
    currency: 'usd',
    customer: request.customerId,
    payment_method: request.paymentMethodId,
    allowed_payment_method_types: ['card'],
    confirm: true,
    off_session: true,
    // Nobody is there to verify: a demand for it is a refusal, never a payment that waits (S18).
    error_on_requires_action: true,
    metadata: {
      purpose: PURPOSE,
      trigger: 'auto_reload',
      purchase_id: request.purchaseId,
      org_id: request.organizationId,
      env: request.environment,
    },
    statement_descriptor_suffix: DESCRIPTOR_SUFFIX,
    // To the networks: a charge of the merchant's, at no fixed time, under what was agreed to before.
    payment_method_options: { card: { stored_credential_usage: 'unscheduled' } },
    ...(request.receiptEmail === null ? {} : { receipt_email: request.receiptEmail }),
    // Its tax is booked with the payment, and given back with a refund of it (stripe facts 1.6).
    ...(request.taxCalculation === null
      ? {}
      : { hooks: { inputs: { tax: { calculation: request.taxCalculation } } } }),
    expand: ['latest_charge'],
  };
}
