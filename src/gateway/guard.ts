import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Caller, KeyDoor } from '#gateway/auth';
import type { InFlight } from '#gateway/in-flight';
import { type RefusalCode, type RefusalContext, wireError } from '#http/wire-errors';

const CALLER = 'gatewayCaller';

export interface GuardDeps {
  readonly door: KeyDoor;
  readonly running: InFlight;
}

/** Runs before the body is read, so that nobody without a key can make us read one. */
export const guard = (deps: GuardDeps): onRequestAsyncHookHandler =>
  async function authenticate(request, reply) {
    if (deps.running.draining) return sendRefusal(request, reply, 'draining');
    const answer = await deps.door.authenticate(request.headers);
    if (answer.outcome === 'refused') {
      const { code, details } = answer;
      return sendRefusal(request, reply, code, details === undefined ? {} : { details });
    }
    request.setDecorator<Caller>(CALLER, answer.caller);
  };

export const CALLER_DECORATION = CALLER;

/** The caller that `guard` has let through. */
export const callerOf = (request: FastifyRequest): Caller => request.getDecorator<Caller>(CALLER);

export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  code: RefusalCode,
  context: Omit<RefusalContext, 'requestId'> = {},
): FastifyReply {
  const error = wireError(code, { ...context, requestId: request.id });
  return reply.code(error.status).headers(error.headers).send(error.body);
}
