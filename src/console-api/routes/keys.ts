import * as z from 'zod/mini';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { type ApiKey, createApiKey, listApiKeys, mayAddKey, revokeApiKey } from '#orgs/api-keys';
import { defaultWorkspaceOf } from '#orgs/organizations';
import {
  type ApiKey as ApiKeyView,
  createKeyRequest,
  createKeyResponse,
  done,
  keyList,
} from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

const view = (key: ApiKey): ApiKeyView => ({
  id: key.id,
  name: key.name,
  hint: key.hint,
  kind: key.kind,
  status: key.status,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
});

/** Screen "API keys". */
export function keyRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'keys.manage') };

  app.get('/keys', { ...guarded, schema: { response: { 200: keyList } } }, async (request) => {
    const keys = await listApiKeys(deps.pool, memberOf(request).organizationId);
    return { data: keys.filter((key) => key.kind === 'workspace').map(view) };
  });

  app.post(
    '/keys',
    { ...guarded, schema: { body: createKeyRequest, response: { 201: createKeyResponse } } },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      if (!(await mayAddKey(deps.pool, organizationId))) return refuse(reply, 'too_many_keys');
      const created = await deps.pool.transaction(async (tx) => {
        const key = await createApiKey(tx, deps, {
          organizationId,
          workspaceId: await defaultWorkspaceOf(tx, organizationId),
          name: request.body.name,
          kind: 'workspace',
          createdBy: userId,
        });
        await recordAudit(tx, {
          organizationId,
          actor: userId,
          action: 'api_key.create',
          subject: key.id,
          requestId: request.id,
        });
        return key;
      });
      return reply.code(201).send(created);
    },
  );

  app.post(
    '/keys/:id/revoke',
    { ...guarded, schema: { params: z.object({ id: z.string() }), response: { 200: done } } },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const revoked = await deps.pool.transaction(async (tx) => {
        const id = parseId('apiKey', request.params.id);
        if (id === undefined) return false;
        // Admin keys are not this screen's: its ability is held by roles that must not end them.
        const key = await revokeApiKey(tx, { organizationId, id, kind: 'workspace' });
        if (key === undefined) return false;
        await recordAudit(tx, {
          organizationId,
          actor: userId,
          action: 'api_key.revoke',
          subject: key.id,
          requestId: request.id,
        });
        return true;
      });
      return revoked ? { ok: true as const } : refuse(reply, 'not_found');
    },
  );
}
