import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { newId, secretText } from './ids.ts';
import { page } from './list.ts';
import { PAGE_NAMES, type Params } from './params.ts';
import { API_VERSION, type Call, type Route, type Sim } from './sim.ts';

/** The signing secret; shown once, when the endpoint is created. */
export interface EndpointSecret {
  id: string;
  secret: string;
  /** The one before, while both are valid. */
  old?: { secret: string; until: number };
}

const PRESET_ID = 'we_preset';

export function endpointNamed(sim: Sim, id: string): Stripe.WebhookEndpoint {
  const endpoint = sim.store.webhook_endpoints.get(id);
  if (endpoint === undefined) throw missing('webhook endpoint', id);
  return endpoint;
}

/** The endpoint given at start; the same one again after a restart, even at another address. */
export function presetEndpoint(sim: Sim, preset: { url: string; secret: string }): void {
  sim.store.webhook_endpoints.put({
    ...blank(sim, PRESET_ID, preset.url, ['*']),
    created: sim.store.webhook_endpoints.get(PRESET_ID)?.created ?? sim.now(),
  });
  sim.store.endpoint_secrets.put({ id: PRESET_ID, secret: preset.secret });
}

const DAY = 24 * 3600;

/** A new secret; for a day events are signed with the old one too. */
export function rollSecret(sim: Sim, id: string): { id: string; secret: string } {
  endpointNamed(sim, id);
  const before = sim.store.endpoint_secrets.get(id);
  const secret = `whsec_${secretText(32)}`;
  const old = before && { secret: before.secret, until: sim.now() + DAY };
  sim.store.endpoint_secrets.put({ id, secret, ...(old === undefined ? {} : { old }) });
  return { id, secret };
}

function blank(sim: Sim, id: string, url: string, enabledEvents: string[]): Stripe.WebhookEndpoint {
  return {
    id,
    object: 'webhook_endpoint',
    api_version: API_VERSION,
    application: null,
    created: sim.now(),
    description: null,
    enabled_events: enabledEvents,
    livemode: false,
    metadata: {},
    status: 'enabled',
    url,
  };
}

function create(call: Call): Stripe.WebhookEndpoint {
  const { sim, params } = call;
  const endpoint = sim.store.webhook_endpoints.put({
    ...blank(sim, newId(sim, 'we'), checkedUrl(params.required('url')), enabledEvents(params)),
    api_version: params.textOrNull('api_version') ?? API_VERSION,
    description: params.textOrNull('description'),
    metadata: params.metadata('metadata'),
  });
  const secret = `whsec_${secretText(32)}`;
  sim.store.endpoint_secrets.put({ id: endpoint.id, secret });
  return { ...endpoint, secret };
}

function update(call: Call): Stripe.WebhookEndpoint {
  const { sim, params, id } = call;
  const before = endpointNamed(sim, id);
  const url = params.text('url');
  const disabled = params.flag('disabled');
  return sim.store.webhook_endpoints.put({
    ...before,
    ...(url === undefined ? {} : { url: checkedUrl(url) }),
    ...(disabled === undefined ? {} : { status: disabled ? 'disabled' : 'enabled' }),
    ...(params.given('enabled_events') ? { enabled_events: enabledEvents(params) } : {}),
    ...(params.given('description') ? { description: params.textOrNull('description') } : {}),
    metadata: params.metadata('metadata', before.metadata),
  });
}

function enabledEvents(params: Params): string[] {
  const events = params.texts('enabled_events');
  if (events.length > 0) return events;
  throw invalid('Missing required param: enabled_events.', 'enabled_events', 'parameter_missing');
}

function checkedUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw invalid('Invalid URL: an explicit scheme (such as https) must be provided.', 'url');
}

const CHANGEABLE = ['url', 'enabled_events.#', 'description', 'metadata.*', 'expand.#'];

export const webhookEndpointRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/webhook_endpoints',
    names: [...CHANGEABLE, 'api_version', 'connect'],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/webhook_endpoints',
    names: PAGE_NAMES,
    run: (call) =>
      page(call, '/v1/webhook_endpoints', call.sim.store.webhook_endpoints.newestFirst()),
  },
  {
    method: 'GET',
    path: '/v1/webhook_endpoints/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => endpointNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/webhook_endpoints/:id',
    names: [...CHANGEABLE, 'disabled'],
    run: update,
  },
  {
    method: 'DELETE',
    path: '/v1/webhook_endpoints/:id',
    names: [],
    run: ({ sim, id }) => {
      endpointNamed(sim, id);
      sim.store.webhook_endpoints.remove(id);
      sim.store.endpoint_secrets.remove(id);
      return { id, object: 'webhook_endpoint', deleted: true };
    },
  },
];
