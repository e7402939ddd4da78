import { fromCents, type NanoUsd } from '#kernel/money';
import type { CardChecks, CardFacts, Decline } from '#payments/declines';
import type { Checkout, Payment, ProcessorEvent, Purpose } from '#payments/processor';

/** The parts of the processor's objects we read. Everything may be missing: they change. */
interface PaymentIntentShape {
  id: string;
  status: string;
  livemode: boolean;
  currency: string;
  amount_received: number;
  customer: string | { id: string } | null;
  payment_method?: string | { id: string } | null;
  metadata: Record<string, string> | null;
  last_payment_error?: ErrorShape | null;
  latest_charge?: string | ChargeShape | null;
}

interface ErrorShape {
  code?: string;
  decline_code?: string;
  advice_code?: string;
  network_decline_code?: string;
  network_advice_code?: string;
  charge?: string;
  payment_method?: { card?: CardShape | null | undefined } | null;
}

export interface CardShape {
  brand?: string | null;
  last4?: string | null;
  country?: string | null;
  funding?: string | null;
  fingerprint?: string | null;
}

interface ChargeShape {
  id: string;
  /** Unix seconds. */
  created?: number;
  receipt_url?: string | null;
  outcome?: {
    type?: string | null;
    reason?: string | null;
    network_status?: string | null;
  } | null;
  payment_method_details?: {
    card?:
      | (CardShape & {
          checks?: ChecksShape | null;
          three_d_secure?: { result?: string | null } | null;
        })
      | undefined;
  } | null;
}

interface SessionShape {
  id: string;
  url?: string | null;
  status: string | null;
  payment_status: string;
  currency: string | null;
  amount_subtotal: number | null;
  amount_total: number | null;
  payment_intent: string | PaymentIntentShape | null;
}

const STATUSES: Readonly<Record<string, Payment['status']>> = {
  requires_payment_method: 'waiting',
  requires_confirmation: 'waiting',
  requires_action: 'acting',
  requires_capture: 'processing',
  processing: 'processing',
  succeeded: 'succeeded',
  canceled: 'canceled',
};

const usd = (currency: string | null, cents: number | null): NanoUsd | undefined =>
  currency === 'usd' && cents !== null ? fromCents(BigInt(cents)) : undefined;

const idOf = (value: string | { id: string } | null | undefined): string | null =>
  typeof value === 'string' ? value : (value?.id ?? null);

export function purposeOf(metadata: Record<string, string> | null | undefined): Purpose {
  return {
    purpose: metadata?.purpose ?? null,
    purchaseId: metadata?.purchase_id ?? null,
    organizationId: metadata?.org_id ?? null,
    environment: metadata?.env ?? null,
  };
}

export function toPayment(intent: PaymentIntentShape): Payment {
  const charge = typeof intent.latest_charge === 'object' ? intent.latest_charge : null;
  const error = intent.last_payment_error ?? null;
  return {
    id: intent.id,
    // A status we have never heard of is not final, whatever it means.
    status: STATUSES[intent.status] ?? 'processing',
    livemode: intent.livemode,
    customerId: idOf(intent.customer),
    currency: intent.currency,
    receivedMinorUnits: BigInt(intent.amount_received),
    received: usd(intent.currency, intent.amount_received),
    decline: error === null ? null : toDecline(error, charge),
    chargeId: idOf(intent.latest_charge),
    chargedAt: charge?.created === undefined ? null : new Date(charge.created * 1000),
    receiptUrl: charge?.receipt_url ?? null,
    paymentMethodId: idOf(intent.payment_method),
    ...purposeOf(intent.metadata),
  };
}

function toDecline(error: ErrorShape, latest: ChargeShape | null): Decline {
  // A refusal before any charge, such as a failed verification, stands beside the charge of the
  // attempt before it, which is another story.
  const charge = latest !== null && error.charge === latest.id ? latest : null;
  const paidBy = charge?.payment_method_details?.card;
  return {
    code: error.code ?? null,
    declineCode: error.decline_code ?? null,
    adviceCode: error.advice_code ?? null,
    networkDeclineCode: error.network_decline_code ?? null,
    networkAdviceCode: error.network_advice_code ?? null,
    outcomeType: charge?.outcome?.type ?? null,
    outcomeReason: charge?.outcome?.reason ?? null,
    networkStatus: charge?.outcome?.network_status ?? null,
    chargeId: error.charge ?? null,
    threeDSecure: paidBy?.three_d_secure?.result ?? null,
    checks: toChecks(paidBy?.checks),
    card: toCardFacts(error.payment_method?.card ?? paidBy),
  };
}

interface ChecksShape {
  address_line1_check?: string | null;
  address_postal_code_check?: string | null;
  cvc_check?: string | null;
}

function toChecks(checks: ChecksShape | null | undefined): CardChecks | null {
  if (checks === null || checks === undefined) return null;
  return {
    line1: checks.address_line1_check ?? null,
    postalCode: checks.address_postal_code_check ?? null,
    cvc: checks.cvc_check ?? null,
  };
}

export function toCardFacts(card: CardShape | null | undefined): CardFacts | null {
  if (card === null || card === undefined) return null;
  return {
    fingerprint: card.fingerprint ?? null,
    brand: card.brand ?? 'card',
    last4: card.last4 ?? '',
    country: card.country ?? null,
    funding: card.funding ?? 'unknown',
  };
}

export function toCheckout(session: SessionShape): Checkout {
  const intent = typeof session.payment_intent === 'object' ? session.payment_intent : null;
  const { status } = session;
  return {
    id: session.id,
    url: session.url ?? null,
    status: status === 'complete' || status === 'expired' ? status : 'open',
    paid: status === 'complete' && session.payment_status === 'paid',
    currency: session.currency ?? '',
    subtotal: usd(session.currency, session.amount_subtotal),
    total: usd(session.currency, session.amount_total),
    paymentIntentId: idOf(session.payment_intent),
    payment: intent === null ? null : toPayment(intent),
  };
}

interface EventShape {
  id: string;
  type: string;
  livemode: boolean;
  /** Of the account connected to ours in which it happened; absent where that is our own. */
  account?: string | null;
  data: { object: unknown };
}

/**
 * An event is a hint: only ids and tags are taken from it. Undefined if it names no object, or one in
 * somebody else's account: asked of ours, its id is nothing or, worse, something else.
 */
export function toEvent(event: EventShape): ProcessorEvent | undefined {
  if (typeof event.account === 'string' && event.account !== '') return undefined;
  const object = event.data.object;
  if (typeof object !== 'object' || object === null || !('id' in object)) return undefined;
  if (typeof object.id !== 'string') return undefined;
  const intent = 'payment_intent' in object ? textOrId(object.payment_intent) : null;
  return {
    id: event.id,
    type: event.type,
    livemode: event.livemode === true,
    objectId: object.id,
    paymentIntentId: object.id.startsWith('pi_') ? object.id : intent,
    ...purposeOf('metadata' in object ? tagsOf(object.metadata) : null),
  };
}

function textOrId(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('id' in value)) return null;
  return typeof value.id === 'string' ? value.id : null;
}

function tagsOf(value: unknown): Record<string, string> | null {
  if (typeof value !== 'object' || value === null) return null;
  return Object.fromEntries(
    Object.entries(value).filter((tag): tag is [string, string] => typeof tag[1] === 'string'),
  );
}

/** The `Date` header of an answer: the processor's clock, to the second. */
export function dateOf(header: string | undefined): Date | undefined {
  const at = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(at) ? undefined : new Date(at);
}
