import { z } from 'zod';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { type ApiKey, listApiKeys } from '#orgs/api-keys';
import { readOrganization } from '#orgs/organizations';
import { listWorkspaces, type Workspace } from '#orgs/workspaces';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';
import { pageOf } from './page.ts';

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

const STATUSES = ['active', 'inactive', 'archived', 'expired'] as const;
const apiKey = z
  .object({
    id: z.string(),
    type: z.literal('api_key'),
    name: z.string(),
    status: z.enum(STATUSES).describe('archived: revoked for good'),
    partial_key_hint: z.string(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    scope: z.discriminatedUnion('type', [
      z.object({ type: z.literal('workspace'), workspace_id: z.string() }),
      z.object({ type: z.literal('organization') }),
    ]),
    workspace_id: z.string().nullable().describe('deprecated: null for the default workspace'),
  })
  .meta({ id: 'ApiKey' });

const pageQuery = z.object(pageFields).refine(onOneSide, BOTH_SIDES);
const keyQuery = z
  .object({
    ...pageFields,
    status: z.enum(STATUSES, { error: `expected one of ${STATUSES.join(', ')}` }).optional(),
    workspace_id: z.string({ error: 'expected one id' }).optional(),
  })
  .refine(onOneSide, BOTH_SIDES);

const pageIn = <T extends z.ZodType>(item: T, id: string) =>
  z
    .object({
      data: z.array(item),
      has_more: z.boolean(),
      first_id: z.string().nullable(),
      last_id: z.string().nullable(),
    })
    .meta({ id });

const workspaceView = ({ id, name, createdAt }: Workspace): z.infer<typeof workspace> => ({
  ...{ id, type: 'workspace', name, created_at: createdAt.toISOString(), archived_at: null },
});

const keyView = (key: ApiKey, defaultWorkspaceId: string | undefined): z.infer<typeof apiKey> => ({
  id: key.id,
  type: 'api_key',
  name: key.name,
  status: key.status === 'revoked' ? 'archived' : key.status,
  partial_key_hint: key.hint,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
  scope:
    key.kind === 'admin'
      ? { type: 'organization' }
      : { type: 'workspace', workspace_id: key.workspaceId },
  workspace_id:
    key.kind === 'admin' || key.workspaceId === defaultWorkspaceId ? null : key.workspaceId,
});

/** The organization of the key, what it is divided into, and its keys. */
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
    '/api_keys',
    {
      schema: {
        ...documented('The API keys, newest first; never their text'),
        querystring: keyQuery,
        response: { 200: pageIn(apiKey, 'ApiKeyPage') },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { status, workspace_id: workspaceId } = request.query;
      const [keys, found] = await Promise.all([
        listApiKeys(deps.pool, organizationId),
        readOrganization(deps.pool, organizationId),
      ]);
      const shown = keys
        .filter((key) => workspaceId === undefined || key.workspaceId === workspaceId)
        .map((key) => keyView(key, found?.defaultWorkspaceId))
        .filter((key) => status === undefined || key.status === status);
      const page = pageOf(shown, request.query);
      if (page.outcome === 'page') return page.page;
      return refuse(request, reply, 'invalid_request', { message: page.message });
    },
  );
}
