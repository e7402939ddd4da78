import { z } from 'zod';
import type { Db } from '#db/pool';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { recordAudit } from '#identity/audit';
import {
  type ApiKey,
  changeKey,
  type KeyChange,
  listApiKeys,
  readApiKey,
  renameApiKey,
} from '#orgs/api-keys';
import type { KeyMoveName, KeyStatus } from '#orgs/key-states';
import { readOrganization } from '#orgs/organizations';
import { enableKey, resumeKey } from '#spend-watch/answers';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';
import { nameText, pageIn, pageOf } from './page.ts';

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

const keyQuery = z
  .object({
    ...pageFields,
    status: z.enum(STATUSES, { error: `expected one of ${STATUSES.join(', ')}` }).optional(),
    workspace_id: z.string({ error: 'expected one id' }).optional(),
  })
  .refine(onOneSide, BOTH_SIDES);

/** What a key is to become, and how it gets there. */
const MOVES = {
  active: 'enable',
  inactive: 'disable',
  archived: 'revoke',
} as const satisfies Record<string, KeyMoveName>;
const STATUS_FORM = 'expected active, inactive or archived';
const changes = z.object({
  name: nameText.optional(),
  status: z.enum(['active', 'inactive', 'archived'], { error: STATUS_FORM }).optional(),
});
const byId = z.object({ id: z.string() });

/** The public API knows no pause: such a key opens nothing, and is switched on again as others are. */
const SHOWN = {
  active: 'active',
  inactive: 'inactive',
  paused: 'inactive',
  revoked: 'archived',
  expired: 'expired',
} as const satisfies Record<KeyStatus, (typeof STATUSES)[number]>;

const keyView = (key: ApiKey, defaultWorkspaceId: string | undefined): z.infer<typeof apiKey> => ({
  id: key.id,
  type: 'api_key',
  name: key.name,
  status: SHOWN[key.status],
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

async function moveTo(
  tx: Db,
  status: keyof typeof MOVES,
  who: Omit<Parameters<typeof recordAudit>[1], 'action'> & { readonly organizationId: string },
): Promise<KeyChange> {
  const move = MOVES[status];
  const { organizationId, subject: id } = who;
  const changed = await changeKey(tx, move, { organizationId, id });
  if (changed.outcome === 'done' && changed.moved) {
    await recordAudit(tx, { ...who, action: `api_key.${move}` });
  }
  return changed;
}

/** Keys are made by people and operators: no program can make itself one. */
export function apiKeyRoutes(app: AdminApp, deps: AdminDeps): void {
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

  const shown = async (key: ApiKey) =>
    keyView(key, (await readOrganization(deps.pool, key.organizationId))?.defaultWorkspaceId);

  app.get(
    '/api_keys/:id',
    { schema: { ...documented('One API key'), params: byId, response: { 200: apiKey } } },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const found = await readApiKey(deps.pool, { organizationId, id: request.params.id });
      return found === undefined ? refuse(request, reply, 'not_found') : await shown(found);
    },
  );

  app.post(
    '/api_keys/:id',
    {
      schema: {
        ...documented('Rename a key, switch it off or on, or (archived) end it for good'),
        params: byId,
        body: changes,
        response: { 200: apiKey },
      },
    },
    async (request, reply) => {
      const { organizationId, apiKeyId } = deps.callerOf(request);
      const { id } = request.params;
      const { name, status } = request.body;
      const told = await deps.pool.transaction(async (tx): Promise<KeyChange> => {
        const who = { organizationId, actor: apiKeyId, subject: id, requestId: request.id };
        let key = await readApiKey(tx, { organizationId, id });
        if (key === undefined) return { outcome: 'unknown_key' };
        if (status !== undefined) {
          const letGoOn = key.status === 'paused' ? resumeKey : enableKey;
          const changed =
            status === 'active'
              ? await letGoOn(tx, { organizationId, id }, { by: apiKeyId, requestId: request.id })
              : await moveTo(tx, status, who);
          if (changed.outcome !== 'done') return changed;
          key = changed.key;
        }
        if (name !== undefined && name !== key.name) {
          key = (await renameApiKey(tx, { organizationId, id }, name)) ?? key;
          await recordAudit(tx, { ...who, action: 'api_key.rename' });
        }
        return { outcome: 'done', key, moved: true };
      });
      if (told.outcome === 'done') return await shown(told.key);
      if (told.outcome === 'unknown_key') return refuse(request, reply, 'not_found');
      const state = told.status === 'revoked' ? 'archived for good' : told.status;
      const message = `status: found "${status}", expected none, because the key is ${state}`;
      return refuse(request, reply, 'invalid_request', { message });
    },
  );
}
