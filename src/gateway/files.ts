import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { checkHeaders } from '#gateway/admit';
import { clientOf } from '#gateway/client';
import { FILE_ID, type FilesOf, listFiles, PAGE_MAX } from '#gateway/file-list';
import { answered, callOf, jsonOf, relayContent, show } from '#gateway/file-relay';
import { FILE_BYTES_MAX, passing } from '#gateway/file-upload';
import { callerOf, type GuardDeps, guard, sendRefusal } from '#gateway/guard';
import { STORE_MS, within } from '#gateway/in-time';
import { queryOf, upstreamHeaders } from '#gateway/wire';
import { isObject } from '#kernel/json';
import { isCount } from '#metering/wire';

export type FilesDeps = GuardDeps & FilesOf;

const empty = Buffer.alloc(0);
const security = [{ apiKey: [] }, { bearer: [] }];
const tags = ['Files'];
const one = z.object({ id: z.string() });
const ids = z.union([z.string(), z.array(z.string()).max(PAGE_MAX)]).optional();
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(20),
  page: z.string().optional(),
  // Client libraries repeat the name with brackets.
  'ids[]': ids,
  ids,
});

/**
 * Files are kept by the upstream, in the operator's account; whose each is, is known here. Requests
 * and answers pass through; what is not the caller's is not there.
 */
export function registerFiles(app: FastifyInstance, deps: FilesDeps): void {
  const onRequest = [guard(deps), admitted];
  const typed = app.withTypeProvider<ZodTypeProvider>();
  app.register(async (scope) => {
    // An upload goes up while it comes: it is neither parsed nor kept.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.post('/v1/files', {
      onRequest,
      bodyLimit: FILE_BYTES_MAX,
      schema: { summary: 'Upload a file; free', tags, security, consumes: ['multipart/form-data'] },
      handler: (request, reply) => tracked(deps, upload(deps, request, reply)),
    });
  });
  typed.get('/v1/files', {
    onRequest,
    schema: { summary: 'List the files of the workspace', tags, security, querystring: pageQuery },
    handler: (request, reply) => tracked(deps, listFiles(deps, request, reply, request.query)),
  });
  for (const [method, summary] of [
    ['GET', 'Describe a file'],
    ['DELETE', 'Delete a file'],
  ] as const) {
    typed.route({
      method,
      url: '/v1/files/:id',
      onRequest,
      schema: { summary, tags, security, params: one },
      handler: (request, reply) =>
        tracked(deps, onFile(deps, method, request, reply, request.params.id)),
    });
  }
  typed.get('/v1/files/:id/content', {
    onRequest,
    exposeHeadRoute: false,
    schema: { summary: 'Download a file that a tool has made', tags, security, params: one },
    handler: (request, reply) => content(deps, request, reply, request.params.id),
  });
}

/** Before anything of the body is read. */
async function admitted(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const wrong = checkHeaders(callerOf(request), request.headers);
  return wrong === undefined ? undefined : sendRefusal(request, reply, wrong.code);
}

/** A process that is to end waits for it. */
function tracked<T>({ running }: FilesDeps, work: Promise<T>): Promise<T> {
  const finished = work.then(
    () => {},
    () => {},
  );
  running.enter({ finished, cut() {} });
  return work;
}

async function upload(
  deps: FilesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = callerOf(request);
  const { raw, headers } = request;
  const declared = Number.parseInt(headers['content-length'] ?? '0', 10);
  const room = await within(deps.owners.mayStore(caller, declared), STORE_MS).catch(
    () => undefined,
  );
  if (room === undefined) return sendRefusal(request, reply, 'ledger_unavailable');
  if (!room) return sendRefusal(request, reply, 'storage_quota_exceeded');
  const { body: payload } = request;
  if (!(payload instanceof Readable)) {
    return sendRefusal(request, reply, 'invalid_request', { message: 'file: Field required' });
  }
  const passed = passing(payload);
  // What comes as it was encoded has the length it came with.
  const length = payload === raw && declared > 0 ? ['content-length', String(declared)] : [];
  const answer = await answered(deps.upstream, {
    method: 'POST',
    path: `/v1/files${queryOf(raw.url ?? '')}`,
    headers: [...upstreamHeaders(raw), ...length],
    body: empty,
    stream: passed.body,
  });
  if (passed.tooLarge) return sendRefusal(request, reply, 'request_too_large');
  const file = answer.outcome === 'answered' && answer.status === 200 ? fileIn(answer.body) : null;
  if (file === null) return show(request, reply, answer);
  const kept = await within(deps.owners.record(caller, file), STORE_MS).then(
    () => true,
    () => false,
  );
  if (kept) return show(request, reply, answer);
  // Nobody could ever reach it again.
  void answered(deps.upstream, callOf(request, 'DELETE', `/v1/files/${file.id}`));
  return sendRefusal(request, reply, 'ledger_unavailable');
}

async function onFile(
  deps: FilesDeps,
  method: 'GET' | 'DELETE',
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<FastifyReply> {
  const missing = await notTheirs(deps, request, id);
  if (missing !== undefined) return sendRefusal(request, reply, missing);
  const answer = await answered(deps.upstream, callOf(request, method, `/v1/files/${id}`));
  const gone = answer.outcome === 'answered' && [200, 404].includes(answer.status);
  // Kept after all, it is a name without a file: the upstream says 404 for it from now on.
  if (method === 'DELETE' && gone) await deps.owners.forget(callerOf(request), id).catch(() => {});
  return show(request, reply, answer);
}

async function content(
  deps: FilesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<FastifyReply> {
  const missing = await notTheirs(deps, request, id);
  if (missing !== undefined) return sendRefusal(request, reply, missing);
  reply.hijack();
  const client = clientOf(reply.raw);
  const call = callOf(request, 'GET', `/v1/files/${id}/content`);
  const finished = relayContent(deps.upstream, call, client, request.id);
  deps.running.enter({ finished, cut: () => client.breakOff() });
  await finished;
  return reply;
}

async function notTheirs(
  { owners }: FilesDeps,
  request: FastifyRequest,
  id: string,
): Promise<'not_found' | 'ledger_unavailable' | undefined> {
  if (!FILE_ID.test(id)) return 'not_found';
  const owned = await within(owners.owned(callerOf(request), [id]), STORE_MS).catch(() => null);
  if (owned === null) return 'ledger_unavailable';
  return owned.has(id) ? undefined : 'not_found';
}

/** Null if the upstream's answer does not say which file it made. */
function fileIn(body: Buffer) {
  const told = jsonOf(body);
  if (!isObject(told) || typeof told.id !== 'string' || !FILE_ID.test(told.id)) return null;
  const expires = typeof told.expires_at === 'string' ? new Date(told.expires_at) : null;
  return {
    id: told.id,
    sizeBytes: isCount(told.size_bytes) ? told.size_bytes : 0,
    expiresAt: expires === null || Number.isNaN(expires.getTime()) ? null : expires,
  };
}
