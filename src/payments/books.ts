import type { Purpose, Unavailable } from '#payments/processor';

/**
 * What moved the processor's balance, as its own books say. `other` is what concerns no payment:
 * payouts, fees of the account.
 */
export type MovementKind = 'charge' | 'refund' | 'refund_returned' | 'dispute' | 'other';

export interface Movement extends Purpose {
  readonly id: string;
  readonly kind: MovementKind;
  /** In the smallest unit of the currency; negative where money left. */
  readonly minorUnits: bigint;
  readonly currency: string;
  readonly at: Date;
  /** The charge, refund or dispute it is about. */
  readonly sourceId: string;
  readonly paymentIntentId: string | null;
  readonly customerId: string | null;
}

/** One payment as the processor has it now, with what went back. */
export interface ChargeFacts {
  readonly paid: boolean;
  readonly minorUnits: bigint;
  readonly refundedMinorUnits: bigint;
  readonly currency: string;
}

export interface MovementRange {
  readonly from: Date;
  /** Undefined: up to now. */
  readonly to?: Date;
  /** The last movement of the page before. */
  readonly after?: string;
}

/** The processor's books: only read, and only by the reconciliation. */
export interface ProcessorBooks {
  /** The one our library reads. */
  readonly apiVersion: string;
  /** Newest first. */
  listMovements(
    range: MovementRange,
    limit: number,
  ): Promise<{ outcome: 'listed'; movements: readonly Movement[]; more: boolean } | Unavailable>;
  readCharge(
    paymentIntentId: string,
  ): Promise<{ outcome: 'found'; charge: ChargeFacts } | { outcome: 'missing' } | Unavailable>;
  listEndpoints(): Promise<
    { outcome: 'listed'; endpoints: readonly WebhookEndpoint[] } | Unavailable
  >;
}

/** Where the processor sends its webhooks. */
export interface WebhookEndpoint {
  readonly url: string;
  readonly enabled: boolean;
  /** In which its events are written; null for whatever the account's default is. */
  readonly apiVersion: string | null;
  /** `*` stands for every event. */
  readonly events: readonly string[];
}
