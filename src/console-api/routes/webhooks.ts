import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { readDeployment } from '#db/deployment';
import type { Db } from '#db/pool';
import { type AuditAction, recordAudit } from '#identity/audit';
import { parseId, type WebhookEndpointId } from '#kernel/ids';
import { EVENT_TYPES, SUBSCRIBABLE } from '#outgoing-webhooks/catalogue';
import {
  type Created,
  changeEndpoint,
  createEndpoint,
  ENDPOINTS_MAX,
  listEndpoints,
  moveEndpoint,
  removeEndpoint,
  rotateSecret,
} from '#outgoing-webhooks/endpoints';
import { publishTest } from '#outgoing-webhooks/publish';
import { STRICT_POLICY, TARGET_REFUSALS } from '#outgoing-webhooks/target';
import { done } from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';
import { endpointRequest, endpointWithSecret, webhooksResponse } from '../webhooks/contract.ts';
import { endpointView } from '../webhooks/views.ts';

const params = z.object({ id: z.string().check(z.maxLength(100)) });

/** Screen "Webhooks": where events go. */
export function webhookRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'webhooks.manage') };
  const endpointDeps = { ...deps, policy: deps.webhookPolicy ?? STRICT_POLICY };

  app.get(
    '/webhooks',
    { ...guarded, schema: { response: { 200: webhooksResponse } } },
    async (request) => {
      const endpoints = await listEndpoints(deps.pool, memberOf(request).organizationId);
      return {
        endpoints: endpoints.map(endpointView),
        endpoints_max: ENDPOINTS_MAX,
        types: SUBSCRIBABLE.map((type) => ({ type, when: EVENT_TYPES[type].when })),
      };
    },
  );

  app.post(
    '/webhooks',
    { ...guarded, schema: { body: endpointRequest, response: { 201: endpointWithSecret } } },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const { event_types: eventTypes, ...facts } = request.body;
      const asked = { ...facts, eventTypes, organizationId, createdBy: userId };
      const made = await deps.pool.transaction(async (tx) => {
        const outcome = await createEndpoint(tx, endpointDeps, asked);
        if (outcome.outcome === 'created') {
          await noted(tx, request, 'webhook_endpoint.create', outcome.endpoint.id);
        }
        return outcome;
      });
      if (made.outcome !== 'created') return refuseFacts(reply, made);
      const { endpoint, secret } = made;
      return reply.code(201).send({ endpoint: endpointView(endpoint), secret });
    },
  );

  app.post(
    '/webhooks/:id',
    { ...guarded, schema: { params, body: endpointRequest, response: { 200: done } } },
    async (request, reply) => {
      const id = idOf(request);
      if (id === undefined) return refuse(reply, 'not_found');
      const { organizationId } = memberOf(request);
      const { event_types: eventTypes, ...facts } = request.body;
      const asked = { ...facts, eventTypes, organizationId, id };
      const changed = await deps.pool.transaction(async (tx) => {
        const outcome = await changeEndpoint(tx, endpointDeps, asked);
        if (outcome.outcome === 'changed') {
          await noted(tx, request, 'webhook_endpoint.change', id);
        }
        return outcome;
      });
      if (changed.outcome === 'unknown_endpoint') return refuse(reply, 'not_found');
      return changed.outcome === 'changed' ? { ok: true as const } : refuseFacts(reply, changed);
    },
  );

  rotateRoute(app, deps);
  for (const move of ['pause', 'enable', 'remove'] as const) moveRoute(app, deps, move);
  testRoute(app, deps);
}

function rotateRoute(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/webhooks/:id/rotate',
    {
      onRequest: withAbility(deps, 'webhooks.manage'),
      schema: { params, response: { 200: endpointWithSecret } },
    },
    async (request, reply) => {
      const id = idOf(request);
      if (id === undefined) return refuse(reply, 'not_found');
      const { organizationId } = memberOf(request);
      const rotated = await deps.pool.transaction(async (tx) => {
        const outcome = await rotateSecret(tx, deps, organizationId, id);
        if (outcome.outcome === 'rotated') {
          await noted(tx, request, 'webhook_endpoint.rotate', id);
        }
        return outcome;
      });
      if (rotated.outcome !== 'rotated') return refuse(reply, 'not_found');
      return { endpoint: endpointView(rotated.endpoint), secret: rotated.secret };
    },
  );
}

function moveRoute(app: Api, deps: ConsoleDeps, move: 'pause' | 'enable' | 'remove'): void {
  app.post(
    `/webhooks/:id/${move}`,
    {
      onRequest: withAbility(deps, 'webhooks.manage'),
      schema: { params, response: { 200: done } },
    },
    async (request, reply) => {
      const id = idOf(request);
      if (id === undefined) return refuse(reply, 'not_found');
      const { organizationId } = memberOf(request);
      const found = await deps.pool.transaction(async (tx) => {
        const moved = await carryOut(tx, organizationId, id, move);
        if (moved === 'moved') await noted(tx, request, `webhook_endpoint.${move}`, id);
        return moved;
      });
      return found === 'unknown' ? refuse(reply, 'not_found') : { ok: true as const };
    },
  );
}

async function carryOut(
  tx: Db,
  organizationId: string,
  id: string,
  move: 'pause' | 'enable' | 'remove',
): Promise<'moved' | 'as_it_was' | 'unknown'> {
  if (move === 'remove') {
    return (await removeEndpoint(tx, organizationId, id)) === 'removed' ? 'moved' : 'unknown';
  }
  const moved = await moveEndpoint(tx, organizationId, id, move);
  if (moved.outcome !== 'changed') return 'unknown';
  return moved.moved ? 'moved' : 'as_it_was';
}

function testRoute(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/webhooks/:id/test',
    {
      onRequest: withAbility(deps, 'webhooks.manage'),
      schema: { params, response: { 200: done } },
    },
    async (request, reply) => {
      const id = idOf(request);
      if (id === undefined) return refuse(reply, 'not_found');
      const { organizationId } = memberOf(request);
      const { now } = await readDeployment(deps.pool);
      const test = { organizationId, endpointId: id, eventId: `test ${request.id}`, now };
      const { outcome } = await deps.pool.transaction((tx) => publishTest(tx, test));
      return outcome === 'waiting' ? { ok: true as const } : refuse(reply, UNTESTED[outcome]);
    },
  );
}

const UNTESTED = {
  unknown_endpoint: 'not_found',
  endpoint_off: 'webhook_off',
  too_many_tests: 'too_many_tests',
} as const;

const idOf = (request: FastifyRequest<{ Params: { id: string } }>): WebhookEndpointId | undefined =>
  parseId('webhookEndpoint', request.params.id);

const noted = (
  tx: Db,
  request: FastifyRequest,
  action: AuditAction,
  subject: string,
): Promise<void> => {
  const { userId: actor, organizationId } = memberOf(request);
  return recordAudit(tx, { organizationId, actor, action, subject, requestId: request.id });
};

function refuseFacts(
  reply: FastifyReply,
  refused: Exclude<Created, { outcome: 'created' }>,
): FastifyReply {
  switch (refused.outcome) {
    case 'too_many':
      return refuse(reply, 'too_many_webhooks');
    case 'url_refused':
      return refuse(reply, 'webhook_url', { message: TARGET_REFUSALS[refused.why] });
    case 'unknown_type':
      return refuse(reply, 'invalid_input', { field: 'event_types' });
  }
}
