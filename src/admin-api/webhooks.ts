import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Db } from '#db/pool';
import { type AuditAction, recordAudit } from '#identity/audit';
import { SUBSCRIBABLE } from '#outgoing-webhooks/catalogue';
import {
  type Changed,
  type Created,
  changeEndpoint,
  createEndpoint,
  ENDPOINTS_MAX,
  type Endpoint,
  listEndpoints,
  moveEndpoint,
  readEndpoint,
  removeEndpoint,
  rotateSecret,
} from '#outgoing-webhooks/endpoints';
import { TARGET_REFUSALS } from '#outgoing-webhooks/target';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';
import { endpointView, endpointWithSecret, webhookEndpoint } from './webhook-view.ts';

const DESCRIPTION_FORM = 'expected at most 200 characters, none of them a control character';
const description = z
  .string({ error: DESCRIPTION_FORM })
  .max(200, { error: DESCRIPTION_FORM })
  .regex(/^\P{Cc}*$/u, { error: DESCRIPTION_FORM });
const facts = {
  description: description.optional(),
  event_types: z
    .array(z.string(), { error: 'expected a list of event types' })
    .max(100)
    .optional()
    .describe(`none: every type; of ${SUBSCRIBABLE.join(', ')}`),
};
const url = z.string({ error: 'expected a URL such as "https://example.com/webhooks"' });
const created = z.object({ url, ...facts });
const changed = z.object({
  url: url.optional(),
  ...facts,
  enabled: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('false pauses it; what waits for it is sent when it is on again'),
});
const list = z.object({ data: z.array(webhookEndpoint) }).meta({ id: 'WebhookEndpointList' });
const removed = z
  .object({ id: z.string(), type: z.literal('webhook_endpoint_deleted') })
  .meta({ id: 'WebhookEndpointDeleted' });
const params = z.object({ id: z.string() });

/** Where events of the organization go. What is sent is in docs/outgoing-webhooks.md. */
export function webhookRoutes(app: AdminApp, deps: AdminDeps): void {
  readingRoutes(app, deps);
  creatingRoute(app, deps);
  changingRoute(app, deps);
  endingRoutes(app, deps);
}

function readingRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/webhooks',
    { schema: { ...documented('Webhook endpoints'), response: { 200: list } } },
    async (request) => {
      const endpoints = await listEndpoints(deps.pool, deps.callerOf(request).organizationId);
      return { data: endpoints.map(endpointView) };
    },
  );

  app.get(
    '/webhooks/:id',
    {
      schema: { ...documented('One webhook endpoint'), params, response: { 200: webhookEndpoint } },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const found = await readEndpoint(deps.pool, organizationId, request.params.id);
      return found === undefined ? refuse(request, reply, 'not_found') : endpointView(found);
    },
  );
}

function creatingRoute(app: AdminApp, deps: AdminDeps): void {
  const endpointDeps = { ...deps.webhooks, entropy: deps.entropy };
  app.post(
    '/webhooks',
    {
      schema: {
        ...documented('Create a webhook endpoint; its secret is told here and nowhere else'),
        body: created,
        response: { 201: endpointWithSecret },
      },
    },
    async (request, reply) => {
      const { organizationId, apiKeyId: createdBy } = deps.callerOf(request);
      const { event_types: eventTypes = [], description: text = '', url: to } = request.body;
      const asked = { organizationId, createdBy, url: to, description: text, eventTypes };
      const made = await deps.pool.transaction(async (tx) => {
        const outcome = await createEndpoint(tx, endpointDeps, asked);
        if (outcome.outcome === 'created') {
          await noted(tx, deps, request, 'webhook_endpoint.create', outcome.endpoint.id);
        }
        return outcome;
      });
      if (made.outcome !== 'created') return refuseFacts(request, reply, made);
      return reply.code(201).send({ ...endpointView(made.endpoint), secret: made.secret });
    },
  );
}

function changingRoute(app: AdminApp, deps: AdminDeps): void {
  const endpointDeps = { ...deps.webhooks, entropy: deps.entropy };
  app.post(
    '/webhooks/:id',
    {
      schema: {
        ...documented('Change, pause or switch on a webhook endpoint; what is left out stays'),
        params,
        body: changed,
        response: { 200: webhookEndpoint },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { body } = request;
      const told = await deps.pool.transaction(async (tx): Promise<Changed> => {
        const now = await readEndpoint(tx, organizationId, request.params.id);
        if (now === undefined) return { outcome: 'unknown_endpoint' };
        const outcome = await changeEndpoint(tx, endpointDeps, {
          ...{ organizationId, id: now.id, url: body.url ?? now.url },
          description: body.description ?? now.description,
          eventTypes: body.event_types ?? now.eventTypes,
        });
        if (outcome.outcome !== 'changed') return outcome;
        await noted(tx, deps, request, 'webhook_endpoint.change', now.id);
        return await switched(tx, deps, request, outcome.endpoint, body.enabled);
      });
      if (told.outcome === 'unknown_endpoint') return refuse(request, reply, 'not_found');
      if (told.outcome !== 'changed') return refuseFacts(request, reply, told);
      return endpointView(told.endpoint);
    },
  );
}

async function switched(
  tx: Db,
  deps: AdminDeps,
  request: FastifyRequest,
  endpoint: Endpoint,
  enabled: boolean | undefined,
): Promise<Changed> {
  if (enabled === undefined) return { outcome: 'changed', endpoint };
  const { organizationId } = deps.callerOf(request);
  const move = enabled ? 'enable' : 'pause';
  const moved = await moveEndpoint(tx, organizationId, endpoint.id, move);
  if (moved.outcome === 'changed' && moved.moved) {
    await noted(tx, deps, request, `webhook_endpoint.${move}`, endpoint.id);
  }
  return moved;
}

function endingRoutes(app: AdminApp, deps: AdminDeps): void {
  app.post(
    '/webhooks/:id/rotate_secret',
    {
      schema: {
        ...documented('Make a new secret; the old one signs too for 24 hours'),
        params,
        response: { 200: endpointWithSecret },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { id } = request.params;
      const secretDeps = { ...deps.webhooks, entropy: deps.entropy };
      const rotated = await deps.pool.transaction(async (tx) => {
        const outcome = await rotateSecret(tx, secretDeps, organizationId, id);
        if (outcome.outcome === 'rotated') {
          await noted(tx, deps, request, 'webhook_endpoint.rotate', id);
        }
        return outcome;
      });
      if (rotated.outcome !== 'rotated') return refuse(request, reply, 'not_found');
      return { ...endpointView(rotated.endpoint), secret: rotated.secret };
    },
  );

  app.delete(
    '/webhooks/:id',
    {
      schema: {
        ...documented('Remove a webhook endpoint, and the log of what was sent to it'),
        params,
        response: { 200: removed },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { id } = request.params;
      const outcome = await deps.pool.transaction(async (tx) => {
        const told = await removeEndpoint(tx, organizationId, id);
        if (told === 'removed') await noted(tx, deps, request, 'webhook_endpoint.remove', id);
        return told;
      });
      if (outcome === 'unknown_endpoint') return refuse(request, reply, 'not_found');
      return { id, type: 'webhook_endpoint_deleted' as const };
    },
  );
}

const noted = (
  tx: Db,
  deps: AdminDeps,
  request: FastifyRequest,
  action: AuditAction,
  subject: string,
): Promise<void> => {
  const { organizationId, apiKeyId: actor } = deps.callerOf(request);
  return recordAudit(tx, { organizationId, actor, action, subject, requestId: request.id });
};

function refuseFacts(
  request: FastifyRequest,
  reply: FastifyReply,
  refused:
    | Exclude<Created, { outcome: 'created' }>
    | Exclude<Changed, { outcome: 'changed' | 'unknown_endpoint' }>,
): FastifyReply {
  const say = (message: string) => refuse(request, reply, 'invalid_request', { message });
  switch (refused.outcome) {
    case 'too_many':
      return say(`An organization has at most ${ENDPOINTS_MAX} webhook endpoints.`);
    case 'url_refused':
      return say(`url: ${TARGET_REFUSALS[refused.why]}`);
    case 'unknown_type':
      return say(
        `event_types: found ${JSON.stringify(refused.type.slice(0, 80))}, expected ` +
          `${SUBSCRIBABLE.join(', ')}`,
      );
  }
}
