import type Stripe from 'stripe';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { NO_REQUEST, type Route, type Sim } from './sim.ts';

/** Indian banks keep a record of what a card may be used for without its owner. */
export function newMandate(sim: Sim, method: string): Stripe.Mandate {
  return sim.store.mandates.put({
    id: newId(sim, 'mandate'),
    object: 'mandate',
    customer_acceptance: {
      accepted_at: sim.now(),
      online: { ip_address: '127.0.0.1', user_agent: 'stripe-sim' },
      type: 'online',
    },
    livemode: false,
    multi_use: {},
    payment_method: method,
    payment_method_details: { card: {}, type: 'card' },
    status: 'active',
    type: 'multi_use',
  });
}

/** The owner withdrew it at the bank. */
export function revokeMandate(sim: Sim, id: string): Stripe.Mandate {
  const mandate = sim.store.mandates.put({ ...mandateNamed(sim, id), status: 'inactive' });
  emit(sim, NO_REQUEST, 'mandate.updated', mandate, { status: 'active' });
  return mandate;
}

/** True if this card had a mandate and has none that is active. */
export function mandateRevoked(sim: Sim, method: string): boolean {
  const all = sim.store.mandates.oldestFirst().filter((row) => row.payment_method === method);
  return all.length > 0 && all.every((row) => row.status !== 'active');
}

function mandateNamed(sim: Sim, id: string): Stripe.Mandate {
  const found = sim.store.mandates.get(id);
  if (found === undefined) throw missing('mandate', id);
  return found;
}

export const mandateRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/mandates/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => mandateNamed(sim, id),
  },
];
