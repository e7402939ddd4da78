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
  /** Takes up what a previous process had not finished. */
  resume(): void;
  forget(): void;
  close(): void;
}

const TRIES_MAX = 12;
const PAUSE_MAX_MS = 3_600_000;
const ANSWER_TIMEOUT_MS = 10_000;
const SHUFFLE_WINDOW_MS = 200;

export function createDeliveries(sim: Sim): Deliveries {
  const timers = new Set<NodeJS.Timeout>();
  const stop = new AbortController();
  const shuffled: Delivery[] = [];

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    timers.add(timer);
  };

  const send = (delivery: Delivery) => {
    void deliver(sim, delivery, stop.signal).then((pause) => {
      if (pause !== null && !stop.signal.aborted) later(pause, () => send(delivery));
    });
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
      case 'normal':
        later(0, () => send(delivery));
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
    id: newId('whd'),
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
  const outcome = await post(endpoint.url, JSON.stringify(event), secret, stop);
  // A reset or a shutdown meanwhile: there is nothing left to write about.
  if (stop.aborted || sim.store.deliveries.get(delivery.id) === undefined) return null;
  delivery.tries.push(outcome);
  if (outcome.status !== null && outcome.status >= 200 && outcome.status < 300) {
    if (delivery.state !== 'delivered') {
      const pending = Math.max(0, event.pending_webhooks - 1);
      sim.store.events.put({ ...event, pending_webhooks: pending });
    }
    keep(sim, delivery, 'delivered');
    return null;
  }
  if (delivery.state === 'delivered') {
    keep(sim, delivery, 'delivered');
    return null;
  }
  const over = delivery.tries.length >= TRIES_MAX;
  keep(sim, delivery, over ? 'failed' : 'waiting');
  const pause = sim.settings().webhook_retry_ms * 2 ** (delivery.tries.length - 1);
  return over ? null : Math.min(PAUSE_MAX_MS, pause);
}

function keep(sim: Sim, delivery: Delivery, state: Delivery['state']): void {
  delivery.state = state;
  sim.store.deliveries.put(delivery);
  sim.store.commit();
}

async function post(
  url: string,
  body: string,
  secret: string,
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
        'stripe-signature': signatureHeader(body, secret, Math.floor(Date.now() / 1000)),
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
