import type Stripe from 'stripe';
import {
  type CardProcessor,
  type SavedCard,
  SETUP_PURPOSE,
  type Setup,
  type SetupRequest,
} from '#payments/card-processor';
import type { Decline } from '#payments/declines';
import { change, connect, READ, read, type StripeOptions } from '#payments/stripe';
import { toCardFacts } from '#payments/stripe-read';

/** Nobody keeps more cards than that; the page of the processor's list is not turned. */
const CARDS_MOST = 100;

/** Saved cards at the card processor. */
export function stripeCards(options: StripeOptions): CardProcessor {
  const stripe = connect(options);
  return {
    createSetup: (request) =>
      change('create card setup', async () => ({
        setup: toSetup(
          await stripe.checkout.sessions.create(setupParams(request), {
            idempotencyKey: request.key,
          }),
        ),
      })),

    retrieveSetup: (sessionId) =>
      read('retrieve card setup', async () => ({
        setup: toSetup(
          await stripe.checkout.sessions.retrieve(sessionId, { expand: ['setup_intent'] }, READ),
        ),
      })),

    listCards: (customerId) =>
      read('list cards', async () => {
        const customer = await stripe.customers.retrieve(customerId, {}, READ);
        const fallback =
          'deleted' in customer && customer.deleted === true
            ? null
            : idOf(customer.invoice_settings.default_payment_method);
        const list = await stripe.customers.listPaymentMethods(
          customerId,
          { type: 'card', limit: CARDS_MOST },
          READ,
        );
        return { cards: list.data.flatMap((method) => toSaved(method, fallback)) };
      }),

    setDefault: (customerId, cardId, key) =>
      change('set default card', async () => {
        await stripe.customers.update(
          customerId,
          { invoice_settings: { default_payment_method: cardId } },
          { idempotencyKey: key },
        );
        return {};
      }),

    remove: (cardId, key) =>
      change('remove card', async () => {
        await stripe.paymentMethods.detach(cardId, {}, { idempotencyKey: key });
        return {};
      }),
  };
}

/** All that varies is of the stored setup: a repeated request must equal the first. */
function setupParams(request: SetupRequest): Stripe.Checkout.SessionCreateParams {
  const tags = {
    purpose: SETUP_PURPOSE,
    setup_id: request.setupId,
    org_id: request.organizationId,
    env: request.environment,
  };
  return {
    mode: 'setup',
    ui_mode: 'hosted_page',
    locale: 'auto',
    currency: 'usd',
    customer: request.customerId,
    client_reference_id: request.setupId,
    billing_address_collection: 'required',
    allowed_payment_method_types: ['card'],
    setup_intent_data: { metadata: tags },
    metadata: tags,
    success_url: request.returnUrl,
    cancel_url: request.cancelUrl,
  };
}

const idOf = (value: string | { id: string } | null | undefined): string | null =>
  typeof value === 'string' ? value : (value?.id ?? null);

const STATUSES: Readonly<Record<string, Setup['status']>> = {
  complete: 'complete',
  expired: 'expired',
};

function toSetup(session: Stripe.Checkout.Session): Setup {
  const intent = typeof session.setup_intent === 'object' ? session.setup_intent : null;
  const done = session.status === 'complete' && intent?.status === 'succeeded';
  const error = intent?.last_setup_error ?? null;
  return {
    sessionId: session.id,
    url: session.url,
    status: STATUSES[session.status ?? ''] ?? 'open',
    cardId: done ? idOf(intent?.payment_method) : null,
    decline: error === null ? null : toDecline(error),
  };
}

const toDecline = (error: Stripe.SetupIntent.LastSetupError): Decline => ({
  code: error.code ?? null,
  declineCode: error.decline_code ?? null,
  adviceCode: error.advice_code ?? null,
  networkDeclineCode: error.network_decline_code ?? null,
  networkAdviceCode: error.network_advice_code ?? null,
  outcomeType: null,
  outcomeReason: null,
  networkStatus: null,
  chargeId: null,
  card: toCardFacts(error.payment_method?.card),
});

function toSaved(method: Stripe.PaymentMethod, fallback: string | null): SavedCard[] {
  const facts = toCardFacts(method.card);
  if (facts === null || method.card === undefined || method.card === null) return [];
  return [
    {
      ...facts,
      id: method.id,
      expMonth: method.card.exp_month,
      expYear: method.card.exp_year,
      isDefault: method.id === fallback,
    },
  ];
}
