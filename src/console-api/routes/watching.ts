import { may } from '#orgs/roles';
import { tellWatching } from '#watching/told';
import { readWatching } from '#watching/watching';
import type { Api, ConsoleDeps } from '../deps.ts';
import { memberOf, viewerOf, withAbility } from '../viewer.ts';
import { watchingResponse } from '../watching/contract.ts';

/** Who looks after the credit. Whoever sees billing may read it; names are for who sees members. */
export function watchingRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/billing/watching',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { response: { 200: watchingResponse } },
    },
    async (request) => {
      const { current, email } = viewerOf(request);
      const seesMembers = current !== undefined && may(current.role, 'members.manage');
      const answers = await readWatching(deps, memberOf(request).organizationId);
      return tellWatching(answers, { email, seesMembers });
    },
  );
}
