import type { Delivery } from '#outgoing-webhooks/deliveries';
import type { Endpoint } from '#outgoing-webhooks/endpoints';
import { RESULTS } from '#outgoing-webhooks/states';
import type { WebhookDelivery, WebhookEndpoint } from './contract.ts';

export const endpointView = (endpoint: Endpoint): WebhookEndpoint => ({
  id: endpoint.id,
  url: endpoint.url,
  description: endpoint.description,
  event_types: [...endpoint.eventTypes],
  status: endpoint.status,
  status_at: endpoint.statusAt.toISOString(),
  failing_since: endpoint.failingSince?.toISOString() ?? null,
  old_secret_until: endpoint.oldSecretUntil?.toISOString() ?? null,
  created_at: endpoint.createdAt.toISOString(),
});

export const deliveryView = (delivery: Delivery): WebhookDelivery => ({
  event_id: delivery.eventId,
  type: delivery.type,
  occurred_at: delivery.occurredAt.toISOString(),
  state: delivery.state === 'waiting' && delivery.underWay ? 'sending' : delivery.state,
  next_at: delivery.state === 'waiting' && !delivery.underWay ? delivery.dueAt.toISOString() : null,
  body: delivery.body,
  attempts: delivery.attempts.map(({ durationMs, ...attempt }) => ({
    ...attempt,
    words: attempt.result === null ? 'Under way' : RESULTS[attempt.result],
    duration_ms: durationMs,
  })),
});
