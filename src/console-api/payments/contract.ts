/**
 * What the history of payments and its server say to each other. Shared with the browser, hence
 * zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const day = z.string().check(z.regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/));

export const PAYMENT_KINDS = ['purchase', 'refund'] as const;
/** Of purchases and of refunds; those in which neither is over look alike. */
export const PAYMENT_STATES = [
  'credited',
  'awaiting_customer',
  'processing',
  'declined',
  'failed',
  'canceled',
  'expired',
  'quarantined',
  'requested',
  'pending',
  'paid',
  'refused',
] as const;

// GET /api/billing/payments?kind&state&from&to&before, newest first; days are UTC, `to` included
export const paymentsQuery = z.object({
  kind: z.optional(z.enum(PAYMENT_KINDS)),
  state: z.optional(z.enum(PAYMENT_STATES)),
  from: z.optional(day),
  to: z.optional(day),
  before: z.optional(z.string().check(z.regex(/^[0-9A-Za-z]{1,80}$/))),
});
export const paymentLine = z.object({
  kind: z.enum(PAYMENT_KINDS),
  id: z.string(),
  purchase_id: z.string(),
  state: z.string(),
  at: z.string(),
  amount_usd: usd,
  tax_usd: usd,
  total_usd: usd,
  /** Number of the invoice or the credit note; null while there is none. */
  document_number: z.nullable(z.string()),
  /** `wanted` is on its way; `receipt_only` will never have more than the receipt. */
  document_state: z.nullable(z.enum(['wanted', 'ready', 'receipt_only'])),
  pdf_url: z.nullable(z.string()),
  receipt_url: z.nullable(z.string()),
  /** As the card's statement shows it. */
  descriptor: z.nullable(z.string()),
  /** Null for refunds. */
  trigger: z.nullable(z.enum(['manual', 'auto_reload'])),
  /** Why it came to nothing, and what to do about it; null where it did not, or nothing is known. */
  reason: z.nullable(z.string()),
  next_step: z.nullable(z.string()),
  tax_lines: z.array(z.object({ label: z.string(), taxable_usd: usd, amount_usd: usd })),
});
export const paymentsResponse = z.object({
  data: z.array(paymentLine),
  /** For `before`; null at the end. */
  next: z.nullable(z.string()),
});

export type PaymentLine = z.infer<typeof paymentLine>;
export type PaymentsQuery = z.infer<typeof paymentsQuery>;
export type PaymentsResponse = z.infer<typeof paymentsResponse>;
