import type { NanoUsd } from '#kernel/money';
import type { DisputeNews } from '#payments/dispute';
import type { Read } from '#payments/processor';

/** Disputes and the banks' warnings before them. Read only: they are answered at the processor. */
export interface DisputePort {
  retrieveDispute(disputeId: string): Promise<Read<{ dispute: ProcessorDispute }>>;
  /** Every dispute of a payment, however it ended. */
  listDisputes(paymentIntentId: string): Promise<Read<{ disputes: readonly ProcessorDispute[] }>>;
  retrieveWarning(warningId: string): Promise<Read<{ warning: ProcessorWarning }>>;
}

export interface ProcessorDispute {
  readonly id: string;
  readonly status: string;
  readonly news: DisputeNews;
  /** A dispute names no customer; where it names no payment either, that of its charge (S25). */
  readonly paymentIntentId: string | null;
  readonly reason: string;
  /** Undefined where the currency is not USD. */
  readonly amount: NanoUsd | undefined;
  /** Net of fees given back; negative if more came back. */
  readonly fee: NanoUsd;
  readonly respondBy: Date | null;
}

export interface ProcessorWarning {
  readonly id: string;
  readonly paymentIntentId: string | null;
  readonly fraudType: string;
  readonly actionable: boolean;
}
