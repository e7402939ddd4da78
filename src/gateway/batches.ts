import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { keepBatches, refreshed, SETTLING_SECONDS } from '#batches/keep';
import { type Batch, deleteBatch, findBatch, listBatches, noteBatch } from '#batches/records';
import { type SettleDeps, settleBatch } from '#batches/settle';
import { pricesAt } from '#catalog/live';
import { checkHeaders } from '#gateway/admit';
import { createBatch } from '#gateway/batch-create';
import {
  type BatchDesk,
  type BatchesDeps,
  sendRefused,
  upstreamFor,
  urlOf,
} from '#gateway/batch-desk';
import { sendResults, UNSETTLED } from '#gateway/batch-results';
import {
  askAbout,
  BATCHES_PATH,
  batchIn,
  batchUpstream,
  type WholeAnswer,
} from '#gateway/batch-upstream';
import {
  creationHeaders,
  deletedMessageBatch,
  hasResults,
  messageBatch,
  messageBatchPage,
  messageBatchRequest,
  shownBatch,
} from '#gateway/batch-view';
import { bodyRoom } from '#gateway/body-room';
import { callerOf, guard, sendRefusal } from '#gateway/guard';
import { receiveInOnePiece } from '#gateway/large-body';
import { madeIn } from '#gateway/made-things';
import { clientHeaders } from '#gateway/wire';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { isObject } from '#kernel/json';

/** The largest creation the public API takes: 256 MB. */
const BODY_BYTES_MAX = 268_435_456;
/** Of all creations that are under way in this process: four of the largest. */
const BODIES_BYTES_MAX = 4 * BODY_BYTES_MAX;
const tags = ['Message batches'];
const security = [{ apiKey: [] }, { bearer: [] }];
const idParams = z.object({ id: z.string() });
const pageQuery = z.object(pageFields).refine(onOneSide, BOTH_SIDES);

/** Message batches; the answer looks after all that are due, and is to be called again and again. */
export function registerBatches(app: FastifyInstance, deps: BatchesDeps): () => Promise<void> {
  const settling: SettleDeps = {
    pool: deps.pool,
    charging: deps.charging,
    upstreamOf(batch) {
      const found = deps.fleet.at(batch.upstream);
      return found && batchUpstream(found.upstream);
    },
    pricesOf: (batch) => pricesAt(deps.pool, batch.organizationId, batch.priceEpoch),
    alarm: ({ id }, what, details) => deps.log.error({ batch: id, ...details }, `batch: ${what}`),
    async noteMade(batch, results) {
      const made = results.flatMap((result) => (isObject(result) && madeIn(result.result)) || []);
      if (made.length === 0) return;
      const containers = made.flatMap((one) => one.containers);
      await deps.noteMade?.(batch, { containers, files: made.flatMap((one) => one.files) });
    },
  };
  const desk: BatchDesk = { ...deps, settling };
  registerCreation(app, desk);
  registerReading(app, desk);
  registerEnding(app, desk);
  return () => keepBatches(settling);
}

/** What every call passes once its key is known: its headers, and the limit of this endpoint. */
const checked = (desk: BatchDesk) =>
  async function checkCall(request: FastifyRequest, reply: FastifyReply) {
    const caller = callerOf(request);
    const wrong = checkHeaders(caller, request.headers);
    if (wrong !== undefined) return sendRefused(desk, request, reply, wrong);
    const limited = await desk.rates?.endpoint('batches', caller, reply.raw);
    return limited === undefined ? undefined : sendRefused(desk, request, reply, limited);
  };

function registerCreation(app: FastifyInstance, desk: BatchDesk): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', receiveInOnePiece);
    scope.post(BATCHES_PATH, {
      onRequest: [guard(desk), checked(desk), bodyRoom(BODIES_BYTES_MAX)],
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        summary: 'Create a batch of messages, each at batch prices',
        ...{ tags, security },
        headers: creationHeaders,
        body: messageBatchRequest,
        response: { 200: messageBatch },
      },
      validatorCompiler: () => (value: unknown) => ({ value }),
      handler: (request, reply) => inFlight(desk, () => createBatch(desk, request, reply)),
    });
  });
}

function registerReading(app: FastifyInstance, desk: BatchDesk): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const onRequest = [guard(desk), checked(desk)];
  typed.get(BATCHES_PATH, {
    onRequest,
    schema: {
      summary: 'List the batches of a workspace, newest first',
      ...{ tags, security },
      querystring: pageQuery,
      response: { 200: messageBatchPage },
    },
    async handler(request) {
      const { limit, after_id: afterId = null, before_id: beforeId = null } = request.query;
      const page = { limit, afterId, beforeId };
      const { batches, hasMore } = await listBatches(desk.pool, callerOf(request), page);
      const data = batches.map((batch) => shownBatch(batch, urlOf(desk, request)));
      const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
      return { data, has_more: hasMore, ...ends };
    },
  });
  typed.get(`${BATCHES_PATH}/:id`, {
    onRequest,
    schema: {
      summary: 'How a batch stands',
      ...{ tags, security },
      params: idParams,
      response: { 200: messageBatch },
    },
    async handler(request, reply) {
      const batch = await foundBatch(desk, request, reply, request.params.id);
      if (batch === undefined || !reachable(desk, request, reply, batch)) return reply;
      return shownBatch(await refreshed(desk.settling, batch), urlOf(desk, request));
    },
  });
  typed.get(`${BATCHES_PATH}/:id/results`, {
    onRequest,
    schema: {
      summary: 'The results of a batch that has ended, one JSON value a line',
      ...{ tags, security },
      params: idParams,
    },
    handler: (request, reply) =>
      inFlight(desk, async () => {
        const found = await foundBatch(desk, request, reply, request.params.id);
        if (found === undefined || !reachable(desk, request, reply, found)) return reply;
        const batch = await refreshed(desk.settling, found, SETTLING_SECONDS);
        if (!hasResults(batch)) return notYet(request, reply, batch);
        if (upstreamFor(desk, request, reply, batch) === undefined) return reply;
        reply.hijack();
        await sendResults(desk.settling, batch, reply.raw, request.id).catch((error: unknown) => {
          request.log.error({ err: error }, 'results failed');
          reply.raw.destroy();
        });
        return reply;
      }),
  });
}

function registerEnding(app: FastifyInstance, desk: BatchDesk): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const onRequest = [guard(desk), checked(desk)];
  typed.post(`${BATCHES_PATH}/:id/cancel`, {
    onRequest,
    schema: {
      summary: 'Cancel what a batch has not done yet',
      ...{ tags, security },
      params: idParams,
      response: { 200: messageBatch },
    },
    async handler(request, reply) {
      const batch = await foundBatch(desk, request, reply, request.params.id);
      if (batch === undefined) return reply;
      const upstream = upstreamFor(desk, request, reply, batch);
      if (upstream === undefined) return reply;
      const answer = await askAbout(upstream, 'POST', upstreamIdOf(batch), '/cancel');
      const seen = batchIn(answer);
      if (seen === undefined) return passedOn(request, reply, batch, answer);
      return shownBatch(await noteBatch(desk.pool, batch, seen), urlOf(desk, request));
    },
  });
  typed.delete(`${BATCHES_PATH}/:id`, {
    onRequest,
    schema: {
      summary: 'Delete a batch that has ended, with its results',
      ...{ tags, security },
      params: idParams,
      response: { 200: deletedMessageBatch },
    },
    handler: (request, reply) =>
      inFlight(desk, async () => {
        const found = await foundBatch(desk, request, reply, request.params.id);
        if (found === undefined) return reply;
        const upstream = upstreamFor(desk, request, reply, found);
        if (upstream === undefined) return reply;
        const batch = await refreshed(desk.settling, found, SETTLING_SECONDS);
        if (batch.state === 'in_progress' || batch.state === 'canceling') {
          return notYet(request, reply, batch);
        }
        // Results that are gone could never be charged for.
        const settled =
          batch.state === 'ended' ? await settleBatch(desk.settling, batch) : 'settled';
        if (settled !== 'settled') {
          return sendRefusal(request, reply, UNSETTLED[settled]);
        }
        const answer = await askAbout(upstream, 'DELETE', upstreamIdOf(batch));
        const gone = answer.outcome === 'answered' && [200, 404].includes(answer.status);
        if (!gone) return passedOn(request, reply, batch, answer);
        if (!(await deleteBatch(desk.pool, batch))) return notYet(request, reply, batch);
        return { id: batch.id, type: 'message_batch_deleted' as const };
      }),
  });
}

/** A batch of the caller's workspace; otherwise the refusal is sent and undefined returned. */
async function foundBatch(
  desk: BatchDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<Batch | undefined> {
  const batch = await findBatch(desk.pool, callerOf(request), id);
  // Of another workspace or organization, or of nobody: one answer, so that none is a hint.
  if (batch === undefined) sendRefusal(request, reply, 'not_found');
  return batch;
}

/** Whether what is still to come of a batch can be asked for; otherwise the refusal is sent. */
const reachable = (
  desk: BatchDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  batch: Batch,
): boolean =>
  !['in_progress', 'canceling', 'ended'].includes(batch.state) ||
  upstreamFor(desk, request, reply, batch) !== undefined;

function notYet(request: FastifyRequest, reply: FastifyReply, batch: Batch): FastifyReply {
  return sendRefusal(request, reply, 'invalid_request', { message: whyNoResults(batch) });
}

function whyNoResults({ id, state, resultsEndedAt }: Batch): string {
  if (state === 'in_progress' || state === 'canceling') {
    return `Batch ${id} has not ended yet. Wait until its processing_status is "ended".`;
  }
  if (resultsEndedAt === null) return `Batch ${id} has no results.`;
  return `Batch ${id} has no results any more: they are available for 29 days after creation.`;
}

/** What the upstream said instead, under our name of the batch. */
function passedOn(
  request: FastifyRequest,
  reply: FastifyReply,
  batch: Batch,
  answer: WholeAnswer,
): FastifyReply {
  if (answer.outcome === 'failed') return sendRefusal(request, reply, answer.code);
  if (answer.status < 400) return sendRefusal(request, reply, 'upstream_malformed');
  const body = answer.body.toString('utf8').replaceAll(upstreamIdOf(batch), () => batch.id);
  return reply.code(answer.status).headers(clientHeaders(answer.headers, request.id)).send(body);
}

/** A batch that customers can see has one. */
const upstreamIdOf = ({ upstreamId }: Batch): string => upstreamId ?? '';

/** Keeps the process from ending while this is under way. It is short, or may be begun anew. */
async function inFlight<T>(desk: BatchDesk, work: () => Promise<T>): Promise<T> {
  const running = work();
  const finished = running.then(
    () => {},
    () => {},
  );
  desk.running.enter({ finished, cut: () => {} });
  return await running;
}
