/**
 * What the Webhooks page and its server say. Shared with the browser, hence zod/mini and no other
 * import. Times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const time = z.string();

export const ENDPOINT_STATES = ['enabled', 'paused', 'failing', 'gone'] as const;
export const DELIVERY_STATES = ['waiting', 'sending', 'delivered', 'given_up'] as const;

export const webhookEndpoint = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  /** None: every type. */
  event_types: z.array(z.string()),
  status: z.enum(ENDPOINT_STATES),
  status_at: time,
  /** Of the first failure since it last took something. */
  failing_since: z.nullable(time),
  /** Until when the secret before this one signs too. */
  old_secret_until: z.nullable(time),
  created_at: time,
});
export type WebhookEndpoint = z.infer<typeof webhookEndpoint>;

// GET /api/webhooks
export const webhooksResponse = z.object({
  endpoints: z.array(webhookEndpoint),
  endpoints_max: z.number(),
  types: z.array(z.object({ type: z.string(), when: z.string() })),
});
export type WebhooksResponse = z.infer<typeof webhooksResponse>;

// POST /api/webhooks; POST /api/webhooks/{id} changes one.
export const endpointRequest = z.object({
  url: z.string().check(z.maxLength(4_000)),
  description: z
    .string()
    .check(z.maxLength(200), z.regex(/^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u)),
  event_types: z.array(z.string().check(z.maxLength(100))).check(z.maxLength(100)),
});
export type EndpointRequest = z.infer<typeof endpointRequest>;

/** The only answers that hold a secret: of POST /api/webhooks and …/{id}/rotate. */
export const endpointWithSecret = z.object({ endpoint: webhookEndpoint, secret: z.string() });
export type EndpointWithSecret = z.infer<typeof endpointWithSecret>;

export const webhookAttempt = z.object({
  number: z.number(),
  at: time,
  /** Null while it is under way. */
  result: z.nullable(z.string()),
  words: z.string(),
  status: z.nullable(z.number()),
  duration_ms: z.nullable(z.number()),
});
export const webhookDelivery = z.object({
  event_id: z.string(),
  type: z.string(),
  occurred_at: time,
  state: z.enum(DELIVERY_STATES),
  /** When it is tried next; null where it is not. */
  next_at: z.nullable(time),
  body: z.string(),
  /** The newest first. */
  attempts: z.array(webhookAttempt),
});
export type WebhookDelivery = z.infer<typeof webhookDelivery>;

// GET /api/webhooks/{id}/deliveries
export const deliveriesQuery = z.object({
  before: z.optional(z.string().check(z.regex(/^evt_[0-9a-f]{32}$/))),
});
export const deliveriesResponse = z.object({
  deliveries: z.array(webhookDelivery),
  more: z.boolean(),
});
export type DeliveriesResponse = z.infer<typeof deliveriesResponse>;
