import type Stripe from 'stripe';
import type { Faults } from './faults.ts';
import type { Params } from './params.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';

/** The API version every object is rendered in; the one the installed SDK pins. */
export const API_VERSION = '2026-10-28.endive';

/** What every part of the simulator works on. */
export interface Sim {
  store: Store;
  faults: Faults;
  merchantName: string;
  /** Unix seconds of the simulator's business clock. */
  now(): number;
  baseUrl(): string;
  settings(): Settings;
  /** Events emitted since the last commit; they are sent only after the commit. */
  outbox: Stripe.EventBase[];
  /** Makes the work so far durable, then hands its events to the deliveries. */
  commit(): void;
  /** Resolves when every first try under way has ended. */
  delivered(): Promise<void>;
}

/** Who caused a change; appears as `event.request`. */
export type Cause = Stripe.Event.Request;

/** A person on a page, a timer or the network: nobody's API request. */
export const NO_REQUEST: Cause = { id: null, idempotency_key: null };

export interface Call {
  sim: Sim;
  params: Params;
  cause: Cause;
  /** The variable part of the address. */
  id: string;
  /** The variable part below it, or empty. */
  child: string;
}

export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** For example `/v1/customers/:id`. */
  path: string;
  /** Parameters taken, as patterns of `refuseUnknown`. */
  names: readonly string[];
  run(call: Call): object;
}
