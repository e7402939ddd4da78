import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import { newProduct, productNamed } from './products.ts';
import type { Call, Route, Sim } from './sim.ts';

/** A price as it travels; the SDK turns the decimal string into its own class on arrival. */
export type StoredPrice = Omit<Stripe.Price, 'unit_amount_decimal'> & {
  unit_amount_decimal: string | null;
};

const BEHAVIORS = ['exclusive', 'inclusive', 'unspecified'] as const;

const NAMES = [
  'active',
  'currency',
  'lookup_key',
  'metadata.*',
  'nickname',
  'product',
  'product_data.name',
  'tax_behavior',
  'unit_amount',
  'expand.#',
];

export function priceNamed(sim: Sim, id: string, param?: string): StoredPrice {
  const price = sim.store.prices.get(id);
  if (price === undefined) throw missing('price', id, param);
  return price;
}

/** From `price_data` of a line item or from the parameters of the prices call; same fields. */
export function newPrice(sim: Sim, params: Params, active: boolean): StoredPrice {
  const unitAmount = params.integer('unit_amount');
  if (unitAmount === undefined || unitAmount < 0) {
    throw invalid('Missing required param: unit_amount.', params.name('unit_amount'));
  }
  const currency = params.currency('currency');
  return sim.store.prices.put({
    id: newId(sim, 'price'),
    object: 'price',
    active,
    billing_scheme: 'per_unit',
    created: sim.now(),
    currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: params.textOrNull('lookup_key'),
    metadata: params.metadata('metadata'),
    nickname: params.textOrNull('nickname'),
    product: productFor(sim, params),
    recurring: null,
    tax_behavior: params.oneOf('tax_behavior', BEHAVIORS) ?? 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: 'one_time',
    unit_amount: unitAmount,
    unit_amount_decimal: String(unitAmount),
  });
}

function productFor(sim: Sim, params: Params): string {
  const name = params.text('product_data.name');
  if (name === undefined) {
    return productNamed(sim, params.required('product'), params.name('product')).id;
  }
  return newProduct(sim, {
    name,
    active: false,
    description: params.textOrNull('product_data.description'),
    metadata: params.metadata('product_data.metadata'),
    tax_code: params.textOrNull('product_data.tax_code'),
  }).id;
}

function create(call: Call): StoredPrice {
  const { sim, cause, params } = call;
  const price = newPrice(sim, params, params.flag('active') ?? true);
  emit(sim, cause, 'price.created', price);
  return price;
}

export const priceRoutes: Route[] = [
  { method: 'POST', path: '/v1/prices', names: NAMES, run: create },
  {
    method: 'GET',
    path: '/v1/prices',
    names: [...LIST_NAMES, 'product', 'active'],
    run: (call) => {
      const product = call.params.text('product');
      const active = call.params.flag('active');
      const rows = call.sim.store.prices
        .newestFirst()
        .filter((row) => product === undefined || row.product === product)
        .filter((row) => active === undefined || row.active === active);
      return page(call, '/v1/prices', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/prices/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => priceNamed(sim, id),
  },
];
