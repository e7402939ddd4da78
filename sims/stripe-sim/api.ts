import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from './authentication.ts';
import { catchUp } from './due.ts';
import { StripeFailure } from './error.ts';
import { expand } from './expand.ts';
import { type Faults, faultFor } from './faults.ts';
import { decodeForm } from './form.ts';
import { inFlight, isKept, type KeyedRequest, keyedRequest, recall } from './idempotency.ts';
import { newId } from './ids.ts';
import { Params, refuseUnknown } from './params.ts';
import { createRateLimit } from './rate-limit.ts';
import { routeFor } from './routes.ts';
import { API_VERSION, type Sim } from './sim.ts';

interface Answer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

interface Incoming {
  request: IncomingMessage;
  body: string;
  requestId: string;
  fault: Faults['api'];
}

/** Answers everything under `/v1/`. */
export function createApi(sim: Sim) {
  const running = new Set<string>();
  const refuseTooFast = createRateLimit(sim);

  return async (request: IncomingMessage, response: ServerResponse, body: string) => {
    const fault = faultFor(sim, `${request.method} ${request.url}`);
    if (fault === 'down') {
      request.socket.destroy();
      return;
    }
    const requestId = newId(sim, 'req', 14);
    const key = request.method === 'POST' ? headerOf(request, 'idempotency-key') : undefined;
    const release = key === undefined || running.has(key) ? undefined : key;
    const busy = key !== undefined && release === undefined;
    if (release !== undefined) running.add(release);
    try {
      const delay = sim.faults.api_delay_ms;
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      const incoming = { request, body, requestId, fault };
      const answer = busy ? failed(inFlight(key), requestId) : handle(sim, incoming, refuseTooFast);
      if (sim.faults.webhook_before_answer) await sim.delivered();
      send(request, response, answer, requestId, fault);
    } finally {
      if (release !== undefined) running.delete(release);
    }
  };
}

function handle(sim: Sim, incoming: Incoming, refuseTooFast: () => void): Answer {
  const { request, body, requestId, fault } = incoming;
  let keyed: KeyedRequest | undefined;
  try {
    authenticate(request);
    refuseByFault(fault);
    refuseTooFast();
    catchUp(sim);
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { route, id, child } = routeFor(method, url.pathname);
    const encoded = method === 'POST' ? body : url.search.slice(1);
    const form = decodeForm(encoded);
    refuseUnknown(form, route.names);
    const key = method === 'POST' ? headerOf(request, 'idempotency-key') : undefined;
    keyed = key === undefined ? undefined : keyedRequest(key, url.pathname, encoded);
    const saved = keyed === undefined ? undefined : recall(sim, keyed);
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
    return finish(sim, keyed, requestId, afterwards(fault, method, done, requestId));
  } catch (error) {
    return finish(sim, keyed, requestId, failed(error, requestId));
  }
}

/** `error_500_after`: the work is done, the answer says it went wrong. */
function afterwards(fault: Faults['api'], method: string, done: Answer, requestId: string): Answer {
  if (fault !== 'error_500_after' || method !== 'POST') return done;
  const message = 'An unknown error occurred';
  return failed(new StripeFailure(500, { type: 'api_error', message }), requestId);
}

/** Faults that answer before any work was done. */
function refuseByFault(fault: Faults['api']): void {
  const type = 'invalid_request_error';
  switch (fault) {
    case 'rate_limit':
      throw new StripeFailure(429, {
        type,
        code: 'rate_limit',
        message: 'Request rate limit exceeded.',
      });
    case 'lock_timeout':
      throw new StripeFailure(429, {
        type,
        code: 'lock_timeout',
        message: 'This object cannot be accessed right now because another request uses it.',
      });
    case 'key_revoked':
      throw new StripeFailure(401, {
        type,
        code: 'api_key_expired',
        message: 'Expired API Key provided.',
      });
    default:
  }
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
      created: sim.now(),
      request_digest: keyed.digest,
      status: answer.status,
      body: answer.body,
      request_id: requestId,
    });
  }
  sim.commit();
  return answer;
}

const RETRY: Record<string, Record<string, string>> = {
  rate_limit: { 'stripe-rate-limited-reason': 'global-rate' },
  lock_timeout: { 'stripe-should-retry': 'true' },
};

function failed(error: unknown, requestId: string): Answer {
  const failure =
    error instanceof StripeFailure
      ? error
      : new StripeFailure(500, { type: 'api_error', message: 'The simulator failed.' });
  if (failure !== error) console.error(`stripe-sim ${requestId}:`, error);
  const logged = {
    ...failure.body,
    request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
  };
  return {
    status: failure.status,
    body: `${JSON.stringify({ error: logged }, null, 2)}\n`,
    headers: RETRY[failure.body.code ?? ''] ?? {},
  };
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
  fault: Faults['api'],
): void {
  // The work is done and kept; the caller never learns of it.
  if (fault === 'hang') return;
  if (fault === 'reset_after') {
    request.socket.destroy();
    return;
  }
  const key = headerOf(request, 'idempotency-key');
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer.body),
    'request-id': requestId,
    'stripe-version': headerOf(request, 'stripe-version') ?? API_VERSION,
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...answer.headers,
  });
  if (fault !== 'half_answer') {
    response.end(answer.body);
    return;
  }
  const half = answer.body.slice(0, answer.body.length / 2);
  response.write(half, () => request.socket.destroy());
}
