import { z } from 'zod';
import { parseUsd } from '#kernel/money';

/** Answers of the command line and of the gateway, as far as these tests rely on them. */
export const organization = z.object({
  id: z.string().startsWith('org_'),
  name: z.string(),
  workspace_id: z.string().startsWith('wrkspc_'),
});
export const createdKey = z.object({ id: z.string(), key: z.string() });
export const grant = z.object({ id: z.string(), amount_usd: z.string(), expires_at: z.string() });
export const link = z.object({ url: z.url() });
export const balance = z.object({
  available_usd: z.string(),
  held_usd: z.string(),
  frozen_usd: z.string(),
  debt_usd: z.string(),
  grants: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      amount_usd: z.string(),
      remaining_usd: z.string(),
    }),
  ),
});
export const verdict = z.object({
  ok: z.boolean(),
  entries: z.int(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), violations: z.array(z.string()) })),
});
export const refusal = z.object({
  type: z.literal('error'),
  error: z.object({
    type: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
  request_id: z.string().startsWith('req_'),
});
export const tooLow = z.object({
  error_code: z.literal('credit_balance_too_low'),
  available_usd: z.string(),
  required_usd: z.string(),
  billing_url: z.url(),
});

export const OUT_OF_CREDIT =
  'Your credit balance is too low to access the Anthropic API. ' +
  'Please go to Plans & Billing to upgrade or purchase credits.';

/** Published prices of the model these tests call, in nano-USD per token: $4 and $20 per million. */
export const MODEL = 'claude-opus-5-5';
export const INPUT_NANOS = 4_000n;
export const OUTPUT_NANOS = 20_000n;

export const priceOf = (usage: { input_tokens: number; output_tokens: number }): bigint =>
  BigInt(usage.input_tokens) * INPUT_NANOS + BigInt(usage.output_tokens) * OUTPUT_NANOS;

/** An amount of the interface in nano-USD. */
export function usd(usd: string): bigint {
  const amount = parseUsd(usd);
  if (amount === undefined) throw new Error(`"${usd}" is not an amount`);
  return amount;
}
