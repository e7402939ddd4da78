import type Stripe from 'stripe';
import { missing } from './error.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Route, Sim } from './sim.ts';
import type { Taxed } from './tax.ts';

export interface RateFacts {
  displayName: string;
  percent: string;
  inclusive: boolean;
  country: string | null;
  state: string | null;
  taxType: string | null;
  description?: string | null;
  jurisdiction?: string | null;
}

const SHORT: Record<string, string> = { sales_tax: 'Sales Tax', jct: 'JCT', qst: 'GST + QST' };

/** One rate for equal facts: invoices refer to it by id. */
export function rateFor(sim: Sim, facts: RateFacts): Stripe.TaxRate {
  const same = sim.store.tax_rates
    .oldestFirst()
    .find(
      (row) =>
        row.display_name === facts.displayName &&
        String(row.percentage) === facts.percent &&
        row.inclusive === facts.inclusive &&
        row.country === facts.country &&
        row.state === facts.state,
    );
  if (same !== undefined) return same;
  return sim.store.tax_rates.put({
    id: newId(sim, 'txr'),
    object: 'tax_rate',
    active: true,
    country: facts.country,
    created: sim.now(),
    description: facts.description ?? null,
    display_name: facts.displayName,
    effective_percentage: Number(facts.percent),
    flat_amount: null,
    inclusive: facts.inclusive,
    jurisdiction: facts.jurisdiction ?? facts.country,
    jurisdiction_level: null,
    livemode: false,
    metadata: {},
    percentage: Number(facts.percent),
    rate_type: 'percentage',
    state: facts.state,
    tax_type: facts.taxType,
  });
}

/** The rate behind an automatic decision. */
export function rateOf(sim: Sim, taxed: Taxed, inclusive: boolean): Stripe.TaxRate {
  const type = taxed.type ?? 'sales_tax';
  return rateFor(sim, {
    displayName: SHORT[type] ?? type.toUpperCase(),
    percent: taxed.percent,
    inclusive,
    country: taxed.country,
    state: taxed.state === 'OTHER' ? null : taxed.state,
    taxType: taxed.type,
  });
}

export const taxRateRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/tax_rates',
    names: [...LIST_NAMES, 'active', 'inclusive'],
    run: (call) => page(call, '/v1/tax_rates', call.sim.store.tax_rates.newestFirst()),
  },
  {
    method: 'GET',
    path: '/v1/tax_rates/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.tax_rates.get(id);
      if (found === undefined) throw missing('tax rate', id);
      return found;
    },
  },
];
