import { z } from 'zod';
import type { Delivery } from '#outgoing-webhooks/deliveries';
import type { Endpoint } from '#outgoing-webhooks/endpoints';
import { ENDPOINT_STATES } from '#outgoing-webhooks/states';

const time = z.iso.datetime();

export const webhookEndpoint = z
  .object({
    id: z.string(),
    type: z.literal('webhook_endpoint'),
    url: z.string(),
    description: z.string(),
    event_types: z.array(z.string()).describe('none: every type, also those that come later'),
    status: z
      .enum(ENDPOINT_STATES)
      .describe('failing: it took nothing for three days; gone: it answered 410'),
    status_at: time,
    failing_since: time.nullable().describe('first failure since it last took something'),
    old_secret_until: time.nullable().describe('until then the secret before signs too'),
    created_at: time,
  })
  .meta({ id: 'WebhookEndpoint' });

export const endpointWithSecret = webhookEndpoint
  .extend({ secret: z.string().describe('told in this answer and in no other') })
  .meta({ id: 'WebhookEndpointWithSecret' });

export const delivery = z
  .object({
    event_id: z.string().describe('the webhook-id of every attempt'),
    type: z.string(),
    occurred_at: time,
    state: z.enum(['waiting', 'sending', 'delivered', 'given_up']),
    next_attempt_at: time.nullable(),
    attempts: z
      .array(
        z.object({
          number: z.number(),
          at: time,
          result: z.string().nullable().describe('null while it is under way'),
          status: z.number().nullable(),
          duration_ms: z.number().nullable(),
        }),
      )
      .describe('newest first'),
  })
  .meta({ id: 'WebhookDelivery' });

export const endpointView = (endpoint: Endpoint): z.infer<typeof webhookEndpoint> => ({
  id: endpoint.id,
  type: 'webhook_endpoint',
  url: endpoint.url,
  description: endpoint.description,
  event_types: [...endpoint.eventTypes],
  status: endpoint.status,
  status_at: endpoint.statusAt.toISOString(),
  failing_since: endpoint.failingSince?.toISOString() ?? null,
  old_secret_until: endpoint.oldSecretUntil?.toISOString() ?? null,
  created_at: endpoint.createdAt.toISOString(),
});

export function deliveryView(one: Delivery): z.infer<typeof delivery> {
  const waits = one.state === 'waiting' && !one.underWay;
  return {
    event_id: one.eventId,
    type: one.type,
    occurred_at: one.occurredAt.toISOString(),
    state: one.state === 'waiting' && one.underWay ? 'sending' : one.state,
    next_attempt_at: waits ? one.dueAt.toISOString() : null,
    attempts: one.attempts.map(({ durationMs, ...attempt }) => ({
      ...attempt,
      duration_ms: durationMs,
    })),
  };
}
