import type Stripe from 'stripe';
import { missing } from './error.ts';
import { emit } from './events.ts';
import type { Cause, Sim } from './sim.ts';

export function customerNamed(sim: Sim, id: string, param?: string): Stripe.Customer {
  const customer = sim.store.customers.get(id);
  if (customer === undefined) throw missing('customer', id, param);
  return customer;
}

/** Stores and announces a change, wherever it came from. */
export function changeCustomer(
  sim: Sim,
  cause: Cause,
  before: Stripe.Customer,
  changed: Partial<Stripe.Customer>,
): Stripe.Customer {
  const after = sim.store.customers.put({ ...before, ...changed });
  const previous: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(before)) {
    const now = Object.entries(after).find(([name]) => name === key)?.[1];
    if (JSON.stringify(value) !== JSON.stringify(now)) previous[key] = value;
  }
  if (Object.keys(previous).length > 0) emit(sim, cause, 'customer.updated', after, previous);
  return after;
}
