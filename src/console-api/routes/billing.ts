import { Readable } from 'node:stream';
import { formatUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { exportStatement } from '#ledger/export';
import { readStatement } from '#ledger/statement';
import { webhooksAreSilent } from '#payments/alarms';
import { debtNotice } from '#payments/debt-words';
import { purchaseBounds } from '#payments/purchase-bounds';
import { PURCHASE_CONSENT } from '#payments/purchase-consent';
import { viewPurchase } from '#payments/purchase-view';
import { findOpenPurchase } from '#payments/purchases';
import { balanceView, historyLineView } from '../billing-view.ts';
import { billingResponse, historyQuery, historyResponse } from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { memberOf, withAbility } from '../viewer.ts';

const HISTORY_PAGE = 50;

/** Screen "Billing": what there is and how it came to be. */
export function billingRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'billing.view') };

  app.get(
    '/billing',
    { ...guarded, schema: { response: { 200: billingResponse } } },
    async (request) => {
      const { organizationId } = memberOf(request);
      const [balance, open, silent, bounds] = await Promise.all([
        readBalance(deps.pool, organizationId),
        findOpenPurchase(deps.pool, organizationId),
        webhooksAreSilent(deps.payments),
        purchaseBounds(deps.payments, organizationId),
      ]);
      const view = open === undefined ? null : await viewPurchase(deps.pool, open);
      return {
        ...balanceView(balance),
        debt_notice: debtNotice(balance.debt),
        open_purchase: view === null ? null : { ...view, timeline: [...view.timeline] },
        webhooks_silent: silent,
        limits: {
          minimum_usd: formatUsd(bounds.minimum),
          maximum_usd: formatUsd(bounds.maximum),
        },
        card_consent: { ...PURCHASE_CONSENT },
      };
    },
  );

  app.get(
    '/billing/history',
    { ...guarded, schema: { querystring: historyQuery, response: { 200: historyResponse } } },
    async (request) => {
      const { before } = request.query;
      const page = await readStatement(deps.pool, memberOf(request).organizationId, {
        limit: HISTORY_PAGE,
        ...(before === undefined ? {} : { before }),
      });
      return { data: page.lines.map(historyLineView), has_more: page.hasMore };
    },
  );

  app.get(
    '/billing/history.csv',
    {
      ...guarded,
      schema: { description: 'Every line of the statement, oldest first (text/csv).' },
    },
    (request, reply) => {
      const { organizationId } = memberOf(request);
      const lines = exportStatement(deps.pool, { organizationId, format: 'csv', by: 'effective' });
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="statement.csv"')
        .send(Readable.from(lines));
    },
  );
}
