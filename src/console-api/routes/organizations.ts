import type { FastifyRequest } from 'fastify';
import { recordAudit } from '#identity/audit';
import { createOrganization } from '#orgs/organizations';
import { abilitiesOf } from '#orgs/roles';
import {
  createOrganizationRequest,
  type MeResponse,
  meResponse,
  selectOrganizationRequest,
} from '../contract.ts';
import { setSessionCookie } from '../cookie.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { readViewer, signedIn, type Viewer, viewerOf } from '../viewer.ts';

/** One person's organizations: above any honest need, below what a script would make. */
const ORGANIZATIONS_MAX = 20;

function me(deps: ConsoleDeps, viewer: Viewer): MeResponse {
  const { current } = viewer;
  return {
    user: { email: viewer.email },
    organization: current === undefined ? null : { id: current.id, name: current.name },
    role: current?.role ?? null,
    abilities: current === undefined ? [] : abilitiesOf(current.role),
    operator: viewer.operator,
    organizations: viewer.memberships.map((membership) => ({
      id: membership.organizationId,
      name: membership.organizationName,
      role: membership.role,
    })),
    brand: deps.brand,
    simulated: deps.simulated,
    ...(deps.gatewayUrl === undefined ? {} : { gateway_url: deps.gatewayUrl }),
  };
}

/** Who the browser is signed in as, and the organizations it can look at. */
export function organizationRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: signedIn(deps) };

  const meAgain = async (request: FastifyRequest): Promise<MeResponse> =>
    me(deps, (await readViewer(deps, request)) ?? viewerOf(request));

  app.get('/me', { ...guarded, schema: { response: { 200: meResponse } } }, (request, reply) => {
    const viewer = viewerOf(request);
    // The session's end slides with its use, and the cookie's with it.
    setSessionCookie(reply, deps.consoleUrl, viewer.sessionToken);
    return me(deps, viewer);
  });

  app.post(
    '/me/organization',
    { ...guarded, schema: { body: selectOrganizationRequest, response: { 200: meResponse } } },
    async (request, reply) => {
      const viewer = viewerOf(request);
      const wanted = request.body.organization_id;
      const own = viewer.memberships.some((m) => m.organizationId === wanted);
      if (!own) return refuse(reply, 'not_found');
      await deps.identity.selectOrganization(deps.pool, viewer.sessionToken, wanted);
      return await meAgain(request);
    },
  );

  app.post(
    '/organizations',
    { ...guarded, schema: { body: createOrganizationRequest, response: { 200: meResponse } } },
    async (request, reply) => {
      const viewer = viewerOf(request);
      if (viewer.memberships.length >= ORGANIZATIONS_MAX) {
        return refuse(reply, 'too_many_organizations');
      }
      await deps.pool.transaction(async (tx) => {
        const { organizationId } = await createOrganization(tx, deps.entropy, {
          name: request.body.name,
          ownerEmail: viewer.email,
        });
        await deps.identity.selectOrganization(tx, viewer.sessionToken, organizationId);
        await recordAudit(tx, {
          organizationId,
          actor: viewer.userId,
          action: 'organization.create',
          subject: organizationId,
          requestId: request.id,
        });
      });
      return await meAgain(request);
    },
  );
}
