import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AdmissionDeps, admit, checkHeaders } from '#gateway/admit';
import type { KeyDoor } from '#gateway/auth';
import { clientOf } from '#gateway/client';
import { type Desk, judge } from '#gateway/desk';
import { type Running, runExchange } from '#gateway/exchange';
import { freeCall } from '#gateway/free-call';
import { callerOf, guard, sendRefusal } from '#gateway/guard';
import type { InFlight } from '#gateway/in-flight';
import type { Refused } from '#gateway/refused';
import { queryOf, upstreamHeaders } from '#gateway/wire';
import { Fault } from '#kernel/assert';
import type { Clock } from '#kernel/clock';
import { parseId, type RequestId } from '#kernel/ids';

export interface MessagesDeps {
  readonly desk: Desk;
  readonly door: KeyDoor;
  readonly admission: AdmissionDeps;
  readonly running: InFlight;
  readonly clock: Clock;
}

const messageRequest = z
  .looseObject({
    model: z.string(),
    max_tokens: z.int().nonnegative(),
    messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
    stream: z.boolean().optional(),
  })
  .meta({ id: 'MessageRequest' });
const countRequest = messageRequest.omit({ max_tokens: true, stream: true });
const security = [{ apiKey: [] }, { bearer: [] }];
const empty = Buffer.alloc(0);

// Bodies are read, priced and relayed as the bytes they are; the schemas only describe them.
const describedOnly = () => (value: unknown) => ({ value });

export function registerMessages(app: FastifyInstance, deps: MessagesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const onRequest = guard(deps);
  app.post('/v1/messages', {
    onRequest,
    schema: {
      summary: 'Create a message, answered as JSON or as a stream of events',
      tags: ['Messages'],
      security,
      body: messageRequest,
    },
    validatorCompiler: describedOnly,
    handler: (request, reply) => paidCall(deps, request, reply),
  });
  app.post('/v1/messages/count_tokens', {
    onRequest,
    schema: {
      summary: 'Count the tokens of a request; free',
      tags: ['Messages'],
      security,
      body: countRequest,
    },
    validatorCompiler: describedOnly,
    handler: (request, reply) => countTokens(deps, request, reply),
  });
}

async function paidCall(
  deps: MessagesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { desk, running } = deps;
  const requestId = requestIdOf(request);
  let exchange: Running | undefined;
  let leave = (): void => {};
  const finished = new Promise<void>((resolve) => {
    leave = resolve;
  });
  running.enter({ finished, cut: () => exchange?.cut() });
  try {
    const caller = callerOf(request);
    const body = bodyOf(request);
    const { headers } = request;
    const at = deps.clock.now();
    const admission = await admit(deps.admission, { caller, requestId, headers, body, at });
    if (admission.outcome === 'refused') return refused(deps, request, reply, admission);
    reply.hijack();
    const client = clientOf(reply.raw);
    const { call } = admission;
    if (client.gone) {
      // Nothing was asked of the upstream yet, so there is nothing to read to its end.
      await desk.settlements.release(judge(desk, { call, client }, { how: 'refused' }, null));
      return reply;
    }
    exchange = runExchange(
      desk,
      { call, client },
      {
        method: 'POST',
        path: `/v1/messages${queryOf(request.raw.url ?? '')}`,
        headers: upstreamHeaders(request.raw),
        body,
      },
    );
    await exchange.finished;
    return reply;
  } finally {
    leave();
  }
}

function refused(
  deps: MessagesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refused,
): FastifyReply {
  const { code, message, details } = refusal;
  if (code === 'key_revoked' || code === 'key_expired') deps.door.forget(callerOf(request));
  return sendRefusal(request, reply, code, {
    brand: deps.desk.brand,
    ...(message === undefined ? {} : { message }),
    ...(details === undefined ? {} : { details }),
  });
}

async function countTokens(
  deps: MessagesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const wrong = checkHeaders(callerOf(request), request.headers);
  if (wrong !== undefined) return refused(deps, request, reply, wrong);
  reply.hijack();
  const client = clientOf(reply.raw);
  const forward = {
    method: 'POST',
    path: `/v1/messages/count_tokens${queryOf(request.raw.url ?? '')}`,
    headers: upstreamHeaders(request.raw),
    body: bodyOf(request),
  } as const;
  const finished = freeCall(deps.desk.upstream, forward, client, request.id);
  deps.running.enter({ finished, cut: () => client.breakOff() });
  await finished;
  return reply;
}

const bodyOf = (request: FastifyRequest): Buffer =>
  Buffer.isBuffer(request.body) ? request.body : empty;

function requestIdOf(request: FastifyRequest): RequestId {
  const id = parseId('request', request.id);
  if (id === undefined) throw new Fault(`odd request id ${request.id}`);
  return id;
}
