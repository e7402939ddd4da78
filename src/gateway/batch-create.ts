import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type Asked,
  acceptPrepared,
  type CreateDeps,
  dropPrepared,
  type NamedCheck,
  type Prepared,
  type PreparedBatch,
  prepareBatch,
} from '#batches/create';
import { type CreationClaim, claimCreation, releaseCreation } from '#batches/creation-keys';
import { findBatch } from '#batches/records';
import { type BatchDesk, sendRefused, urlOf } from '#gateway/batch-desk';
import {
  askWhole,
  BATCHES_PATH,
  batchIn,
  batchUpstream,
  type WholeAnswer,
} from '#gateway/batch-upstream';
import { shownBatch } from '#gateway/batch-view';
import { callerOf, sendRefusal } from '#gateway/guard';
import { mayName, namedIn, nothingNamed } from '#gateway/named-things';
import { foreignOf } from '#gateway/owned-things';
import { type Refused, refused, refusedBound, refusedHold } from '#gateway/refused';
import { headOf, idempotencyKeyOf, KEY_HEADER } from '#gateway/repeats';
import type { NamedUpstream } from '#gateway/upstream-pool';
import { clientHeaders, queryOf, upstreamHeaders } from '#gateway/wire';
import { REFUSALS } from '#http/wire-errors';
import { newId } from '#kernel/ids';

const empty = Buffer.alloc(0);
const bodyOf = ({ body }: FastifyRequest): Buffer => (Buffer.isBuffer(body) ? body : empty);

type CreationDesk = BatchDesk & CreateDeps;

/**
 * Holds the worst case of every item, then sends the batch on, as the bytes that came. Of all
 * creations with one Idempotency-Key one is executed; the others are shown what came of it.
 */
export async function createBatch(
  batches: BatchDesk,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const desk: CreationDesk = {
    ...batches,
    refusesModel: (model) => batches.breaker.open(model),
    onFailure: (error) => batches.log.error({ err: error }, 'batch: the store did not take it'),
  };
  const key = idempotencyKeyOf(request.headers);
  const at = desk.fleet.at();
  if (at === undefined) return sendRefusal(request, reply, 'upstream_unreachable');
  if (key === undefined) return await executed(desk, request, reply, at, undefined);
  if (key === null) {
    const why = `${KEY_HEADER}: must be 1 to 255 printable characters`;
    return sendRefused(desk, request, reply, refused('invalid_request', why));
  }
  const { organizationId, apiKeyId } = callerOf(request);
  const asked = await digestOf(request);
  const claim = { organizationId, apiKeyId, key, asked, batchId: newId('batch', desk.entropy) };
  const claimed = await claimCreation(desk.pool, claim).catch((error: unknown) => {
    desk.onFailure(error);
    return undefined;
  });
  if (claimed === undefined) return sendRefusal(request, reply, 'ledger_unavailable');
  switch (claimed.outcome) {
    case 'claimed':
      return await executed(desk, request, reply, at, claim);
    case 'made':
      return await again(desk, request, reply, claimed.batchId);
    default:
      return sendRefusal(request, reply, `idempotency_${claimed.outcome}`);
  }
}

/** What was made under the key before, as it stands now. */
async function again(desk: BatchDesk, request: FastifyRequest, reply: FastifyReply, id: string) {
  const made = await findBatch(desk.pool, callerOf(request), id);
  if (made === undefined) return sendRefusal(request, reply, 'idempotency_finished');
  return shownBatch(made, urlOf(desk, request));
}

const HASHED_AT_ONCE = 8_388_608;

/** Of all that decides whether two creations ask the same. In turns: a body may be very large. */
async function digestOf(request: FastifyRequest): Promise<Buffer> {
  const body = bodyOf(request);
  const digest = createHash('sha256').update(headOf(request.raw.url ?? '', request.headers));
  digest.update('\0');
  for (let from = 0; from < body.length; from += HASHED_AT_ONCE) {
    digest.update(body.subarray(from, from + HASHED_AT_ONCE));
    await new Promise(setImmediate);
  }
  return digest.digest();
}

async function executed(
  desk: CreationDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  at: NamedUpstream,
  claim: CreationClaim | undefined,
) {
  const { organizationId, workspaceId, apiKeyId } = callerOf(request);
  const owner = { organizationId, workspaceId, apiKeyId };
  const named = namedCheck(desk, owner);
  const asked: Asked = { owner, body: bodyOf(request), upstream: at.name, claim, named };
  const prepared = await prepareBatch(desk, asked);
  if (prepared.outcome === 'prepared') return await sent(desk, request, reply, at, prepared.batch);
  // Nothing came of it. If this fails, the key is free by itself in a minute.
  if (claim !== undefined) await releaseCreation(desk.pool, claim).catch(desk.onFailure);
  return sendRefused(desk, request, reply, refusalOf(desk, prepared));
}

function namedCheck(desk: BatchDesk, owner: Asked['owner']): NamedCheck {
  const named = nothingNamed();
  return {
    read({ bytes, params }) {
      if (mayName(bytes)) namedIn(params, named);
    },
    foreign: () => foreignOf(desk.things, owner, named),
  };
}

async function sent(
  desk: CreationDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  { upstream }: NamedUpstream,
  batch: PreparedBatch,
) {
  const answer = await askWhole(upstream, {
    method: 'POST',
    path: `${BATCHES_PATH}${queryOf(request.raw.url ?? '')}`,
    headers: upstreamHeaders(request.raw),
    body: bodyOf(request),
  });
  const seen = batchIn(answer);
  if (seen === undefined) return await notTaken(desk, request, reply, batch, answer);
  const accepted = await acceptPrepared(
    { ...desk, upstream: batchUpstream(upstream) },
    batch,
    seen,
  );
  if (accepted === undefined) return sendRefusal(request, reply, 'ledger_unavailable');
  return shownBatch(accepted, urlOf(desk, request));
}

async function notTaken(
  desk: CreationDesk,
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
    case 'foreign':
      return refused('not_found', prepared.what);
    case 'overtaken':
      return refused('idempotency_in_flight');
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
