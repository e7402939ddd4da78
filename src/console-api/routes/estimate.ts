import { readPrices } from '#catalog/live';
import { formatUsd, parseUsd } from '#kernel/money';
import { readMix } from '#metering/mix';
import { worthAtOwnMix, worthAtPlan } from '#pricing/purchasing-power';
import { estimateRequest, estimateResponse } from '../billing/contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

/** What an amount would buy: of what this organization does, and of what it plans to do. */
export function estimateRoutes(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/billing/estimate',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { body: estimateRequest, response: { 200: estimateResponse } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const amount = parseUsd(request.body.amount_usd);
      if (amount === undefined || amount < 0n) return refuse(reply, 'amount_invalid');
      const [mix, { prices, now: at }] = await Promise.all([
        readMix(deps.pool, organizationId),
        readPrices(deps.pool),
      ]);
      const { book } = prices;
      const own = worthAtOwnMix(amount, mix);
      const { planned } = request.body;
      const plan =
        planned === undefined
          ? undefined
          : worthAtPlan(
              amount,
              {
                model: planned.model,
                inputTokens: planned.input_tokens,
                outputTokens: planned.output_tokens,
              },
              { book, terms: prices.termsOf(organizationId), at },
            );
      return {
        own:
          own === undefined
            ? null
            : {
                requests: own.requests.toString(),
                days: own.days.toString(),
                charged_usd: formatUsd(mix.charged),
                charged_requests: mix.requests.toString(),
                models: mix.models.map((one) => ({
                  model: one.model,
                  requests: one.requests.toString(),
                  charged_usd: formatUsd(one.charged),
                })),
              },
        planned: plan === undefined ? null : planView(plan),
        models: [...book.models(at)]
          .sort((a, b) => b.releasedAt.getTime() - a.releasedAt.getTime())
          .map(({ model, displayName }) => ({ id: model, name: displayName })),
      };
    },
  );
}

function planView(plan: ReturnType<typeof worthAtPlan>) {
  switch (plan.outcome) {
    case 'model_not_priced':
      return { each_usd: null, requests: null, priced: false };
    case 'free':
      return { each_usd: '0', requests: null, priced: true };
    case 'estimated':
      return {
        each_usd: formatUsd(plan.each),
        requests: plan.requests.toString(),
        priced: true,
      };
  }
}
