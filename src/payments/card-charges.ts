import type { NanoUsd } from '#kernel/money';
import type { Decline } from '#payments/declines';
import type { Payment, Read } from '#payments/processor';

/** The processor as reloads need it: a saved card, charged while its owner is away. */
export interface CardCharges {
  /** May be repeated with the same key: the answer is that of the first. */
  chargeCard(request: CardCharge): Promise<Charged>;
  /** The payment made for a purchase, where its answer was lost. */
  findPaymentOf(customerId: string, purchaseId: string): Promise<Read<{ payment: Payment }>>;
  /** So that nothing can still be paid on it; harmless where it has ended. */
  cancelPayment(paymentIntentId: string, idempotencyKey: string): Promise<void>;
}

export interface CardCharge {
  readonly purchaseId: string;
  readonly organizationId: string;
  readonly environment: string;
  readonly customerId: string;
  readonly paymentMethodId: string;
  readonly total: NanoUsd;
  /** Where the processor sends its receipt; null for nowhere. */
  readonly receiptEmail: string | null;
  /** What its tax was worked out by: the processor then books the tax; null where there is none. */
  readonly taxCalculation: string | null;
  readonly idempotencyKey: string;
}

export type Charged =
  | { readonly outcome: 'answered'; readonly payment: Payment }
  | {
      readonly outcome: 'declined';
      readonly decline: Decline;
      readonly paymentIntentId: string | null;
    }
  /** No card was asked: the request itself was refused. */
  | { readonly outcome: 'refused'; readonly code: string; readonly detail: string }
  | { readonly outcome: 'unknown'; readonly detail: string; readonly replayed: boolean };
