import type Stripe from 'stripe';
import { attempt } from './attempt.ts';
import { customerNamed } from './customer-object.ts';
import { invalid, StripeFailure } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { refuseAmount } from './line-items.ts';
import { page } from './list.ts';
import { type CardOptions, intentNamed, newIntent } from './new-intent.ts';
import { LIST_NAMES, type Params } from './params.ts';
import { methodNamed } from './payment-methods.ts';
import type { Call, Route } from './sim.ts';
import { calculationNamed } from './tax-calculations.ts';

const CARD = 'payment_method_options.card';

const OPTION_NAMES = [
  `${CARD}.request_three_d_secure`,
  `${CARD}.setup_credential_usage`,
  `${CARD}.stored_credential_usage`,
];

/** What can still be said of an intent that has not been paid. */
const UPDATE_NAMES = [
  'amount',
  'payment_method',
  'description',
  'metadata.*',
  'receipt_email',
  'setup_future_usage',
  'statement_descriptor_suffix',
  'hooks.inputs.tax.calculation',
  'expand.#',
  ...OPTION_NAMES,
];

const CREATE_NAMES = [
  ...UPDATE_NAMES,
  'currency',
  'customer',
  'allowed_payment_method_types.#',
  'automatic_payment_methods.enabled',
  'automatic_payment_methods.allow_redirects',
  'capture_method',
  'confirm',
  'off_session',
  'error_on_requires_action',
  'return_url',
  'statement_descriptor',
  'use_stripe_sdk',
];

const CONFIRM_NAMES = [
  'payment_method',
  'off_session',
  'error_on_requires_action',
  'return_url',
  'receipt_email',
  'setup_future_usage',
  'use_stripe_sdk',
  'expand.#',
  ...OPTION_NAMES,
];

const REASONS = ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'] as const;

function create(call: Call): Stripe.PaymentIntent {
  const { sim, cause, params } = call;
  refuseLost(params);
  const currency = params.currency('currency');
  params.required('amount');
  const amount = params.integer('amount') ?? 0;
  refuseAmount(amount, currency, 'amount');
  const customer = params.text('customer');
  if (customer !== undefined) customerNamed(sim, customer, 'customer');
  const method = params.text('payment_method');
  const found = method === undefined ? undefined : methodNamed(sim, method);
  const confirm = params.flag('confirm') === true;
  if (confirm && found === undefined) throw needsMethod();
  if (found !== undefined) refuseForeign(found, customer ?? null);
  const fresh = newIntent(sim, {
    amount,
    currency,
    customer: customer ?? null,
    description: params.textOrNull('description'),
    metadata: params.metadata('metadata'),
    receiptEmail: params.textOrNull('receipt_email'),
    setupFutureUsage: params.oneOf('setup_future_usage', ['off_session', 'on_session']) ?? null,
    suffix: params.textOrNull('statement_descriptor_suffix'),
    taxCalculation: calculationIn(call),
    captureMethod: params.oneOf('capture_method', CAPTURES) ?? 'automatic_async',
    cardOptions: cardOptions(params),
  });
  const intent = sim.store.payment_intents.put({
    ...fresh,
    payment_method: found?.id ?? null,
    status: found === undefined ? 'requires_payment_method' : 'requires_confirmation',
  });
  emit(sim, cause, 'payment_intent.created', intent);
  return confirm && found !== undefined ? confirmWith(call, intent, found) : intent;
}

const CAPTURES = ['automatic', 'automatic_async'] as const;
const CREDENTIALS = ['installment', 'recurring', 'unscheduled'] as const;

/** The options of this request; those not given stay as they were. */
function cardOptions(params: Params): Partial<CardOptions> {
  const three = params.oneOf(`${CARD}.request_three_d_secure`, ['any', 'automatic', 'challenge']);
  const setup = params.oneOf(`${CARD}.setup_credential_usage`, CREDENTIALS);
  const stored = params.oneOf(`${CARD}.stored_credential_usage`, CREDENTIALS);
  return {
    ...(three === undefined ? {} : { request_three_d_secure: three }),
    ...(setup === undefined ? {} : { setup_credential_usage: setup }),
    ...(stored === undefined ? {} : { stored_credential_usage: stored }),
  };
}

function calculationIn({ sim, params }: Call): string | undefined {
  const hook = 'hooks.inputs.tax.calculation';
  const id = params.text(hook);
  return id === undefined ? undefined : calculationNamed(sim, id, params.name(hook)).id;
}

const USAGES = ['off_session', 'on_session'] as const;

/** The intent with everything this request says about it but the card and the amount. */
function restated(call: Call, before: Stripe.PaymentIntent): Stripe.PaymentIntent {
  const { params } = call;
  const after: Stripe.PaymentIntent = {
    ...before,
    metadata: params.metadata('metadata', before.metadata),
    payment_method_options: {
      ...before.payment_method_options,
      card: { ...BLANK, ...before.payment_method_options?.card, ...cardOptions(params) },
    },
    setup_future_usage: params.oneOf('setup_future_usage', USAGES) ?? before.setup_future_usage,
  };
  const calculation = calculationIn(call);
  if (calculation !== undefined) after.hooks = { inputs: { tax: { calculation } } };
  if (params.given('description')) after.description = params.textOrNull('description');
  if (params.given('receipt_email')) after.receipt_email = params.textOrNull('receipt_email');
  if (params.given('statement_descriptor_suffix')) {
    after.statement_descriptor_suffix = params.textOrNull('statement_descriptor_suffix');
  }
  return after;
}

const BLANK: CardOptions = {
  installments: null,
  mandate_options: null,
  network: null,
  request_three_d_secure: 'automatic',
};

/** Parameters that would silently do nothing, or that cards do not take. */
function refuseLost(params: Params): void {
  if (params.text('statement_descriptor') !== undefined) {
    throw invalid(
      'The statement descriptor of a card payment cannot be set; use statement_descriptor_suffix.',
      'statement_descriptor',
    );
  }
  if (params.flag('confirm') === true) return;
  for (const name of ['off_session', 'error_on_requires_action', 'return_url']) {
    if (params.text(name) === undefined) continue;
    throw invalid(`The parameter \`${name}\` can only be passed with confirm=true.`, name);
  }
}

/** A card kept with one customer is never charged for another, or for nobody. */
function refuseForeign(method: Stripe.PaymentMethod, customer: string | null): void {
  if (method.customer === null || method.customer === customer) return;
  throw invalid(
    'The provided PaymentMethod belongs to a Customer. Provide that Customer with the ' +
      'PaymentIntent.',
    'payment_method',
  );
}

function confirm(call: Call): Stripe.PaymentIntent {
  const { sim, params, id } = call;
  const before = intentNamed(sim, id);
  if (!['requires_payment_method', 'requires_confirmation'].includes(before.status)) {
    throw unexpected('confirm', before);
  }
  const named = params.text('payment_method') ?? idOf(before.payment_method);
  if (named === null) throw needsMethod();
  const method = methodNamed(sim, named);
  refuseForeign(method, idOf(before.customer));
  return confirmWith(call, restated(call, before), method);
}

function confirmWith(
  call: Call,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): Stripe.PaymentIntent {
  const { sim, cause, params } = call;
  const offSession = params.oneOf('off_session', ['true', 'false', 'one_off', 'recurring']);
  const result = attempt(sim, cause, intent, method, {
    verification: 'not_yet',
    offSession: offSession !== undefined && offSession !== 'false',
    errorOnAction: params.flag('error_on_requires_action') === true,
    returnUrl: params.textOrNull('return_url'),
  });
  if (result.kind === 'declined') throw new StripeFailure(402, result.error);
  return result.intent;
}

function update(call: Call): Stripe.PaymentIntent {
  const { sim, params, id } = call;
  const before = intentNamed(sim, id);
  const open = ['requires_payment_method', 'requires_confirmation', 'requires_action'];
  const method = params.text('payment_method');
  if (!open.includes(before.status) && (params.given('amount') || method !== undefined)) {
    throw unexpected('update', before);
  }
  const amount = params.integer('amount') ?? before.amount;
  refuseAmount(amount, before.currency, 'amount');
  const after = { ...restated(call, before), amount };
  if (method !== undefined) {
    after.payment_method = methodNamed(sim, method).id;
    after.status = 'requires_confirmation';
  }
  return sim.store.payment_intents.put(after);
}

function needsMethod(): StripeFailure {
  return invalid('A payment_method is needed to confirm.', 'payment_method', 'parameter_missing');
}

function unexpected(verb: string, intent: Stripe.PaymentIntent): StripeFailure {
  return new StripeFailure(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message: `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
    payment_intent: intent,
  });
}

function cancel(call: Call): Stripe.PaymentIntent {
  const { sim, cause, params, id } = call;
  const before = intentNamed(sim, id);
  const cancelable = ['requires_payment_method', 'requires_confirmation', 'requires_action'];
  const ofSession = sim.store.checkout_sessions
    .newestFirst()
    .some((session) => session.payment_intent === id);
  if (!cancelable.includes(before.status)) throw unexpected('cancel', before);
  if (ofSession) {
    throw invalid(
      'This PaymentIntent belongs to a Checkout Session; expire the session instead.',
      undefined,
      'payment_intent_unexpected_state',
    );
  }
  const intent = sim.store.payment_intents.put({
    ...before,
    canceled_at: sim.now(),
    cancellation_reason: params.oneOf('cancellation_reason', REASONS) ?? null,
    next_action: null,
    status: 'canceled',
  });
  emit(sim, cause, 'payment_intent.canceled', intent);
  return intent;
}

export const paymentIntentRoutes: Route[] = [
  { method: 'POST', path: '/v1/payment_intents', names: CREATE_NAMES, run: create },
  {
    method: 'GET',
    path: '/v1/payment_intents',
    names: [...LIST_NAMES, 'customer'],
    run: (call) => {
      const customer = call.params.text('customer');
      const rows = call.sim.store.payment_intents
        .newestFirst()
        .filter((row) => customer === undefined || row.customer === customer);
      return page(call, '/v1/payment_intents', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/payment_intents/search',
    names: ['query', 'limit', 'page', 'expand.#'],
    run: () => {
      // Search lags behind, so nothing about money may rest on it. The list does not.
      throw invalid('The simulator answers no searches. List by customer and created instead.');
    },
  },
  {
    method: 'GET',
    path: '/v1/payment_intents/:id',
    names: ['expand.#', 'client_secret'],
    run: ({ sim, id }) => intentNamed(sim, id),
  },
  { method: 'POST', path: '/v1/payment_intents/:id', names: UPDATE_NAMES, run: update },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/capture',
    names: ['amount_to_capture', 'expand.#'],
    // Manual capture is not offered, so there is never anything to capture.
    run: ({ sim, id }) => {
      throw unexpected('capture', intentNamed(sim, id));
    },
  },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/confirm',
    names: CONFIRM_NAMES,
    run: confirm,
  },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/cancel',
    names: ['cancellation_reason', 'expand.#'],
    run: cancel,
  },
];
