import { recordAudit } from '#identity/audit';
import { formatUsd, type NanoUsd, nanos, parseUsd } from '#kernel/money';
import { RELOAD_CONSENT } from '#payments/card-consent';
import { isOurs } from '#payments/reload-owner';
import {
  ANSWER_WORDS,
  DEFAULT_RELOAD,
  type Invalid,
  PAUSE_WORDS,
  type ReloadView,
  readReload,
  saveReloadSettings,
} from '#payments/reload-settings';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { type ReloadResponse, reloadRequest, reloadResponse } from '../reload/contract.ts';
import { memberOf, withAbility } from '../viewer.ts';

function viewOf(deps: ConsoleDeps, view: ReloadView): ReloadResponse {
  const { settings, status, paused, checking, evaluations } = view;
  const { threshold, target, maxPerDay, maxPerMonth } = settings ?? DEFAULT_RELOAD;
  const { consentAt = null, consentBy = null } = settings ?? {};
  return {
    enabled: settings?.enabled ?? false,
    status,
    checking,
    elsewhere: settings?.enabled === true && !isOurs(deps.payments, settings),
    paused_reason: paused,
    paused_words: paused === null ? null : PAUSE_WORDS[paused],
    threshold_usd: formatUsd(nanos(threshold)),
    target_usd: formatUsd(nanos(target)),
    max_per_day: maxPerDay,
    max_usd_per_month: maxPerMonth === null ? null : formatUsd(nanos(maxPerMonth)),
    agreed:
      consentAt === null || consentBy === null
        ? null
        : { at: consentAt.toISOString(), by: consentBy },
    consent: { ...RELOAD_CONSENT },
    evaluations: evaluations.map((one) => ({
      at: one.lastAt.toISOString(),
      first_at: one.firstAt.toISOString(),
      times: one.times,
      answer: one.outcome,
      words: ANSWER_WORDS[one.outcome],
      counted_usd: formatUsd(nanos(one.counted)),
      threshold_usd: formatUsd(nanos(one.threshold)),
      purchase_id: one.purchaseId,
      until: one.until?.toISOString() ?? null,
    })),
  };
}

const unreadable = (field: Invalid['field']): { field: string; message: string } => ({
  field,
  message: 'Enter an amount in US dollars, such as 25.',
});

/** Auto-reload: what is set, how it does, and why it did or did not buy. */
export function autoReloadRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/auto-reload',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { response: { 200: reloadResponse } },
    },
    async (request) => viewOf(deps, await readReload(deps.pool, memberOf(request).organizationId)),
  );

  app.post(
    '/auto-reload',
    {
      onRequest: withAbility(deps, 'billing.buy'),
      schema: { body: reloadRequest, response: { 200: reloadResponse } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const { body } = request;
      const threshold = parseUsd(body.threshold_usd);
      const target = parseUsd(body.target_usd);
      const maxPerMonth = optionalUsd(body.max_usd_per_month);
      if (threshold === undefined) {
        return refuse(reply, 'reload_invalid', unreadable('threshold_usd'));
      }
      if (target === undefined) return refuse(reply, 'reload_invalid', unreadable('target_usd'));
      if (maxPerMonth === undefined) {
        return refuse(reply, 'reload_invalid', unreadable('max_usd_per_month'));
      }
      const before = await readReload(deps.pool, organizationId);
      const switchedOn = body.enabled && before.settings?.enabled !== true;
      if (switchedOn && body.consent_version !== RELOAD_CONSENT.version) {
        return refuse(reply, 'consent_outdated');
      }
      const { enabled, max_per_day: maxPerDay } = body;
      const settings = { enabled, threshold, target, maxPerDay, maxPerMonth };
      const saved = await saveReloadSettings(deps.payments, organizationId, settings, userId);
      if (saved.outcome === 'invalid') {
        return refuse(reply, 'reload_invalid', { field: saved.field, message: saved.message });
      }
      await recordAudit(deps.pool, {
        organizationId,
        actor: userId,
        action: enabled ? 'auto_reload.on' : 'auto_reload.off',
        subject: organizationId,
        requestId: request.id,
      });
      return viewOf(deps, await readReload(deps.pool, organizationId));
    },
  );
}

/** Null is no bound; undefined is no amount. */
const optionalUsd = (text: string | null): NanoUsd | null | undefined =>
  text === null || text === '' ? null : parseUsd(text);
