import Stripe from 'stripe';
import { assertOutsideTransaction } from '#db/transaction';
import { MONEY_BACK_EVENTS } from '#payments/money-back-events';
import type { Changed, Processor, ProcessorEvent, Read } from '#payments/processor';
import { checkoutParams, PRODUCT } from '#payments/stripe-params';
import { dateOf, toCheckout, toEvent, toPayment } from '#payments/stripe-read';

/** A person waits for these calls; the library's own default is 80 seconds. */
const TIMEOUT_MS = 10_000;
const NETWORK_RETRIES = 2;
/** Whoever reads asks again within seconds; repeating inside the call would only make them late. */
export const READ = { timeout: 5_000, maxNetworkRetries: 0 };
/** Asked every second: one that hangs must not be what everyone waits for when an outage is over. */
const SWEEP = { timeout: 2_000, maxNetworkRetries: 0 };
/** Of a look back without a position; what is older is left to polling and reconciliation. */
const FIRST_PAGES_MAX = 20;

/** The processor refuses a list of events that names more. */
export const SWEPT_TYPES_MOST = 20;

/**
 * What can tell us that money moved, or that it will not, and of cards what nobody did here. Others
 * are not worth a call. Those of payments that are decided days later are not among them: only cards
 * are taken, and the payment's own events tell of its end all the same.
 */
export const SWEPT_EVENTS = [
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.processing',
  'payment_intent.canceled',
  'checkout.session.completed',
  'checkout.session.expired',
  ...MONEY_BACK_EVENTS,
  'payment_method.automatically_updated',
  'payment_method.detached',
];

/** Pinned by the library. */
export const API_VERSION: string = Stripe.API_VERSION;

export interface StripeOptions {
  readonly secretKey: string;
  /** Any Stripe-compatible server, e.g. "http://127.0.0.1:4002"; Stripe's own unless told. */
  readonly apiUrl?: string;
}

export function connect(options: StripeOptions): Stripe {
  const base = {
    telemetry: false,
    maxNetworkRetries: NETWORK_RETRIES,
    timeout: TIMEOUT_MS,
  };
  if (options.apiUrl === undefined) return new Stripe(options.secretKey, base);
  const url = new URL(options.apiUrl);
  const protocol = url.protocol === 'http:' ? 'http' : 'https';
  const port = url.port === '' ? (protocol === 'http' ? 80 : 443) : url.port;
  return new Stripe(options.secretKey, { ...base, host: url.hostname, port, protocol });
}

/** The card processor over its official library; the only file that knows it. */
export function stripeProcessor(options: StripeOptions): Processor {
  const stripe = connect(options);
  const open = (idempotencyKey: string, params: ReturnType<typeof checkoutParams>) =>
    stripe.checkout.sessions.create(params, { idempotencyKey });

  return {
    name: 'stripe',
    livemode: /^(sk|rk)_live_/.test(options.secretKey),

    createCustomer: (request) =>
      change('create customer', async () => {
        const customer = await stripe.customers.create(
          { metadata: { org_id: request.organizationId, env: request.environment } },
          { idempotencyKey: request.idempotencyKey },
        );
        return { customerId: customer.id };
      }),

    createCheckout: (request) =>
      change('create checkout', async () => {
        const params = checkoutParams(request);
        const session = await open(request.idempotencyKey, params).catch(async (error: unknown) => {
          if (!namesMissingProduct(error)) throw error;
          // The account is new. A request refused by validation is not kept under its key.
          await stripe.products.create(PRODUCT, {
            idempotencyKey: `${request.environment}:product:${PRODUCT.id}:1`,
          });
          return open(request.idempotencyKey, params);
        });
        return { checkout: toCheckout(session) };
      }),

    async expireCheckout(checkoutId, idempotencyKey) {
      const answer = await change('expire checkout', async () => {
        await stripe.checkout.sessions.expire(checkoutId, {}, { idempotencyKey });
        return {};
      });
      if (answer.outcome === 'done') return { outcome: 'expired' };
      if (answer.outcome === 'refused') return { outcome: 'not_open' };
      return { outcome: 'unavailable', detail: answer.detail };
    },

    retrieveCheckout: (checkoutId) =>
      read('retrieve checkout', async () => ({
        checkout: toCheckout(
          await stripe.checkout.sessions.retrieve(
            checkoutId,
            { expand: ['payment_intent.latest_charge'] },
            READ,
          ),
        ),
      })),

    async findCheckout(paymentIntentId) {
      const answer = await read('find checkout', async () => {
        const list = await stripe.checkout.sessions.list(
          { payment_intent: paymentIntentId, limit: 1 },
          READ,
        );
        return { first: list.data[0] };
      });
      if (answer.outcome !== 'found') return answer;
      if (answer.first === undefined) return { outcome: 'missing' };
      return { outcome: 'found', checkout: toCheckout(answer.first) };
    },

    async findCheckoutOf(customerId, purchaseId) {
      const answer = await read('find checkout of purchase', async () => ({
        list: await stripe.checkout.sessions.list({ customer: customerId, limit: 100 }, READ),
      }));
      if (answer.outcome !== 'found') return answer;
      const session = answer.list.data.find((row) => row.metadata?.purchase_id === purchaseId);
      if (session === undefined) return { outcome: 'missing' };
      return { outcome: 'found', checkout: toCheckout(session) };
    },

    retrievePayment: (paymentIntentId) =>
      read('retrieve payment', async () => ({
        payment: toPayment(
          await stripe.paymentIntents.retrieve(
            paymentIntentId,
            { expand: ['latest_charge'] },
            READ,
          ),
        ),
      })),

    async listEventsSince(position, limit) {
      const from =
        position.after === null
          ? { created: { gte: Math.floor(position.since.getTime() / 1000) } }
          : { ending_before: position.after };
      // Newest first on the wire. With a position the page is the oldest after it. Without one it is
      // the newest, so the pages before it are read as well: nothing of the period is left out.
      const pages = position.after === null ? FIRST_PAGES_MAX : 1;
      const answer = await read('list events', async () => {
        const events: Stripe.Event[] = [];
        for (let page = 1; ; page++) {
          const last = events.at(-1)?.id;
          const list = await stripe.events.list(
            {
              ...from,
              ...(last === undefined ? {} : { starting_after: last }),
              types: SWEPT_EVENTS,
              limit,
            },
            SWEEP,
          );
          events.push(...list.data);
          const at = list.lastResponse.headers.date;
          if (page >= pages || !list.has_more) return { events, at };
        }
      });
      if (answer.outcome === 'missing') return { outcome: 'cursor_unknown' };
      if (answer.outcome === 'unavailable') return answer;
      const events = answer.events.map(toEvent).filter((event) => event !== undefined);
      const at = dateOf(answer.at);
      return {
        outcome: 'listed',
        events: events.reverse(),
        ...(at === undefined ? {} : { at }),
      };
    },
  };
}

function namesMissingProduct(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === 'resource_missing' &&
    (error.param ?? '').includes('product')
  );
}

/** Statuses that leave open whether the processor did it: same key again, never "failed". */
const UNKNOWN_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 429]);

export async function change<Done extends object>(
  call: string,
  work: () => Promise<Done>,
): Promise<Changed<Done>> {
  assertOutsideTransaction(call);
  try {
    return { outcome: 'done', ...(await work()) };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    const status = error.statusCode ?? 0;
    const detail = `${call}: ${error.type} ${status} ${error.code ?? ''} ${error.requestId ?? ''}`;
    const definitive = status >= 400 && status < 500 && !UNKNOWN_STATUSES.has(status);
    const replayed = error.headers?.['idempotent-replayed'] === 'true';
    if (!definitive) return { outcome: 'unknown', detail, replayed };
    return { outcome: 'refused', code: refusalCode(error, status), detail };
  }
}

function refusalCode(error: Stripe.errors.StripeError, status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return error.decline_code ?? error.code ?? error.rawType ?? 'invalid_request_error';
}

export async function read<Found extends object>(
  call: string,
  work: () => Promise<Found>,
): Promise<Read<Found>> {
  assertOutsideTransaction(call);
  try {
    return { outcome: 'found', ...(await work()) };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (error.code === 'resource_missing') return { outcome: 'missing' };
    return {
      outcome: 'unavailable',
      detail: `${call}: ${error.type} ${error.statusCode ?? 0} ${error.code ?? ''}`,
    };
  }
}

export type Verified =
  | { readonly outcome: 'verified'; readonly event: ProcessorEvent | undefined }
  | { readonly outcome: 'forged' };

/**
 * Checks a webhook's signature against each secret (two while one is being replaced) and its age
 * (300 s). The body must be the raw bytes.
 */
export function verifyStripeWebhook(
  body: Buffer,
  signature: string,
  secrets: readonly string[],
): Verified {
  for (const secret of secrets) {
    // An empty key signs anything anyone likes (CVE-2026-41432).
    if (secret.trim() === '') continue;
    try {
      const event = Stripe.webhooks.constructEvent(body, signature, secret);
      return { outcome: 'verified', event: toEvent(event) };
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) continue;
      // Rightly signed and not an event: nothing of ours.
      return { outcome: 'forged' };
    }
  }
  return { outcome: 'forged' };
}
