import { z } from 'zod';
import { recordAudit } from '#identity/audit';
import { formatUsd, nanos, parseUsd } from '#kernel/money';
import {
  ANSWER_WORDS,
  DEFAULT_RELOAD,
  type ReloadView,
  readReload,
  saveReloadSettings,
} from '#payments/reload-settings';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const USD_FORM = 'expected US dollars such as "10" or "12.50"';
const dollars = z
  .string({ error: USD_FORM })
  .refine((text) => parseUsd(text) !== undefined, { error: USD_FORM });

/** What is left out stays as it is: to switch it off, say only that. */
const body = z.object({
  enabled: z.boolean({ error: 'expected true or false' }),
  threshold_usd: dollars.optional().describe('below this, credit is bought'),
  target_usd: dollars.optional().describe('up to this, tax apart'),
  max_per_day: z.number({ error: 'expected a whole number' }).optional(),
  max_usd_per_month: dollars.nullable().optional().describe('tax included; null is no bound'),
});
const time = z.iso.datetime();
const shown = z
  .object({
    enabled: z.boolean(),
    threshold_usd: z.string(),
    target_usd: z.string(),
    max_per_day: z.number(),
    max_usd_per_month: z.string().nullable(),
    status: z.enum(['off', 'on', 'paused', 'reloading']),
    paused_reason: z.string().nullable(),
    evaluations: z.array(
      z.object({
        at: time,
        first_at: time.describe('earlier where the same answer was given several times'),
        times: z.number(),
        cause: z.string(),
        outcome: z.string(),
        reason: z.string(),
        counted_usd: z.string().describe('usable grants less debt'),
        pending_usd: z.string(),
        threshold_usd: z.string(),
        purchase_id: z.string().nullable(),
        until: time.nullable().describe('when it is asked again'),
      }),
    ),
  })
  .meta({ id: 'AutoReload' });

function viewOf({ settings, status, paused, evaluations }: ReloadView): z.infer<typeof shown> {
  const { threshold, target, maxPerDay, maxPerMonth } = settings ?? DEFAULT_RELOAD;
  return {
    enabled: settings?.enabled ?? false,
    threshold_usd: formatUsd(threshold),
    target_usd: formatUsd(target),
    max_per_day: maxPerDay,
    max_usd_per_month: maxPerMonth === null ? null : formatUsd(maxPerMonth),
    status,
    paused_reason: paused,
    evaluations: evaluations.map((one) => ({
      at: one.lastAt.toISOString(),
      first_at: one.firstAt.toISOString(),
      times: one.times,
      cause: one.cause,
      outcome: one.outcome,
      reason: ANSWER_WORDS[one.outcome],
      counted_usd: formatUsd(nanos(one.counted)),
      pending_usd: formatUsd(one.pending),
      threshold_usd: formatUsd(one.threshold),
      purchase_id: one.purchaseId,
      until: one.until?.toISOString() ?? null,
    })),
  };
}

/** As it is where nothing is said; the schema has seen that it can be read. */
const amountOf = <Otherwise>(text: string | undefined, otherwise: Otherwise) =>
  text === undefined ? otherwise : (parseUsd(text) ?? otherwise);

/** Credit that is bought by itself: off until it is switched on here or in the Console. */
export function autoReloadRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/auto_reload',
    {
      schema: { ...documented('Auto-reload, and why it did or did not'), response: { 200: shown } },
    },
    async (request) => viewOf(await readReload(deps.pool, deps.callerOf(request).organizationId)),
  );

  app.put(
    '/auto_reload',
    { schema: { ...documented('Set auto-reload'), body, response: { 200: shown } } },
    async (request, reply) => {
      const { organizationId, apiKeyId: actor } = deps.callerOf(request);
      const now = await readReload(deps.pool, organizationId);
      const { threshold, target, maxPerDay, maxPerMonth } = now.settings ?? DEFAULT_RELOAD;
      const { enabled, max_per_day, max_usd_per_month: month } = request.body;
      const settings = {
        enabled,
        threshold: amountOf(request.body.threshold_usd, threshold),
        target: amountOf(request.body.target_usd, target),
        maxPerDay: max_per_day ?? maxPerDay,
        maxPerMonth: month === null ? null : amountOf(month, maxPerMonth),
      };
      const saved = await saveReloadSettings(deps.payments, organizationId, settings, actor);
      if (saved.outcome === 'invalid') {
        return refuse(request, reply, 'invalid_request', { message: saved.message });
      }
      const action = enabled ? 'auto_reload.on' : 'auto_reload.off';
      const audit = { organizationId, actor, action, subject: organizationId } as const;
      await recordAudit(deps.pool, { ...audit, requestId: request.id });
      return viewOf(await readReload(deps.pool, organizationId));
    },
  );
}
