import { createHmac } from 'node:crypto';
import type Stripe from 'stripe';
import { wants } from './events.ts';
import { newId } from './ids.ts';
import type { Sim } from './sim.ts';

export interface DeliveryTry {
  at: string;
  /** Null if no answer came. */
  status: number | null;
  error: string | null;
}

/** One event on its way to one endpoint. */
export interface Delivery {
  id: string;
  event: string;
  event_type: string;
  endpoint: string;
  state: 'waiting' | 'delivered' | 'failed' | 'dropped';
  tries: DeliveryTry[];
}

export interface Deliveries {
  /** Sends each event to every endpoint that wants it, under the current faults. */
  dispatch(events: Stripe.EventBase[]): void;
  /** Sends an event once more, as its button in a dashboard does. */
  resend(event: Stripe.EventBase, endpoint: Stripe.WebhookEndpoint): Delivery;
  /** Resolves when every first try under way has ended. */
  settled(): Promise<void>;
  /** Takes up what a previous process had not finished. */
  resume(): void;
  forget(): void;
  close(): void;
}

const TRIES_MAX = 12;
const PAUSE_MAX_MS = 3_600_000;
const ANSWER_TIMEOUT_MS = 10_000;
const SHUFFLE_WINDOW_MS = 200;
const DAY = 24 * 3600;
/** For how long one event is tried again, on the business clock. */
const RETRIED_SECONDS = 3 * DAY;
/** For how long an endpoint may answer nothing good before it is switched off. */
const DEAD_SECONDS = 9 * DAY;

/** Since when an endpoint has answered nothing good. */
export interface FailingEndpoint {
  id: string;
  since: number;
}

export function createDeliveries(sim: Sim): Deliveries {
  const timers = new Set<NodeJS.Timeout>();
  const stop = new AbortController();
  const shuffled: Delivery[] = [];
  const trying = new Set<Promise<unknown>>();

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    timers.add(timer);
  };

  const send = (delivery: Delivery) => {
    const tried = deliver(sim, delivery, stop.signal).then((pause) => {
      trying.delete(tried);
      if (pause !== null && !stop.signal.aborted) later(pause, () => send(delivery));
    });
    trying.add(tried);
  };

  const collect = (delivery: Delivery, windowMs: number) => {
    if (shuffled.push(delivery) > 1) return;
    later(windowMs, () => {
      const lastFirst = shuffled.splice(0).reverse();
      for (const [place, each] of lastFirst.entries()) later(place * 20, () => send(each));
    });
  };

  const start = (delivery: Delivery) => {
    const { webhooks, webhook_copies: copies, webhook_delay_ms: delay } = sim.faults;
    switch (webhooks) {
      case 'drop':
        sim.store.deliveries.put({ ...delivery, state: 'dropped' });
        return;
      case 'delay':
        later(delay, () => send(delivery));
        return;
      case 'duplicate':
        for (let copy = 0; copy < copies; copy += 1) later(delay, () => send(delivery));
        return;
      case 'shuffle':
        collect(delivery, delay === 0 ? SHUFFLE_WINDOW_MS : delay);
        return;
      default:
        // At once, so that whoever waits for first tries has them to wait for.
        send(delivery);
    }
  };

  const forget = () => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    shuffled.length = 0;
  };

  return {
    dispatch(events) {
      for (const delivery of events.flatMap((event) => recordAll(sim, event))) start(delivery);
      sim.store.commit();
    },
    resend(event, endpoint) {
      const delivery = record(sim, event, endpoint);
      sim.store.commit();
      send(delivery);
      return delivery;
    },
    async settled() {
      await Promise.all(trying);
    },
    resume() {
      for (const delivery of sim.store.deliveries.oldestFirst()) {
        if (delivery.state === 'waiting') later(0, () => send(delivery));
      }
    },
    forget,
    close() {
      stop.abort();
      forget();
    },
  };
}

function recordAll(sim: Sim, event: Stripe.EventBase): Delivery[] {
  const endpoints = sim.store.webhook_endpoints.oldestFirst();
  return endpoints
    .filter((endpoint) => wants(endpoint, event.type))
    .map((endpoint) => record(sim, event, endpoint));
}

function record(sim: Sim, event: Stripe.EventBase, endpoint: Stripe.WebhookEndpoint): Delivery {
  return sim.store.deliveries.put({
    id: newId(sim, 'whd'),
    event: event.id,
    event_type: event.type,
    endpoint: endpoint.id,
    state: 'waiting',
    tries: [],
  });
}

/** One try. Answers how long to wait before the next, or null if there is none. */
async function deliver(sim: Sim, delivery: Delivery, stop: AbortSignal): Promise<number | null> {
  const event = sim.store.events.get(delivery.event);
  const endpoint = sim.store.webhook_endpoints.get(delivery.endpoint);
  const secret = sim.store.endpoint_secrets.get(delivery.endpoint)?.secret;
  if (event === undefined || endpoint?.status !== 'enabled' || secret === undefined) {
    if (event !== undefined) keep(sim, delivery, 'dropped');
    return null;
  }
  if (sim.faults.webhooks === 'drop') {
    keep(sim, delivery, 'dropped');
    return null;
  }
  const body = JSON.stringify(event);
  const signature = signed(sim, body, delivery.endpoint, secret);
  const outcome = await post(endpoint.url, body, signature, stop);
  // A reset or a shutdown meanwhile: there is nothing left to write about.
  if (stop.aborted || sim.store.deliveries.get(delivery.id) === undefined) return null;
  delivery.tries.push(outcome);
  if (outcome.status !== null && outcome.status >= 200 && outcome.status < 300) {
    if (delivery.state !== 'delivered') {
      const pending = Math.max(0, event.pending_webhooks - 1);
      sim.store.events.put({ ...event, pending_webhooks: pending });
    }
    sim.store.failing_endpoints.remove(endpoint.id);
    keep(sim, delivery, 'delivered');
    return null;
  }
  disableIfDead(sim, endpoint);
  if (delivery.state === 'delivered') {
    keep(sim, delivery, 'delivered');
    return null;
  }
  const over = delivery.tries.length >= TRIES_MAX || sim.now() - event.created > RETRIED_SECONDS;
  keep(sim, delivery, over ? 'failed' : 'waiting');
  const pause = sim.settings().webhook_retry_ms * 2 ** (delivery.tries.length - 1);
  return over ? null : Math.min(PAUSE_MAX_MS, pause);
}

/** As Stripe does after many days, silently but for a mail. */
function disableIfDead(sim: Sim, endpoint: Stripe.WebhookEndpoint): void {
  const known = sim.store.failing_endpoints.get(endpoint.id);
  const { since } = known ?? sim.store.failing_endpoints.put({ id: endpoint.id, since: sim.now() });
  if (sim.now() - since < DEAD_SECONDS) return;
  sim.store.webhook_endpoints.put({ ...endpoint, status: 'disabled' });
  sim.store.failing_endpoints.remove(endpoint.id);
}

/** With the old secret too while it is being rolled, unless a fault wants it otherwise. */
function signed(sim: Sim, body: string, endpoint: string, secret: string): string {
  const now = Math.floor(Date.now() / 1000);
  switch (sim.faults.webhooks) {
    case 'wrong_signature':
      return signatureHeader(body, `${secret}x`, now);
    case 'old_signature':
      return signatureHeader(body, secret, now - 3600);
    case 'future_signature':
      return signatureHeader(body, secret, now + 3600);
    default: {
      const old = sim.store.endpoint_secrets.get(endpoint)?.old;
      const valid = old !== undefined && old.until > sim.now();
      const first = signatureHeader(body, secret, now);
      return valid ? `${first},${signatureHeader(body, old.secret, now).split(',')[1]}` : first;
    }
  }
}

function keep(sim: Sim, delivery: Delivery, state: Delivery['state']): void {
  delivery.state = state;
  sim.store.deliveries.put(delivery);
  sim.store.commit();
}

async function post(
  url: string,
  body: string,
  signature: string,
  stop: AbortSignal,
): Promise<DeliveryTry> {
  const at = new Date().toISOString();
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'stripe-signature': signature,
      },
      redirect: 'manual',
      signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    return { at, status: response.status, error: null };
  } catch (error) {
    return { at, status: null, error: error instanceof Error ? error.message : 'no answer' };
  }
}

/** Signed with the real time of sending: receivers compare it with their own wall clock. */
export function signatureHeader(body: string, secret: string, atSeconds: number): string {
  const signature = createHmac('sha256', secret).update(`${atSeconds}.${body}`).digest('hex');
  return `t=${atSeconds},v1=${signature}`;
}
