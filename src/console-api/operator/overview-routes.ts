import { findOrganizations } from '#orgs/search';
import { readPurchase } from '#payments/purchases';
import type { Api, ConsoleDeps } from '../deps.ts';
import { readOverview } from './attention.ts';
import { findQuery, findResponse, overviewResponse } from './contract.ts';
import { asOperator } from './guard.ts';

/** More than a person reads; whoever looks for one of many types more of its name. */
const FOUND_MOST = 20;

/** What needs a person now, and the search for an organization. */
export function overviewRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: asOperator(deps) };

  app.get('/operator', { ...guarded, schema: { response: { 200: overviewResponse } } }, () =>
    readOverview(deps),
  );

  app.get(
    '/operator/organizations',
    { ...guarded, schema: { querystring: findQuery, response: { 200: findResponse } } },
    async (request) => {
      const { q } = request.query;
      // A purchase leads to whose it is.
      const purchase = q.startsWith('pur_') ? await readPurchase(deps.pool, q) : undefined;
      const text = purchase?.organizationId ?? q;
      const found = await findOrganizations(deps.pool, text, FOUND_MOST + 1);
      const data = found.slice(0, FOUND_MOST).map(({ id, name, status, emails }) => ({
        ...{ id, name, status },
        emails: [...emails],
      }));
      return { data, more: found.length > FOUND_MOST };
    },
  );
}
