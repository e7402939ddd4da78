import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';

const NAMES = [
  'id',
  'name',
  'active',
  'description',
  'metadata.*',
  'tax_code',
  'unit_label',
  'statement_descriptor',
  'type',
  'url',
  'expand.#',
];

export function productNamed(sim: Sim, id: string, param?: string): Stripe.Product {
  const product = sim.store.products.get(id);
  if (product === undefined) throw missing('product', id, param);
  return product;
}

export function newProduct(
  sim: Sim,
  known: Partial<Stripe.Product> & { name: string },
): Stripe.Product {
  const now = sim.now();
  return sim.store.products.put({
    id: newId(sim, 'prod', 14),
    object: 'product',
    active: true,
    created: now,
    default_price: null,
    description: null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: {},
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: 'service',
    unit_label: null,
    updated: now,
    url: null,
    ...known,
  });
}

function create(call: Call): Stripe.Product {
  const { sim, cause, params } = call;
  const name = params.required('name');
  const id = params.text('id');
  if (id !== undefined && sim.store.products.get(id) !== undefined) {
    throw invalid(`Product already exists: ${id}`, 'id', 'resource_already_exists');
  }
  const product = newProduct(sim, {
    name,
    ...(id === undefined ? {} : { id }),
    active: params.flag('active') ?? true,
    description: params.textOrNull('description'),
    metadata: params.metadata('metadata'),
    tax_code: params.textOrNull('tax_code'),
    unit_label: params.textOrNull('unit_label'),
    statement_descriptor: params.textOrNull('statement_descriptor'),
    type: params.oneOf('type', ['good', 'service']) ?? 'service',
    url: params.textOrNull('url'),
  });
  emit(sim, cause, 'product.created', product);
  return product;
}

export const productRoutes: Route[] = [
  { method: 'POST', path: '/v1/products', names: NAMES, run: create },
  {
    method: 'GET',
    path: '/v1/products',
    names: [...LIST_NAMES, 'active', 'ids.#'],
    run: (call) => {
      const active = call.params.flag('active');
      const ids = call.params.texts('ids');
      const rows = call.sim.store.products
        .newestFirst()
        .filter((row) => active === undefined || row.active === active)
        .filter((row) => ids.length === 0 || ids.includes(row.id));
      return page(call, '/v1/products', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/products/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => productNamed(sim, id),
  },
];
