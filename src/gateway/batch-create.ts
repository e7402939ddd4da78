import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  acceptPrepared,
  type CreateDeps,
  dropPrepared,
  type Prepared,
  type PreparedBatch,
  prepareBatch,
} from '#batches/create';
import { type BatchDesk, sendRefused, urlOf } from '#gateway/batch-desk';
import { askWhole, BATCHES_PATH, batchIn, type WholeAnswer } from '#gateway/batch-upstream';
import { shownBatch } from '#gateway/batch-view';
import { callerOf, sendRefusal } from '#gateway/guard';
import { type Refused, refused, refusedBound, refusedHold } from '#gateway/refused';
import { clientHeaders, queryOf, upstreamHeaders } from '#gateway/wire';
import { REFUSALS } from '#http/wire-errors';

const empty = Buffer.alloc(0);

/** Holds the worst case of every item, then sends the batch on, as the bytes that came. */
export async function createBatch(desk: BatchDesk, request: FastifyRequest, reply: FastifyReply) {
  const caller = callerOf(request);
  if (request.headers['idempotency-key'] !== undefined) {
    // To pass over it would be to promise what it asks for.
    const why = 'Idempotency-Key: not known for batches; leave it out.';
    return sendRefused(desk, request, reply, refused('invalid_request', why));
  }
  const body = Buffer.isBuffer(request.body) ? request.body : empty;
  const deps: CreateDeps = {
    ...desk,
    refusesModel: (model) => desk.breaker.open(model),
    onFailure: (error) => desk.log.error({ err: error }, 'batch: the store did not take it'),
  };
  const { organizationId, workspaceId, apiKeyId } = caller;
  const prepared = await prepareBatch(deps, { organizationId, workspaceId, apiKeyId }, body);
  if (prepared.outcome !== 'prepared') {
    return sendRefused(desk, request, reply, refusalOf(desk, prepared));
  }
  const { batch } = prepared;
  const answer = await askWhole(desk.upstream, {
    method: 'POST',
    path: `${BATCHES_PATH}${queryOf(request.raw.url ?? '')}`,
    headers: upstreamHeaders(request.raw),
    body,
  });
  const seen = batchIn(answer);
  if (seen === undefined)
    return await notTaken({ ...desk, ...deps }, request, reply, batch, answer);
  const accepted = await acceptPrepared({ ...deps, upstream: desk.settling.upstream }, batch, seen);
  if (accepted === undefined) return sendRefusal(request, reply, 'ledger_unavailable');
  return shownBatch(accepted, urlOf(desk, request));
}

async function notTaken(
  desk: BatchDesk & CreateDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  batch: PreparedBatch,
  answer: WholeAnswer,
): Promise<FastifyReply> {
  const said = answer.outcome === 'answered' && answer.status >= 400;
  if (!said && !(answer.outcome === 'failed' && answer.code === 'upstream_misconfigured')) {
    desk.log.error({ batch: batch.id }, 'batch: it may run upstream, and nobody is charged for it');
  }
  await dropPrepared(desk, batch, said ? 'S6' : 'S8');
  if (answer.outcome === 'failed') return sendRefusal(request, reply, answer.code);
  if (!said) return sendRefusal(request, reply, 'upstream_malformed');
  return reply
    .code(answer.status)
    .headers(clientHeaders(answer.headers, request.id))
    .send(answer.body.toString('utf8'));
}

function refusalOf(desk: BatchDesk, prepared: Exclude<Prepared, { outcome: 'prepared' }>): Refused {
  switch (prepared.outcome) {
    case 'invalid':
      return refused('invalid_request', prepared.message);
    case 'too_many':
      return refused('request_too_large', prepared.message);
    case 'unpriced': {
      const refusal = refusedBound(prepared.why);
      const message = refusal.message ?? REFUSALS[refusal.code].message;
      return { ...refusal, message: `requests.${prepared.number}.params.${message}` };
    }
    case 'model_refused':
      return refused('upstream_usage_unreliable');
    case 'not_held':
      return refusedHold(prepared.why, desk.billingUrl);
  }
}
