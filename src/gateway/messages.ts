import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Admission, type AdmissionDeps, admit, checkHeaders } from '#gateway/admit';
import { audienceOf } from '#gateway/audience';
import type { KeyDoor } from '#gateway/auth';
import { clientOf } from '#gateway/client';
import { type Desk, judge } from '#gateway/desk';
import { type Running, runExchange } from '#gateway/exchange';
import { freeCall } from '#gateway/free-call';
import { callerOf, guard, sendRefusal } from '#gateway/guard';
import { hasPrice } from '#gateway/has-price';
import type { InFlight } from '#gateway/in-flight';
import type { RateEntry, RateGate } from '#gateway/rates';
import { type Refused, refused as refusedAs } from '#gateway/refused';
import { askedOf } from '#gateway/repeats';
import type { ReplayRoom } from '#gateway/replay';
import { decodeBody } from '#gateway/request-body';
import type { OwnTurn } from '#gateway/turn';
import type { Turns } from '#gateway/turns';
import { queryOf, upstreamHeaders } from '#gateway/wire';
import { Fault } from '#kernel/assert';
import type { Clock } from '#kernel/clock';
import { parseId, type RequestId } from '#kernel/ids';
import { isObject } from '#kernel/json';
import { parseStrict } from '#metering/strict-json';

export interface MessagesDeps {
  readonly desk: Desk;
  readonly door: KeyDoor;
  readonly admission: AdmissionDeps;
  readonly running: InFlight;
  readonly turns: Turns;
  readonly replayRoom: ReplayRoom;
  /** Absent: no rate limits. */
  readonly rates?: RateGate | undefined;
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
const repeatHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/)
    .optional()
    .describe(
      'Of all requests with one key within 24 hours one is executed and charged. While it runs, ' +
        'others get its answer; afterwards they get 409 with its request id.',
    ),
  'x-stainless-retry-count': z
    .string()
    .optional()
    .describe('Above 0, the answer of the same request whose connection was lost is continued.'),
});
const security = [{ apiKey: [] }, { bearer: [] }];
const empty = Buffer.alloc(0);

// Bodies are read, priced and relayed as the bytes they are; the schemas only describe them.
const describedOnly = () => (value: unknown) => ({ value });

export function registerMessages(app: FastifyInstance, deps: MessagesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('preParsing', decodeBody);
  const onRequest = guard(deps);
  app.post('/v1/messages', {
    onRequest,
    schema: {
      summary: 'Create a message, answered as JSON or as a stream of events',
      tags: ['Messages'],
      security,
      headers: repeatHeaders,
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
  const caller = callerOf(request);
  const wrong = checkHeaders(caller, request.headers);
  if (wrong !== undefined) return refused(deps, request, reply, wrong);
  const place = placeIn(deps.running);
  try {
    const turn = await deps.turns.take({
      caller,
      requestId: requestIdOf(request),
      asked: askedOf(request.raw.url ?? '', request.headers, bodyOf(request)),
      open() {
        reply.hijack();
        return clientOf(reply.raw);
      },
    });
    switch (turn.outcome) {
      case 'refused':
        return refused(deps, request, reply, turn);
      case 'joined':
        // Its client is told the other's id, so only here is it known that there were two.
        request.log.info({ joined: turn.requestId }, 'given the answer of another request');
        await turn.finished;
        return reply;
      case 'own':
        return await ownCall(deps, turn, place, request, reply).finally(turn.end);
    }
  } finally {
    place.leave();
  }
}

/** A paid request among those under way, with its call to the upstream once there is one. */
interface Place {
  readonly finished: Promise<void>;
  exchange: Running | undefined;
  leave(): void;
}

function placeIn(running: InFlight): Place {
  let leave = (): void => {};
  const finished = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const place: Place = { finished, exchange: undefined, leave };
  running.enter({ finished, cut: () => place.exchange?.cut() });
  return place;
}

async function ownCall(
  deps: MessagesDeps,
  turn: OwnTurn,
  place: Place,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { desk } = deps;
  const limits = deps.rates?.entry(callerOf(request), bodyOf(request).length);
  const admission = await admitTurn(deps, turn, request, limits);
  limits?.show(reply.raw);
  if (admission.outcome === 'refused') {
    limits?.meter.used(null);
    return refused(deps, request, reply, admission);
  }
  reply.hijack();
  const client = audienceOf(clientOf(reply.raw), deps.replayRoom);
  const { retryOf } = turn;
  const admitted = { call: admission.call, client, retryOf, meter: limits?.meter };
  if (client.gone) {
    // Nothing was asked of the upstream yet, so there is nothing to read to its end.
    await desk.settlements.release(judge(desk, admitted, { how: 'refused' }, null));
    return reply;
  }
  turn.begin(client, place.finished);
  place.exchange = runExchange(desk, admitted, {
    method: 'POST',
    path: `/v1/messages${queryOf(request.raw.url ?? '')}`,
    headers: upstreamHeaders(request.raw),
    body: bodyOf(request),
  });
  await place.exchange.finished;
  return reply;
}

/** Refuses also where the hold took so long that an Idempotency-Key may be another's by now. */
async function admitTurn(
  deps: MessagesDeps,
  turn: OwnTurn,
  request: FastifyRequest,
  limits: RateEntry | undefined,
): Promise<Admission> {
  const admission = await admit(deps.admission, {
    caller: callerOf(request),
    requestId: requestIdOf(request),
    headers: request.headers,
    body: bodyOf(request),
    at: deps.clock.now(),
    enter: limits?.enter,
  });
  if (admission.outcome === 'admitted') {
    if (turn.valid()) return admission;
    deps.admission.giveBack(admission.call);
  }
  await turn.refused();
  return admission.outcome === 'refused' ? admission : refusedAs('ledger_unavailable');
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
  const limited = await deps.rates?.endpoint('count_tokens', callerOf(request), reply.raw);
  if (limited !== undefined) return refused(deps, request, reply, limited);
  const body = bodyOf(request);
  const model = modelIn(body);
  if (model !== undefined && !(await hasPrice(deps.admission, model, deps.clock.now()))) {
    return refused(deps, request, reply, refusedAs('model_not_priced', `model: ${model}`));
  }
  reply.hijack();
  const client = clientOf(reply.raw);
  const forward = {
    method: 'POST',
    path: `/v1/messages/count_tokens${queryOf(request.raw.url ?? '')}`,
    headers: upstreamHeaders(request.raw),
    model,
    body,
  } as const;
  const finished = freeCall(deps.desk.upstream, forward, client, request.id);
  deps.running.enter({ finished, cut: () => client.breakOff() });
  await finished;
  return reply;
}

/** Undefined where the upstream is left to say what is wrong with the request. */
function modelIn(body: Buffer): string | undefined {
  const parsed = parseStrict(body);
  const value = parsed.outcome === 'invalid' ? undefined : parsed.value;
  return isObject(value) && typeof value.model === 'string' ? value.model : undefined;
}

const bodyOf = (request: FastifyRequest): Buffer =>
  Buffer.isBuffer(request.body) ? request.body : empty;

function requestIdOf(request: FastifyRequest): RequestId {
  const id = parseId('request', request.id);
  if (id === undefined) throw new Fault(`odd request id ${request.id}`);
  return id;
}
