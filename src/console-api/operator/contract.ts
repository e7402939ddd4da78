/**
 * What the operator's page and its server say to each other. Shared with the browser, hence zod/mini
 * and no import but the contract of purchases. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';
import { purchase } from '../contract.ts';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const time = z.string();
const id = z.string().check(z.minLength(1), z.maxLength(100));
/** In the words of whoever decides. No control or bidirectional-override characters. */
const reason = z
  .string()
  .check(
    z.trim(),
    z.minLength(1),
    z.maxLength(500),
    z.regex(/^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u),
  );

/** In this order they are shown: the books themselves first. */
export const ATTENTION_KINDS = [
  'verification',
  'clearing',
  'payment_set_aside',
  'alarm',
  'refund_unreached',
  'dispute',
  'fraud_warning',
  'difference',
  'reconciliation',
] as const;
export const REMEDY_KINDS = ['credit', 'refund'] as const;
export const REMEDY_STATES = ['requested', 'pending', 'done', 'failed'] as const;

const organizationName = z.object({ id: z.string(), name: z.string() });

/** One thing that needs a person. */
export const attentionLine = z.object({
  /** Stable while it lasts. */
  key: z.string(),
  kind: z.enum(ATTENTION_KINDS),
  title: z.string(),
  detail: z.nullable(z.string()),
  organization: z.nullable(organizationName),
  amount_usd: z.nullable(usd),
  /** Where the money is in another currency, as the processor counts it. */
  amount_other: z.nullable(z.string()),
  since: z.nullable(time),
  /** When it is too late. */
  deadline: z.nullable(time),
  next_step: z.string(),
  payment_id: z.nullable(z.string()),
  purchase_id: z.nullable(z.string()),
  /** A decision can be made here. */
  decidable: z.boolean(),
});
export const check = z.object({
  name: z.string(),
  at: z.nullable(time),
  ok: z.boolean(),
  words: z.string(),
});

// GET /api/operator
export const overviewResponse = z.object({
  checked_at: time,
  attention: z.array(attentionLine),
  /** What was looked at, when, and how it was. */
  checks: z.array(check),
});

// GET /api/operator/organizations?q=
export const findQuery = z.object({
  q: z.string().check(z.trim(), z.minLength(1), z.maxLength(200)),
});
export const foundOrganization = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  emails: z.array(z.string()),
});
export const findResponse = z.object({
  data: z.array(foundOrganization),
  /** There are more than were listed. */
  more: z.boolean(),
});

export const operatorRefund = z.object({
  id: z.string(),
  purchase_id: z.string(),
  state: z.string(),
  total_usd: usd,
  reason: z.string(),
  failure_code: z.nullable(z.string()),
  created_at: time,
});

// GET /api/operator/organizations/:id; POST …/suspend; POST …/resume
export const organizationResponse = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  created_at: time,
  emails: z.array(z.string()),
  available_usd: usd,
  held_usd: usd,
  frozen_usd: usd,
  debt_usd: usd,
  purchases: z.array(z.extend(purchase, { created_at: time, payment_id: z.nullable(z.string()) })),
  refunds: z.array(operatorRefund),
});
export const statusRequest = z.object({ reason });

// GET /api/operator/purchases/:id/refund; POST the same
export const refundQuote = z.object({
  purchase_id: z.string(),
  organization: organizationName,
  /** Null where nothing can be refunded; then `refusal` says why. */
  amounts: z.nullable(z.object({ credit_usd: usd, tax_usd: usd, total_usd: usd })),
  refusal: z.nullable(z.string()),
  /** To be sent back: how many refunds of the purchase were known when this was shown. */
  seen: z.int(),
});
export const refundRequest = z.object({ reason, credit_usd: usd, seen: z.int() });
export const refundResponse = operatorRefund;

export const remedy = z.object({
  kind: z.enum(REMEDY_KINDS),
  state: z.enum(REMEDY_STATES),
  by: z.string(),
  at: time,
  reason: z.string(),
  /** In words. */
  failure: z.nullable(z.string()),
  purchase_id: z.nullable(z.string()),
});

// GET /api/operator/payments/:id; POST …/credit; POST …/refund
export const paymentResponse = z.object({
  id: z.string(),
  standing: z.enum([
    'set_aside',
    'other_product',
    'under_way',
    'decided',
    'credited',
    'settling',
    'other_deployment',
    'not_paid',
  ]),
  /** The same as a sentence. */
  words: z.string(),
  decidable: z.boolean(),
  organization: z.nullable(organizationName),
  purchase_id: z.nullable(z.string()),
  purpose: z.nullable(z.string()),
  /** Why it fits nothing. */
  mismatches: z.array(z.string()),
  paid_at: z.nullable(time),
  received: z.string(),
  /** What crediting it gives: never its tax. Null where that cannot be; `only_refund` says why. */
  amounts: z.nullable(z.object({ credit_usd: usd, tax_usd: usd, total_usd: usd })),
  only_refund: z.nullable(z.string()),
  refunded: z.boolean(),
  remedy: z.nullable(remedy),
});
export const creditRequest = z.object({ reason, organization_id: z.nullable(id) });
export const paymentRefundRequest = z.object({ reason });

export type AttentionLine = z.infer<typeof attentionLine>;
export type Check = z.infer<typeof check>;
export type Overview = z.infer<typeof overviewResponse>;
export type FoundOrganization = z.infer<typeof foundOrganization>;
export type OperatorOrganization = z.infer<typeof organizationResponse>;
export type OperatorRefund = z.infer<typeof operatorRefund>;
export type RefundQuote = z.infer<typeof refundQuote>;
export type OperatorPayment = z.infer<typeof paymentResponse>;
export type Remedy = z.infer<typeof remedy>;
