import type { NanoUsd } from '#kernel/money';
import type { Changed, Read } from '#payments/processor';

/** Invoices, receipts and credit notes as payments needs them from the card processor. */
export interface DocumentPort {
  /** What there is for a payment; `invoice` is null while none is attached to it. */
  papersOf(paymentIntentId: string): Promise<Read<{ papers: Papers }>>;
  /** An empty draft, which `completeInvoice` fills. */
  createInvoice(order: InvoiceOrder): Promise<Changed<{ invoiceId: string }>>;
  /** Lines, number, payment: whichever of them is still missing. Never charges anything. */
  completeInvoice(invoiceId: string, order: InvoiceOrder): Promise<Changed<object>>;
  /** The credit note of a refund on an invoice; null if there is none. */
  creditNoteOf(invoiceId: string, refundId: string): Promise<Read<{ note: Paper | null }>>;
  createCreditNote(order: CreditNoteOrder): Promise<Changed<{ note: Paper }>>;
}

export interface Paper {
  readonly id: string;
  readonly number: string | null;
  readonly pdfUrl: string | null;
  /** The same as a page, where there is one. */
  readonly pageUrl: string | null;
  readonly taxLines: readonly TaxLine[];
}

export interface TaxLine {
  readonly label: string;
  /** Decimal USD: stored and shown as such. */
  readonly taxable_usd: string;
  readonly amount_usd: string;
}

export interface Papers {
  readonly invoice: Paper | null;
  readonly receiptUrl: string | null;
  readonly receiptNumber: string | null;
  /** As the card's statement shows the payment. */
  readonly descriptor: string | null;
  /** Whose payment it is: it fits no invoice of another customer. */
  readonly customerId: string | null;
}

export interface InvoiceOrder {
  readonly purchaseId: string;
  readonly organizationId: string;
  readonly environment: string;
  readonly customerId: string;
  readonly paymentIntentId: string;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
}

export interface CreditNoteOrder {
  readonly invoiceId: string;
  /** The processor's refund, which has moved the money already. */
  readonly refundId: string;
  readonly amount: NanoUsd;
  readonly idempotencyKey: string;
}
