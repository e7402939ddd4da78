import type Stripe from 'stripe';
import { addressNames, readAddress } from './addresses.ts';
import { cardError } from './card-declined.ts';
import { cardByName } from './cards.ts';
import { customerNamed } from './customer-object.ts';
import { invalid, missing, StripeFailure } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { page } from './list.ts';
import { PAGE_NAMES, type Params } from './params.ts';
import { attachTo, cardOf, detach, methodNamed, NOBODY, newCardMethod } from './payment-methods.ts';
import type { Call, Route, Sim } from './sim.ts';

const BILLING_NAMES = [
  ...addressNames('billing_details.address'),
  'billing_details.email',
  'billing_details.name',
  'billing_details.phone',
];

const REDISPLAY = ['always', 'limited', 'unspecified'] as const;

function stored(sim: Sim, id: string): Stripe.PaymentMethod {
  const method = sim.store.payment_methods.get(id);
  if (method === undefined) throw missing('PaymentMethod', id);
  return method;
}

/** Tokens of test cards only. Numbers belong on the page, whoever sends them here. */
function create({ sim, params }: Call): Stripe.PaymentMethod {
  if (params.required('type') !== 'card') throw invalid('The simulator knows cards only.', 'type');
  if (params.given('card.number')) {
    throw invalid(
      'Sending credit card numbers directly to the Stripe API is generally unsafe. ' +
        'Use a token of a test card such as tok_visa, or the payment page.',
      'card[number]',
    );
  }
  const token = params.required('card.token');
  const card = token.startsWith('tok_') ? cardByName(token.slice('tok_'.length)) : undefined;
  if (card === undefined) throw missing('token', token, 'card[token]');
  const method = newCardMethod(sim, card, NOBODY);
  return sim.store.payment_methods.put({
    ...method,
    billing_details: billing(params, method.billing_details),
    metadata: params.metadata('metadata'),
  });
}

function attach({ sim, cause, params, id }: Call): Stripe.PaymentMethod {
  const customer = customerNamed(sim, params.required('customer'), 'customer');
  const method = methodNamed(sim, id);
  const card = cardOf(sim, method);
  if (!card.attachable && card.decline !== null) {
    throw new StripeFailure(402, cardError(card.decline));
  }
  return attachTo(sim, cause, method, customer.id);
}

function detachFrom({ sim, cause, id }: Call): Stripe.PaymentMethod {
  const method = stored(sim, id);
  if (method.customer !== null) return detach(sim, cause, method);
  throw invalid('The payment method you provided is not attached to a customer.');
}

function update({ sim, cause, params, id }: Call): Stripe.PaymentMethod {
  const before = stored(sim, id);
  if (before.customer === null) {
    throw invalid('You must save this PaymentMethod to a customer before you can update it.');
  }
  const { card } = before;
  const redisplay = params.oneOf('allow_redisplay', REDISPLAY);
  const after: Stripe.PaymentMethod = {
    ...before,
    billing_details: billing(params, before.billing_details),
    metadata: params.metadata('metadata', before.metadata ?? {}),
  };
  if (redisplay !== undefined) after.allow_redisplay = redisplay;
  if (card !== undefined) {
    after.card = {
      ...card,
      exp_month: params.integer('card.exp_month') ?? card.exp_month,
      exp_year: params.integer('card.exp_year') ?? card.exp_year,
    };
  }
  sim.store.payment_methods.put(after);
  emit(sim, cause, 'payment_method.updated', after, { card });
  return after;
}

function billing(
  params: Params,
  before: Stripe.PaymentMethod.BillingDetails,
): Stripe.PaymentMethod.BillingDetails {
  const text = (field: 'email' | 'name' | 'phone') => {
    const path = `billing_details.${field}`;
    return params.given(path) ? params.textOrNull(path) : before[field];
  };
  const place = 'billing_details.address';
  return {
    ...before,
    address: params.given(place) ? readAddress(params, place) : before.address,
    email: text('email'),
    name: text('name'),
    phone: text('phone'),
  };
}

function listOf(call: Call, customer: string | undefined, url: string): object {
  const type = call.params.text('type');
  const rows = call.sim.store.payment_methods
    .newestFirst()
    .filter((row) => customer !== undefined && idOf(row.customer) === customer)
    .filter((row) => type === undefined || row.type === type);
  return page(call, url, rows);
}

export const paymentMethodRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/payment_methods',
    names: [
      'type',
      'card.token',
      'card.number',
      'card.*',
      'metadata.*',
      'expand.#',
      ...BILLING_NAMES,
    ],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/payment_methods',
    names: [...PAGE_NAMES, 'customer', 'type'],
    run: (call) => listOf(call, call.params.text('customer'), '/v1/payment_methods'),
  },
  {
    method: 'GET',
    path: '/v1/payment_methods/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => stored(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/payment_methods/:id',
    names: [
      'allow_redisplay',
      'card.exp_month',
      'card.exp_year',
      'metadata.*',
      'expand.#',
      ...BILLING_NAMES,
    ],
    run: update,
  },
  {
    method: 'POST',
    path: '/v1/payment_methods/:id/attach',
    names: ['customer', 'expand.#'],
    run: attach,
  },
  {
    method: 'POST',
    path: '/v1/payment_methods/:id/detach',
    names: ['expand.#'],
    run: detachFrom,
  },
  {
    method: 'GET',
    path: '/v1/customers/:id/payment_methods',
    names: [...PAGE_NAMES, 'type', 'allow_redisplay'],
    run: (call) => {
      const customer = customerNamed(call.sim, call.id).id;
      return listOf(call, customer, `/v1/customers/${customer}/payment_methods`);
    },
  },
  {
    method: 'GET',
    path: '/v1/customers/:id/payment_methods/:child',
    names: ['expand.#'],
    run: ({ sim, id, child }) => {
      const method = stored(sim, child);
      if (idOf(method.customer) !== id) throw missing('PaymentMethod', child);
      return method;
    },
  },
];
