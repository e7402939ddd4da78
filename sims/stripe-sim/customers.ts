import type Stripe from 'stripe';
import { addressNames, readAddress } from './addresses.ts';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { newId, randomText } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

const NAMES = [
  'name',
  'email',
  'description',
  'phone',
  'metadata.*',
  'preferred_locales.#',
  'tax_exempt',
  'invoice_settings.default_payment_method',
  'expand.#',
  ...addressNames('address'),
];

export function customerNamed(sim: Sim, id: string, param?: string): Stripe.Customer {
  const customer = sim.store.customers.get(id);
  if (customer === undefined) throw missing('customer', id, param);
  return customer;
}

function create(call: Call): Stripe.Customer {
  const { sim, cause, params } = call;
  const blank: Stripe.Customer = {
    id: newId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: sim.now(),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_prefix: randomText(8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  };
  const customer = sim.store.customers.put({ ...blank, ...changes(params, blank) });
  emit(sim, cause, 'customer.created', customer);
  return customer;
}

function update(call: Call): Stripe.Customer {
  const { sim, cause, params, id } = call;
  const before = customerNamed(sim, id);
  return changeCustomer(sim, cause, before, changes(params, before));
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

function changes(params: Params, before: Stripe.Customer): Partial<Stripe.Customer> {
  const changed: Partial<Stripe.Customer> = {
    metadata: params.metadata('metadata', before.metadata),
  };
  for (const field of ['name', 'email', 'description', 'phone'] as const) {
    if (params.given(field)) changed[field] = params.textOrNull(field);
  }
  if (params.given('address')) changed.address = readAddress(params, 'address');
  if (params.given('preferred_locales')) {
    changed.preferred_locales = params.texts('preferred_locales');
  }
  if (params.given('tax_exempt')) {
    changed.tax_exempt = params.oneOf('tax_exempt', ['exempt', 'none', 'reverse']) ?? 'none';
  }
  if (params.given('invoice_settings.default_payment_method')) {
    changed.invoice_settings = {
      ...before.invoice_settings,
      default_payment_method: params.textOrNull('invoice_settings.default_payment_method'),
    };
  }
  return changed;
}

export const customerRoutes: Route[] = [
  { method: 'POST', path: '/v1/customers', names: NAMES, run: create },
  {
    method: 'GET',
    path: '/v1/customers',
    names: [...LIST_NAMES, 'email'],
    run: (call) => {
      const email = call.params.text('email');
      const rows = call.sim.store.customers.newestFirst();
      return page(
        call,
        '/v1/customers',
        rows.filter((row) => email === undefined || row.email === email),
      );
    },
  },
  {
    method: 'GET',
    path: '/v1/customers/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => customerNamed(sim, id),
  },
  { method: 'POST', path: '/v1/customers/:id', names: NAMES, run: update },
];
