import { z } from 'zod';
import { readAdvice, type Setting } from '#advice/advice';
import { tellAdvice } from '#advice/told';
import { parseUsd } from '#kernel/money';
import { ANSWERS } from '#payments/auto-reload';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const usd = z.string().describe('decimal US dollars, up to nine decimals');
const time = z.iso.datetime();
const USD_FORM = 'expected US dollars such as "10" or "12.50"';
const dollars = z
  .string({ error: USD_FORM })
  .refine((text) => parseUsd(text) !== undefined, { error: USD_FORM });

const query = z.object({
  threshold_usd: dollars.optional().describe('replays this instead of what is set'),
  target_usd: dollars.optional(),
  max_per_day: z
    .string({ error: 'expected a whole number' })
    .regex(/^\d{1,3}$/, { error: 'expected a whole number' })
    .optional(),
  max_usd_per_month: z
    .union([z.literal('none'), dollars], { error: `${USD_FORM}, or none` })
    .optional(),
});

const pace = z.object({
  days: z.union([z.literal(7), z.literal(3)]),
  from: time.describe('later where there was no credit before'),
  spent_usd: usd,
  per_day_usd: usd,
  runway: z.object({
    state: z.enum(['lasts', 'no_spending', 'used_up', 'in_debt']),
    until: time.nullable(),
    ends_by: z.enum(['spending', 'expiry']).nullable(),
    days: z.int().nullable().describe('whole days; null where nothing was spent'),
    expires_unused_usd: usd.nullable().describe('what expires before this pace gets to it'),
  }),
});
const replay = z.object({
  threshold_usd: usd,
  target_usd: usd,
  max_per_day: z.int(),
  max_usd_per_month: usd.nullable(),
  from: time,
  to: time,
  spent_usd: usd,
  reloads: z.int(),
  charged_usd: usd.describe('tax included, as on the last purchase'),
  average_balance_usd: usd,
  seconds_at_zero: z.int(),
  refused_usd: usd.describe('of what was spent in truth'),
  held_by: z.array(z.object({ answer: z.enum(ANSWERS), words: z.string(), seconds: z.int() })),
});
const shown = z
  .object({
    type: z.literal('credit_advice'),
    at: time,
    paces: z.array(pace),
    suggestion: z
      .object({
        threshold_usd: usd,
        threshold_reason: z.string(),
        target_usd: usd,
        target_reason: z.string(),
      })
      .nullable(),
    present: replay.describe('the last 30 days with what is set for auto-reload'),
    asked: replay.nullable().describe('the same with what the query says; null if it says nothing'),
  })
  .meta({ id: 'CreditAdvice' });

/** What is left out is as it stands. */
function settingOf(asked: z.infer<typeof query>, standing: Setting): Setting {
  const { threshold_usd, target_usd, max_per_day, max_usd_per_month: month } = asked;
  const amount = (text: string | undefined) => (text === undefined ? undefined : parseUsd(text));
  return {
    threshold: amount(threshold_usd) ?? standing.threshold,
    target: amount(target_usd) ?? standing.target,
    maxPerDay: max_per_day === undefined ? standing.maxPerDay : Number.parseInt(max_per_day, 10),
    maxPerMonth: month === 'none' ? null : (amount(month) ?? standing.maxPerMonth),
  };
}

/** How long the credit lasts, and what a setting of auto-reload would have done. Changes nothing. */
export function creditAdviceRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/credits/advice',
    {
      schema: {
        ...documented('How long the credit lasts, and what auto-reload would have done'),
        querystring: query,
        response: { 200: shown },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const asks = Object.values(request.query).some((value) => value !== undefined);
      const advice = await readAdvice(
        deps.payments,
        organizationId,
        asks ? (standing) => settingOf(request.query, standing) : undefined,
      );
      if (advice.outcome === 'invalid') {
        return refuse(request, reply, 'invalid_request', { message: advice.message });
      }
      return { type: 'credit_advice' as const, ...tellAdvice(advice) };
    },
  );
}
