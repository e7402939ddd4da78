import { readAdvice, type Setting } from '#advice/advice';
import { tellAdvice } from '#advice/told';
import { parseUsd } from '#kernel/money';
import { type AskedSetting, adviceRequest, adviceResponse } from '../advice/contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

/** Undefined where an amount cannot be read: nothing can be replayed with it. */
function settingOf(typed: AskedSetting): Setting | undefined {
  const threshold = parseUsd(typed.threshold_usd);
  const target = parseUsd(typed.target_usd);
  const month = typed.max_usd_per_month;
  const maxPerMonth = month === null || month === '' ? null : parseUsd(month);
  if (threshold === undefined || target === undefined || maxPerMonth === undefined) {
    return undefined;
  }
  return { threshold, target, maxPerDay: typed.max_per_day, maxPerMonth };
}

/** How long the credit lasts, what to set, and what a setting would have done. Changes nothing. */
export function creditAdviceRoutes(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/auto-reload/advice',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { body: adviceRequest, response: { 200: adviceResponse } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const { setting: typed } = request.body;
      const setting = typed && settingOf(typed);
      if (typed !== undefined && setting === undefined) return refuse(reply, 'reload_invalid');
      const ask = setting && (() => setting);
      const advice = await readAdvice(deps.payments, organizationId, ask);
      if (advice.outcome === 'invalid') {
        return refuse(reply, 'reload_invalid', { field: advice.field, message: advice.message });
      }
      return tellAdvice(advice);
    },
  );
}
