import type { NanoUsd } from '#kernel/money';
import type { Changed, Read } from '#payments/processor';

/** Refunds as payments needs them from the card processor. */
export interface RefundPort {
  createRefund(order: RefundOrder): Promise<Changed<{ refund: ProcessorRefund }>>;
  /** Every refund of a payment, however it was made. */
  listRefunds(paymentIntentId: string): Promise<Read<{ refunds: readonly ProcessorRefund[] }>>;
}

export interface RefundOrder {
  readonly paymentIntentId: string;
  /** With its tax; whole cents. Undefined for everything, in whatever currency it was paid. */
  readonly amount: NanoUsd | undefined;
  /** Ours; comes back as `refundId`. */
  readonly refundId: string;
  readonly environment: string;
  readonly idempotencyKey: string;
}

export interface ProcessorRefund {
  readonly id: string;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly paymentIntentId: string | null;
  /** Undefined where the currency is not USD. */
  readonly amount: NanoUsd | undefined;
  readonly failureCode: string | null;
  /** Our refund's id and deployment, if we made it. */
  readonly refundId: string | null;
  readonly environment: string | null;
}
