import { z } from 'zod';
import { readDeployment } from '#db/deployment';
import { listDeliveries, PAGE_MAX, resend } from '#outgoing-webhooks/deliveries';
import { readEndpoint } from '#outgoing-webhooks/endpoints';
import { publishTest, TESTS_A_MINUTE } from '#outgoing-webhooks/publish';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';
import { delivery, deliveryView } from './webhook-view.ts';

const params = z.object({ id: z.string() });
const query = z.object({
  before: z
    .string()
    .regex(/^evt_[0-9a-f]{32}$/, { error: 'expected an event_id of this list' })
    .optional()
    .describe('the last event_id of the page before'),
  limit: z.coerce
    .number()
    .int()
    .min(1, { error: `expected a whole number from 1 to ${PAGE_MAX}` })
    .max(PAGE_MAX, { error: `expected a whole number from 1 to ${PAGE_MAX}` })
    .optional(),
});
const page = z
  .object({ data: z.array(delivery), has_more: z.boolean() })
  .meta({ id: 'WebhookDeliveryPage' });
const queued = z.object({ event_id: z.string(), state: z.literal('waiting') });

const MANY = `At most ${TESTS_A_MINUTE} test events are sent to an endpoint in a minute.`;
const OFF = 'The endpoint is switched off: nothing is sent to it. Enable it first.';

/** What was sent to an endpoint in the last thirty days, and sending again. */
export function webhookDeliveryRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/webhooks/:id/deliveries',
    {
      schema: {
        ...documented('Events of an endpoint and each attempt, newest first'),
        params,
        querystring: query,
        response: { 200: page },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const endpoint = await readEndpoint(deps.pool, organizationId, request.params.id);
      if (endpoint === undefined) return refuse(request, reply, 'not_found');
      const { before, limit: most } = request.query;
      const of = { organizationId, endpointId: endpoint.id, before, most };
      const { deliveries, more } = await listDeliveries(deps.pool, of);
      return { data: deliveries.map(deliveryView), has_more: more };
    },
  );

  app.post(
    '/webhooks/:id/test',
    {
      schema: { ...documented('Send a test event'), params, response: { 200: queued } },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { id: endpointId } = request.params;
      const { now } = await readDeployment(deps.pool);
      const test = { organizationId, endpointId, eventId: `test ${request.id}`, now };
      const tested = await deps.pool.transaction((tx) => publishTest(tx, test));
      switch (tested.outcome) {
        case 'waiting':
          return { event_id: tested.eventId, state: 'waiting' as const };
        case 'unknown_endpoint':
          return refuse(request, reply, 'not_found');
        case 'endpoint_off':
          return refuse(request, reply, 'invalid_request', { message: OFF });
        case 'too_many_tests':
          return refuse(request, reply, 'invalid_request', { message: MANY });
      }
    },
  );

  app.post(
    '/webhooks/:id/deliveries/:event_id/resend',
    {
      schema: {
        ...documented('Send an event again, under its id'),
        params: params.extend({ event_id: z.string() }),
        response: { 200: queued },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const { id, event_id: event } = request.params;
      const resent = await deps.pool.transaction((tx) => resend(tx, organizationId, id, event));
      switch (resent) {
        case 'waiting':
          return { event_id: event, state: 'waiting' as const };
        case 'unknown_delivery':
          return refuse(request, reply, 'not_found');
        case 'endpoint_off':
          return refuse(request, reply, 'invalid_request', { message: OFF });
        case 'under_way': {
          const message = 'The event is being sent at this moment.';
          return refuse(request, reply, 'invalid_request', { message });
        }
      }
    },
  );
}
