import type Stripe from 'stripe';
import { addressNames, readAddress } from './addresses.ts';
import { changeCustomer, customerNamed } from './customer-object.ts';
import { invalid } from './error.ts';
import { emit } from './events.ts';
import { idText, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import { attachTo, detach, methodNamed } from './payment-methods.ts';
import type { Call, Route, Sim } from './sim.ts';
import { addTaxId, readTaxId } from './tax-ids.ts';
import { refuseUnlocated } from './tax-places.ts';
import { clockNamed } from './test-clocks.ts';

const NAMES = [
  'name',
  'email',
  'description',
  'phone',
  'metadata.*',
  'preferred_locales.#',
  'tax_exempt',
  'invoice_settings.default_payment_method',
  'invoice_settings.footer',
  'tax.validate_location',
  'expand.#',
  ...addressNames('address'),
];

const CREATE_NAMES = [
  ...NAMES,
  'tax_id_data.#.type',
  'tax_id_data.#.value',
  'payment_method',
  'test_clock',
];

function create(call: Call): Stripe.Customer {
  const { sim, cause, params } = call;
  const clock = params.text('test_clock');
  const blank: Stripe.Customer = {
    id: newId(sim, 'cus', 14),
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
    invoice_prefix: idText(sim, 'invoices', 8).toUpperCase(),
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
    test_clock: clock === undefined ? null : clockNamed(sim, clock, 'test_clock').id,
  };
  const taxIds = params.items('tax_id_data').map((item) => readTaxId(item));
  const method = params.text('payment_method');
  const customer = sim.store.customers.put({ ...blank, ...changes(sim, params, blank) });
  emit(sim, cause, 'customer.created', customer);
  for (const taxId of taxIds) addTaxId(sim, cause, customer.id, taxId);
  if (method !== undefined) attachTo(sim, cause, methodNamed(sim, method), customer.id);
  return customer;
}

/** The customer is gone, and nothing of it can be charged again. */
function remove({ sim, cause, id }: Call): Stripe.DeletedCustomer {
  const customer = customerNamed(sim, id);
  for (const method of sim.store.payment_methods.oldestFirst()) {
    if (method.customer === id) detach(sim, cause, method);
  }
  sim.store.customers.remove(id);
  emit(sim, cause, 'customer.deleted', customer);
  return sim.store.deleted_customers.put({ id, object: 'customer', deleted: true });
}

function update(call: Call): Stripe.Customer {
  const { sim, cause, params, id } = call;
  const before = customerNamed(sim, id);
  return changeCustomer(sim, cause, before, changes(sim, params, before));
}

function changes(sim: Sim, params: Params, before: Stripe.Customer): Partial<Stripe.Customer> {
  const changed: Partial<Stripe.Customer> = {
    metadata: params.metadata('metadata', before.metadata),
  };
  for (const field of ['name', 'email', 'description', 'phone'] as const) {
    if (params.given(field)) changed[field] = params.textOrNull(field);
  }
  if (params.given('address')) changed.address = readAddress(params, 'address');
  if (params.oneOf('tax.validate_location', ['deferred', 'immediately']) === 'immediately') {
    refuseUnlocated(changed.address === undefined ? before.address : changed.address);
  }
  if (params.given('preferred_locales')) {
    changed.preferred_locales = params.texts('preferred_locales');
  }
  if (params.given('tax_exempt')) {
    changed.tax_exempt = params.oneOf('tax_exempt', ['exempt', 'none', 'reverse']) ?? 'none';
  }
  const footer = 'invoice_settings.footer';
  const settings = { ...before.invoice_settings };
  if (params.given(footer)) settings.footer = params.textOrNull(footer);
  if (params.given(DEFAULT_METHOD)) {
    settings.default_payment_method = ownMethod(sim, params, before.id);
  }
  if (params.given('invoice_settings')) changed.invoice_settings = settings;
  return changed;
}

const DEFAULT_METHOD = 'invoice_settings.default_payment_method';

/** Only a card that is kept with this customer can be charged by default. */
function ownMethod(sim: Sim, params: Params, customer: string): string | null {
  const id = params.text(DEFAULT_METHOD);
  if (id === undefined) return null;
  if (sim.store.payment_methods.get(id)?.customer === customer) return id;
  throw invalid(
    `The customer does not have a payment method with the ID ${id}. ` +
      'The payment method must be attached to the customer.',
    params.name(DEFAULT_METHOD),
    'resource_missing',
  );
}

export const customerRoutes: Route[] = [
  { method: 'POST', path: '/v1/customers', names: CREATE_NAMES, run: create },
  { method: 'DELETE', path: '/v1/customers/:id', names: [], run: remove },
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
    run: ({ sim, id }) => sim.store.deleted_customers.get(id) ?? customerNamed(sim, id),
  },
  { method: 'POST', path: '/v1/customers/:id', names: NAMES, run: update },
];
