/**
 * What the Billing page and its server say about auto-reload. Shared with the browser, hence
 * zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const asked = z.string().check(z.trim(), z.maxLength(30));
const time = z.string();

// GET /api/auto-reload; POST /api/auto-reload answers the same.
export const evaluation = z.object({
  at: time,
  /** Earlier than `at` where the same answer was given several times. */
  first_at: time,
  times: z.number(),
  answer: z.string(),
  words: z.string(),
  counted_usd: usd,
  threshold_usd: usd,
  purchase_id: z.nullable(z.string()),
  until: z.nullable(time),
});
export const reloadResponse = z.object({
  enabled: z.boolean(),
  status: z.enum(['off', 'on', 'paused', 'reloading']),
  /** It was set a moment ago, and whether to reload is being decided. */
  checking: z.boolean(),
  /** Another deployment of this system charges for it, with cards of its own. */
  elsewhere: z.boolean(),
  paused_reason: z.nullable(z.string()),
  paused_words: z.nullable(z.string()),
  threshold_usd: usd,
  target_usd: usd,
  max_per_day: z.number(),
  max_usd_per_month: z.nullable(usd),
  /** Who agreed, and when; null if nobody ever did. */
  agreed: z.nullable(z.object({ at: time, by: z.string() })),
  /** What is agreed to by switching it on. */
  consent: z.object({ version: z.string(), text: z.string() }),
  evaluations: z.array(evaluation),
});
export type ReloadResponse = z.infer<typeof reloadResponse>;

export const reloadRequest = z.object({
  enabled: z.boolean(),
  threshold_usd: asked,
  target_usd: asked,
  max_per_day: z.number(),
  max_usd_per_month: z.nullable(asked),
  /** The version of the words that were on the page; asked for when it is switched on. */
  consent_version: z.optional(z.string().check(z.maxLength(40))),
});
export type ReloadRequest = z.infer<typeof reloadRequest>;
