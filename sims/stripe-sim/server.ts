import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApi } from './api.ts';
import { control, type Hands } from './control.ts';
import { createDeliveries } from './deliveries.ts';
import { catchUp } from './due.ts';
import { StripeFailure } from './error.ts';
import { inOrder } from './event-order.ts';
import { NO_FAULTS } from './faults.ts';
import type { PageAnswer } from './page-answer.ts';
import { pages } from './pages.ts';
import { settingsOf } from './settings.ts';
import type { Sim } from './sim.ts';
import { openStore } from './store.ts';
import { presetEndpoint } from './webhook-endpoints.ts';

export interface StripeSimOptions {
  host: string;
  /** 0 means any free port. */
  port: number;
  /** Where the state is kept; in memory only if absent. */
  dataDir?: string;
  /** One endpoint registered for every event, besides those made through the API. */
  webhook?: { url: string; secret: string };
  merchantName?: string;
  /** Decimal percentage for sessions with automatic tax, `0` by default. */
  taxRatePercent?: string;
  /** Business time in milliseconds since 1970. */
  now?: () => number;
}

export interface StripeSim {
  url: string;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 1_000_000;
const CATCH_UP_MS = 1000;

/** Starts the simulator; rejects if the address is taken or the data directory is unusable. */
export async function startStripeSim(options: StripeSimOptions): Promise<StripeSim> {
  const nowMs = options.now ?? Date.now;
  let base = '';
  const store = openStore(options.dataDir);
  const sim: Sim = {
    store,
    faults: NO_FAULTS,
    merchantName: options.merchantName ?? 'Test Merchant',
    now: () => Math.floor((nowMs() + sim.settings().clock_offset_ms) / 1000),
    baseUrl: () => base,
    settings: () => settingsOf(store, options.taxRatePercent),
    outbox: [],
    commit: () => {
      const events = inOrder(sim.outbox.splice(0), sim.settings().event_seed);
      store.commit();
      if (events.length > 0) deliveries.dispatch(events);
    },
    delivered: () => deliveries.settled(),
  };
  const deliveries = createDeliveries(sim);
  const preset = () => {
    if (options.webhook !== undefined) presetEndpoint(sim, options.webhook);
  };
  const reset = () => {
    deliveries.forget();
    store.reset();
    sim.outbox.length = 0;
    sim.faults = NO_FAULTS;
    preset();
  };
  const api = createApi(sim);
  const server = createServer((request, response) => {
    answer(sim, api, { reset, resend: deliveries.resend }, request, response).catch(
      (error: unknown) => {
        console.error('stripe-sim:', error);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  base = `http://${options.host}:${(server.address() as AddressInfo).port}`;
  preset();
  followAddress(sim);
  sim.commit();
  deliveries.resume();
  const timer = setInterval(() => {
    catchUp(sim);
    sim.commit();
  }, CATCH_UP_MS);
  timer.unref();
  return {
    url: base,
    async close() {
      clearInterval(timer);
      deliveries.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      sim.commit();
    },
  };
}

/** Pages of sessions from before a restart are at this process's address now. */
function followAddress(sim: Sim): void {
  for (const session of sim.store.checkout_sessions.oldestFirst()) {
    const kind = session.mode === 'setup' ? 'setup' : 'pay';
    const url = `${sim.baseUrl()}/c/${kind}/${session.id}`;
    if (session.status === 'open' && session.url !== url) {
      sim.store.checkout_sessions.put({ ...session, url });
    }
  }
}

async function answer(
  sim: Sim,
  api: ReturnType<typeof createApi>,
  hands: Hands,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (body === null) {
    sendJson(response, 413, { error: { message: 'The body is too large.' } });
    return;
  }
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  const method = request.method ?? 'GET';
  if (path.startsWith('/v1/')) return api(request, response, body);
  if (path.startsWith('/_sim/')) {
    answerControl(sim, hands, { method, path: path.slice('/_sim/'.length), body }, response);
    return;
  }
  const page = pages(sim, { method, path, form: new URLSearchParams(body) });
  sim.commit();
  if (page !== undefined) sendPage(page, response);
  else sendJson(response, 404, { error: { message: `Nothing at ${path}.` } });
}

function answerControl(
  sim: Sim,
  hands: Hands,
  asked: { method: string; path: string; body: string },
  response: ServerResponse,
): void {
  try {
    const result = control(sim, asked.method, asked.path, asked.body, hands);
    sim.commit();
    if (result !== undefined) sendJson(response, 200, result);
    else sendJson(response, 404, { error: { message: 'No such control route.' } });
  } catch (error) {
    sim.commit();
    if (!(error instanceof StripeFailure)) throw error;
    sendJson(response, error.status, { error: error.body });
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendPage(page: PageAnswer, response: ServerResponse): void {
  const targets = ["'self'", ...page.formTargets].join(' ');
  response.writeHead(page.status, {
    'content-type': page.contentType ?? 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy':
      `default-src 'none'; style-src 'unsafe-inline'; form-action ${targets}; ` +
      `frame-ancestors 'none'; base-uri 'none'`,
    ...(page.location === undefined ? {} : { location: page.location }),
    ...(page.fileName === undefined
      ? {}
      : { 'content-disposition': `inline; filename="${page.fileName}"` }),
  });
  response.end(page.body ?? '');
}

/** Null if it is larger than anything that is ever asked. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(piece);
  }
  // Read to its end, so that the answer reaches whoever is still sending.
  return bytes > BODY_BYTES_MAX ? null : Buffer.concat(chunks).toString('utf8');
}
