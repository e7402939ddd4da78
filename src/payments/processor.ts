import type { NanoUsd } from '#kernel/money';
import type { Decline } from '#payments/declines';

/**
 * The card processor as payments needs it. Three kinds of answer, never mixed: it did it, it
 * refused for good, or nobody knows. An unknown answer is repeated with the same idempotency key.
 */
export interface Processor {
  /** Names the processor in rows: a purchase of one is never settled by another. */
  readonly name: string;
  readonly livemode: boolean;
  createCustomer(request: CustomerRequest): Promise<Changed<{ customerId: string }>>;
  createCheckout(request: CheckoutRequest): Promise<Changed<{ checkout: Checkout }>>;
  /** `not_open` covers paid and expired ones alike: read it to know which. */
  expireCheckout(
    checkoutId: string,
    idempotencyKey: string,
  ): Promise<{ outcome: 'expired' } | { outcome: 'not_open' } | Unavailable>;
  retrieveCheckout(checkoutId: string): Promise<Read<{ checkout: Checkout }>>;
  /** The hosted page a payment was made on. */
  findCheckout(paymentIntentId: string): Promise<Read<{ checkout: Checkout }>>;
  /** The hosted page made for a purchase, where the answer that named it was lost. */
  findCheckoutOf(customerId: string, purchaseId: string): Promise<Read<{ checkout: Checkout }>>;
  retrievePayment(paymentIntentId: string): Promise<Read<{ payment: Payment }>>;
  /**
   * Oldest first: at most `limit` after a position, everything there is without one.
   * `cursor_unknown`: the processor has forgotten that event.
   */
  listEventsSince(
    position: EventPosition,
    limit: number,
  ): Promise<
    /** `at`: the processor's clock when it answered. */
    | { outcome: 'listed'; events: readonly ProcessorEvent[]; at?: Date }
    | { outcome: 'cursor_unknown' }
    | Unavailable
  >;
}

export interface Unavailable {
  readonly outcome: 'unavailable';
  readonly detail: string;
}

export type Read<Found> =
  | ({ readonly outcome: 'found' } & Found)
  | { outcome: 'missing' }
  | Unavailable;

export type Changed<Done> =
  | ({ readonly outcome: 'done' } & Done)
  | { readonly outcome: 'refused'; readonly code: string; readonly detail: string }
  /** `replayed`: the key is used up, the processor answers it with the same error for ever. */
  | { readonly outcome: 'unknown'; readonly detail: string; readonly replayed: boolean };

export interface CustomerRequest {
  readonly organizationId: string;
  readonly environment: string;
  readonly idempotencyKey: string;
}

export interface CheckoutRequest {
  readonly purchaseId: string;
  readonly organizationId: string;
  readonly environment: string;
  readonly customerId: string;
  readonly credit: NanoUsd;
  readonly automaticTax: boolean;
  /** The customer's address is ours, checked and quoted by: the page does not replace it. */
  readonly addressOnFile?: boolean;
  /** The customer agreed to the card being kept: it stays with the processor's customer if it pays. */
  readonly savesCard?: boolean;
  readonly expiresAt: Date;
  readonly returnUrl: string;
  readonly cancelUrl: string;
  readonly idempotencyKey: string;
}

export interface Checkout {
  readonly id: string;
  readonly url: string | null;
  readonly status: 'open' | 'complete' | 'expired';
  readonly paid: boolean;
  readonly currency: string;
  /** Undefined where the currency is not USD: such an amount must never be read as one. */
  readonly subtotal: NanoUsd | undefined;
  readonly total: NanoUsd | undefined;
  readonly paymentIntentId: string | null;
  readonly payment: Payment | null;
}

export interface Purpose {
  readonly purpose: string | null;
  readonly purchaseId: string | null;
  readonly organizationId: string | null;
  readonly environment: string | null;
}

export interface Payment extends Purpose {
  readonly id: string;
  readonly status: 'waiting' | 'acting' | 'processing' | 'succeeded' | 'canceled';
  readonly livemode: boolean;
  readonly customerId: string | null;
  readonly currency: string;
  readonly receivedMinorUnits: bigint;
  /** Undefined where the currency is not USD. */
  readonly received: NanoUsd | undefined;
  readonly decline: Decline | null;
  readonly chargeId: string | null;
  /** When the charge was made, by the processor's clock; null where it does not say. */
  readonly chargedAt: Date | null;
  readonly receiptUrl: string | null;
  /** What it was or will be paid with. */
  readonly paymentMethodId?: string | null;
}

export interface EventPosition {
  readonly after: string | null;
  /** Where to begin when there is no `after`. */
  readonly since: Date;
}

/** A hint about something that may be ours. */
export interface ProcessorEvent extends Purpose {
  readonly id: string;
  readonly type: string;
  readonly livemode: boolean;
  readonly objectId: string;
  readonly paymentIntentId: string | null;
}

/** The tag on every object of ours; what carries another is never touched (S38). */
export const PURPOSE = 'credit_topup';
