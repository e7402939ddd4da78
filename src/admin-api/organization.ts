import { z } from 'zod';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { recordAudit } from '#identity/audit';
import { readOrganization } from '#orgs/organizations';
import { createWorkspace, listWorkspaces, WORKSPACES_MAX, type Workspace } from '#orgs/workspaces';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';
import { nameText, pageIn, pageOf } from './page.ts';

const organization = z
  .object({ id: z.string(), type: z.literal('organization'), name: z.string() })
  .meta({ id: 'Organization' });

const workspace = z
  .object({
    id: z.string(),
    type: z.literal('workspace'),
    name: z.string(),
    created_at: z.iso.datetime(),
    archived_at: z.null(),
  })
  .meta({ id: 'Workspace' });

const pageQuery = z.object(pageFields).refine(onOneSide, BOTH_SIDES);
const workspaceView = ({ id, name, createdAt }: Workspace): z.infer<typeof workspace> => ({
  ...{ id, type: 'workspace', name, created_at: createdAt.toISOString(), archived_at: null },
});

/** The organization of the key, and what it is divided into. */
export function organizationRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/me',
    {
      schema: {
        ...documented('The organization whose key this is'),
        response: { 200: organization },
      },
    },
    async (request, reply) => {
      const found = await readOrganization(deps.pool, deps.callerOf(request).organizationId);
      if (found === undefined) return refuse(request, reply, 'not_found');
      return { id: found.id, type: 'organization' as const, name: found.name };
    },
  );

  app.get(
    '/workspaces',
    {
      schema: {
        ...documented('The workspaces, the default one first'),
        querystring: pageQuery,
        response: { 200: pageIn(workspace, 'WorkspacePage') },
      },
    },
    async (request, reply) => {
      const all = await listWorkspaces(deps.pool, deps.callerOf(request).organizationId);
      const page = pageOf(all.map(workspaceView), request.query);
      if (page.outcome === 'page') return page.page;
      return refuse(request, reply, 'invalid_request', { message: page.message });
    },
  );

  app.get(
    '/workspaces/:id',
    {
      schema: {
        ...documented('One workspace'),
        params: z.object({ id: z.string() }),
        response: { 200: workspace },
      },
    },
    async (request, reply) => {
      const all = await listWorkspaces(deps.pool, deps.callerOf(request).organizationId);
      const found = all.find(({ id }) => id === request.params.id);
      return found === undefined ? refuse(request, reply, 'not_found') : workspaceView(found);
    },
  );

  app.post(
    '/workspaces',
    {
      schema: {
        ...documented('One more workspace'),
        body: z.object({ name: nameText }),
        response: { 200: workspace },
      },
    },
    async (request, reply) => {
      const { organizationId, apiKeyId } = deps.callerOf(request);
      const { name } = request.body;
      const told = await deps.pool.transaction(async (tx) => {
        const made = await createWorkspace(tx, deps.entropy, { organizationId, name });
        if (made.outcome === 'created') {
          const who = { organizationId, actor: apiKeyId, subject: made.workspace.id };
          await recordAudit(tx, { ...who, action: 'workspace.create', requestId: request.id });
        }
        return made;
      });
      if (told.outcome === 'created') return workspaceView(told.workspace);
      const message = `An organization has at most ${WORKSPACES_MAX} workspaces.`;
      return refuse(request, reply, 'invalid_request', { message });
    },
  );
}
