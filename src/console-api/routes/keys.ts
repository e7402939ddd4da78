import * as z from 'zod/mini';
import { readDeployment } from '#db/deployment';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { type ApiKey, changeKey, createApiKey, listApiKeys, mayAddKey } from '#orgs/api-keys';
import { checkKeyEnd, endOfLifetime, isKeyLifetime } from '#orgs/key-expiry';
import type { KeyMoveName } from '#orgs/key-states';
import { defaultWorkspaceOf } from '#orgs/organizations';
import { enableKey, resumeKey } from '#spend-watch/answers';
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

/** The end of a key that is made now; undefined is never. */
function readEnd(text: string, now: Date): Date | undefined | 'wrong' {
  if (isKeyLifetime(text)) return endOfLifetime(text, now);
  const end = new Date(text);
  return checkKeyEnd(end, now) === 'good' ? end : 'wrong';
}

/** Screen "API keys". */
export function keyRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'keys.manage') };

  app.get('/keys', { ...guarded, schema: { response: { 200: keyList } } }, async (request) => {
    const [keys, { now }] = await Promise.all([
      listApiKeys(deps.pool, memberOf(request).organizationId),
      readDeployment(deps.pool),
    ]);
    const data = keys.filter((key) => key.kind === 'workspace').map(view);
    return { data, now: now.toISOString() };
  });

  app.post(
    '/keys',
    { ...guarded, schema: { body: createKeyRequest, response: { 201: createKeyResponse } } },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      if (!(await mayAddKey(deps.pool, organizationId))) return refuse(reply, 'too_many_keys');
      const { name, expires = 'never' } = request.body;
      const { now } = await readDeployment(deps.pool);
      const expiresAt = readEnd(expires, now);
      if (expiresAt === 'wrong') return refuse(reply, 'key_end');
      const created = await deps.pool.transaction(async (tx) => {
        const key = await createApiKey(tx, deps, {
          organizationId,
          workspaceId: await defaultWorkspaceOf(tx, organizationId),
          name,
          kind: 'workspace',
          createdBy: userId,
          ...(expiresAt === undefined ? {} : { expiresAt }),
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

  for (const move of ['disable', 'enable', 'resume', 'revoke'] as const) {
    changeRoute(app, deps, move);
  }
}

type PersonsMove = Exclude<KeyMoveName, 'pause'>;

function changeRoute(app: Api, deps: ConsoleDeps, move: PersonsMove): void {
  app.post(
    `/keys/:id/${move}`,
    {
      onRequest: withAbility(deps, 'keys.manage'),
      schema: { params: z.object({ id: z.string() }), response: { 200: done } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const id = parseId('apiKey', request.params.id);
      if (id === undefined) return refuse(reply, 'not_found');
      const changed = await deps.pool.transaction(async (tx) => {
        // Admin keys are not this screen's: its ability is held by roles that must not end them.
        const choice = { organizationId, id, kind: 'workspace' } as const;
        // What it spent is called usual, and who said so is noted there.
        const answering = { by: userId, requestId: request.id };
        if (move === 'resume') return resumeKey(tx, choice, answering);
        if (move === 'enable') return enableKey(tx, choice, answering);
        const told = await changeKey(tx, move, choice);
        if (told.outcome !== 'done' || !told.moved) return told;
        await recordAudit(tx, {
          organizationId,
          actor: userId,
          action: `api_key.${move}`,
          subject: id,
          requestId: request.id,
        });
        return told;
      });
      if (changed.outcome === 'unknown_key') return refuse(reply, 'not_found');
      return changed.outcome === 'done' ? { ok: true as const } : refuse(reply, 'key_state');
    },
  );
}
