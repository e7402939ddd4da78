/**
 * What the Billing page and its server say about how long credit lasts. Shared with the browser,
 * hence zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const asked = z.string().check(z.trim(), z.maxLength(30));
const time = z.string();

// POST /api/auto-reload/advice: changes nothing; a body because of what is being typed.
export const adviceRequest = z.object({
  setting: z.optional(
    z.object({
      threshold_usd: asked,
      target_usd: asked,
      max_per_day: z.number(),
      max_usd_per_month: z.nullable(asked),
    }),
  ),
});
export type AskedSetting = NonNullable<z.infer<typeof adviceRequest>['setting']>;

const pace = z.object({
  days: z.number(),
  /** Later than so many days ago where there was no credit before. */
  from: time,
  spent_usd: usd,
  per_day_usd: usd,
  runway: z.object({
    state: z.enum(['lasts', 'no_spending', 'used_up', 'in_debt']),
    until: z.nullable(time),
    ends_by: z.nullable(z.enum(['spending', 'expiry'])),
    days: z.nullable(z.number()),
    expires_unused_usd: z.nullable(usd),
  }),
});
export type PaceView = z.infer<typeof pace>;

const replay = z.object({
  threshold_usd: usd,
  target_usd: usd,
  max_per_day: z.number(),
  max_usd_per_month: z.nullable(usd),
  from: time,
  to: time,
  spent_usd: usd,
  reloads: z.number(),
  charged_usd: usd,
  average_balance_usd: usd,
  seconds_at_zero: z.number(),
  refused_usd: usd,
  held_by: z.array(z.object({ answer: z.string(), words: z.string(), seconds: z.number() })),
});
export type ReplayView = z.infer<typeof replay>;

export const adviceResponse = z.object({
  at: time,
  /** Seven days, then three. */
  paces: z.array(pace),
  suggestion: z.nullable(
    z.object({
      threshold_usd: usd,
      threshold_reason: z.string(),
      target_usd: usd,
      target_reason: z.string(),
    }),
  ),
  /** With what is set, or what a form begins with. */
  present: replay,
  /** With what was asked about. */
  asked: z.nullable(replay),
});
export type AdviceResponse = z.infer<typeof adviceResponse>;
