import * as z from 'zod/mini';
import { listDeliveries, PAGE_MAX, resend } from '#outgoing-webhooks/deliveries';
import { readEndpoint } from '#outgoing-webhooks/endpoints';
import { done } from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';
import { deliveriesQuery, deliveriesResponse } from '../webhooks/contract.ts';
import { deliveryView } from '../webhooks/views.ts';

const id = z.string().check(z.maxLength(100));
const EVENTS_SHOWN = Math.min(20, PAGE_MAX);

/** Of the screen "Webhooks": what was sent to an endpoint, and sending it again. */
export function webhookDeliveryRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'webhooks.manage') };

  app.get(
    '/webhooks/:id/deliveries',
    {
      ...guarded,
      schema: {
        params: z.object({ id }),
        querystring: deliveriesQuery,
        response: { 200: deliveriesResponse },
      },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const endpointId = request.params.id;
      const endpoint = await readEndpoint(deps.pool, organizationId, endpointId);
      if (endpoint === undefined) return refuse(reply, 'not_found');
      const { before } = request.query;
      const page = await listDeliveries(deps.pool, {
        ...{ organizationId, endpointId, before, most: EVENTS_SHOWN },
      });
      return { deliveries: page.deliveries.map(deliveryView), more: page.more };
    },
  );

  app.post(
    '/webhooks/:id/deliveries/:event/resend',
    {
      ...guarded,
      schema: { params: z.object({ id, event: id }), response: { 200: done } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const { id: endpointId, event } = request.params;
      const resent = await deps.pool.transaction((tx) =>
        resend(tx, organizationId, endpointId, event),
      );
      switch (resent) {
        case 'waiting':
          return { ok: true as const };
        case 'unknown_delivery':
          return refuse(reply, 'not_found');
        case 'endpoint_off':
          return refuse(reply, 'webhook_off');
        case 'under_way':
          return refuse(reply, 'webhook_under_way');
      }
    },
  );
}
