import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { API_VERSION, type Call, type Cause, type Route, type Sim } from './sim.ts';

/** Records what happened, as the object is at this moment, and queues it for the endpoints. */
export function emit(
  sim: Sim,
  cause: Cause,
  type: Stripe.Event.Type,
  object: { id: string },
  previous?: Record<string, unknown>,
): void {
  const event: Stripe.EventBase = {
    id: newId(sim, 'evt'),
    object: 'event',
    api_version: API_VERSION,
    created: sim.now(),
    data: {
      object: structuredClone(object) as unknown as Stripe.Event.Data.Object,
      ...(previous === undefined ? {} : { previous_attributes: previous }),
    },
    livemode: false,
    pending_webhooks: sim.store.webhook_endpoints
      .oldestFirst()
      .filter((endpoint) => wants(endpoint, type)).length,
    request: { ...cause },
    type,
  };
  sim.store.events.put(event);
  sim.outbox.push(event);
}

export function wants(endpoint: Stripe.WebhookEndpoint, type: string): boolean {
  const { enabled_events: enabled, status } = endpoint;
  return status === 'enabled' && (enabled.includes('*') || enabled.includes(type));
}

const KEPT_SECONDS = 30 * 24 * 3600;

function list(call: Call): object {
  const { params, sim } = call;
  const one = params.text('type');
  const several = params.texts('types');
  if (several.length > 20) throw invalid('At most 20 types can be given.', 'types');
  const success = params.flag('delivery_success');
  const oldest = sim.now() - KEPT_SECONDS;
  const newest = sim.now() - sim.faults.events_lag_seconds;
  const matching = sim.store.events
    .newestFirst()
    .filter((event) => event.created >= oldest && event.created <= newest)
    .filter((event) => success === undefined || success === (event.pending_webhooks === 0))
    .filter((event) => one === undefined || matchesType(event.type, one))
    .filter((event) => several.length === 0 || several.some((t) => matchesType(event.type, t)));
  return page(call, '/v1/events', matching);
}

/** `charge.*` stands for every event of charges, as in Stripe's own filter. */
function matchesType(type: string, wanted: string): boolean {
  if (wanted.endsWith('.*')) return type.startsWith(wanted.slice(0, -1));
  return type === wanted || wanted === '*';
}

export const eventRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/events',
    names: [...LIST_NAMES, 'type', 'types.#', 'delivery_success'],
    run: list,
  },
  {
    method: 'GET',
    path: '/v1/events/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const event = sim.store.events.get(id);
      if (event === undefined) throw missing('event', id);
      return event;
    },
  },
];
