import type { IncomingMessage, ServerResponse } from 'node:http';
import { balanceTransactionRoutes } from './balance-transactions.ts';
import { chargeRoutes } from './charges.ts';
import { checkoutSessionRoutes } from './checkout-sessions.ts';
import { customerRoutes } from './customers.ts';
import { disputeRoutes } from './disputes.ts';
import { catchUp } from './due.ts';
import { earlyFraudWarningRoutes } from './early-fraud-warnings.ts';
import { StripeFailure, unauthorized } from './error.ts';
import { eventRoutes } from './events.ts';
import { expand } from './expand.ts';
import { decodeForm } from './form.ts';
import { inFlight, isKept, type KeyedRequest, keyedRequest, recall } from './idempotency.ts';
import { newId } from './ids.ts';
import { mandateRoutes } from './mandates.ts';
import { Params, refuseUnknown } from './params.ts';
import { paymentIntentRoutes } from './payment-intents.ts';
import { paymentMethodRoutes } from './payment-method-routes.ts';
import { payoutRoutes } from './payouts.ts';
import { priceRoutes } from './prices.ts';
import { productRoutes } from './products.ts';
import { refundRoutes } from './refunds.ts';
import { setupIntentRoutes } from './setup-intents.ts';
import { API_VERSION, type Route, type Sim } from './sim.ts';
import { taxCalculationRoutes } from './tax-calculations.ts';
import { taxIdRoutes } from './tax-ids.ts';
import { webhookEndpointRoutes } from './webhook-endpoints.ts';

const ROUTES: readonly Route[] = [
  ...customerRoutes,
  ...taxIdRoutes,
  ...taxCalculationRoutes,
  ...checkoutSessionRoutes,
  ...paymentIntentRoutes,
  ...paymentMethodRoutes,
  ...setupIntentRoutes,
  ...mandateRoutes,
  ...chargeRoutes,
  ...balanceTransactionRoutes,
  ...refundRoutes,
  ...disputeRoutes,
  ...earlyFraudWarningRoutes,
  ...payoutRoutes,
  ...eventRoutes,
  ...webhookEndpointRoutes,
  ...productRoutes,
  ...priceRoutes,
];

interface Answer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** Answers everything under `/v1/`. */
export function createApi(sim: Sim) {
  const running = new Set<string>();

  return async (request: IncomingMessage, response: ServerResponse, body: string) => {
    const { api, api_delay_ms: delay } = sim.faults;
    if (api === 'down') {
      request.socket.destroy();
      return;
    }
    const requestId = newId('req', 14);
    const key = request.method === 'POST' ? headerOf(request, 'idempotency-key') : undefined;
    const release = key === undefined || running.has(key) ? undefined : key;
    const busy = key !== undefined && release === undefined;
    if (release !== undefined) running.add(release);
    try {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      const answer = busy
        ? failed(inFlight(key), requestId)
        : handle(sim, request, body, requestId);
      // The work is done and kept; the caller never learns of it.
      if (api === 'hang') return;
      send(request, response, answer, requestId);
    } finally {
      if (release !== undefined) running.delete(release);
    }
  };
}

function handle(sim: Sim, request: IncomingMessage, body: string, requestId: string): Answer {
  let keyed: KeyedRequest | undefined;
  try {
    authenticate(request);
    if (sim.faults.api === 'rate_limit') throw rateLimited();
    catchUp(sim);
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { route, id, child } = routeFor(method, url.pathname);
    const encoded = method === 'POST' ? body : url.search.slice(1);
    const form = decodeForm(encoded);
    refuseUnknown(form, route.names);
    const key = method === 'POST' ? headerOf(request, 'idempotency-key') : undefined;
    keyed = key === undefined ? undefined : keyedRequest(key, url.pathname, encoded);
    const saved = keyed === undefined ? undefined : recall(sim.store, keyed);
    if (saved !== undefined) {
      const headers = { 'idempotent-replayed': 'true', 'original-request': saved.request_id };
      return { status: saved.status, body: saved.body, headers };
    }
    const params = new Params(form.tree);
    const cause = { id: requestId, idempotency_key: key ?? null };
    const result = expand(
      sim,
      route.run({ sim, params, cause, id, child }),
      params.texts('expand'),
    );
    const done = { status: 200, body: `${JSON.stringify(result, null, 2)}\n`, headers: {} };
    return finish(sim, keyed, requestId, afterwards(sim, method, done, requestId));
  } catch (error) {
    return finish(sim, keyed, requestId, failed(error, requestId));
  }
}

/** `error_500_after`: the work is done, the answer says it went wrong. */
function afterwards(sim: Sim, method: string, done: Answer, requestId: string): Answer {
  if (sim.faults.api !== 'error_500_after' || method !== 'POST') return done;
  const message = 'An unknown error occurred';
  return failed(new StripeFailure(500, { type: 'api_error', message }), requestId);
}

function finish(
  sim: Sim,
  keyed: KeyedRequest | undefined,
  requestId: string,
  answer: Answer,
): Answer {
  if (keyed !== undefined && isKept(answer.status)) {
    sim.store.saved_answers.put({
      id: keyed.key,
      request_digest: keyed.digest,
      status: answer.status,
      body: answer.body,
      request_id: requestId,
    });
  }
  sim.commit();
  return answer;
}

function failed(error: unknown, requestId: string): Answer {
  const failure =
    error instanceof StripeFailure
      ? error
      : new StripeFailure(500, { type: 'api_error', message: 'The simulator failed.' });
  if (failure !== error) console.error(`stripe-sim ${requestId}:`, error);
  return {
    status: failure.status,
    body: `${JSON.stringify({ error: failure.body }, null, 2)}\n`,
    headers:
      failure.body.code === 'rate_limit' ? { 'stripe-rate-limited-reason': 'global-rate' } : {},
  };
}

function authenticate(request: IncomingMessage): void {
  const key = keyOf(headerOf(request, 'authorization') ?? '');
  if (key === '') {
    throw unauthorized(
      'You did not provide an API key. Send it with HTTP Basic or in the Authorization header ' +
        'as a bearer token.',
    );
  }
  if (/^[sr]k_live_/.test(key)) {
    throw unauthorized('This is a simulator: live keys are refused. Use a key like sk_test_….');
  }
  if (key.startsWith('rk_test_')) {
    throw new StripeFailure(403, {
      type: 'invalid_request_error',
      message: 'The provided restricted key does not have the required permissions.',
    });
  }
  if (!/^sk_test_\w+$/.test(key)) throw unauthorized('Invalid API Key provided.');
}

function keyOf(authorization: string): string {
  const [scheme = '', value = ''] = authorization.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  return Buffer.from(value, 'base64').toString('utf8').split(':', 1)[0] ?? '';
}

function routeFor(method: string, path: string): { route: Route; id: string; child: string } {
  const parts = path.split('/');
  for (const route of ROUTES) {
    const pattern = route.path.split('/');
    if (route.method !== method || pattern.length !== parts.length) continue;
    if (!pattern.every((part, at) => part.startsWith(':') || part === parts[at])) continue;
    const named = (name: string) => decodeURIComponent(parts[pattern.indexOf(name)] ?? '');
    return { route, id: named(':id'), child: named(':child') };
  }
  throw new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}).`,
  });
}

function rateLimited(): StripeFailure {
  return new StripeFailure(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message: 'Request rate limit exceeded.',
  });
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  requestId: string,
): void {
  const key = headerOf(request, 'idempotency-key');
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'request-id': requestId,
    'stripe-version': headerOf(request, 'stripe-version') ?? API_VERSION,
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...answer.headers,
  });
  response.end(answer.body);
}
