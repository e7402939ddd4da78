import type Stripe from 'stripe';
import { attempt } from './attempt.ts';
import { customerNamed } from './customers.ts';
import { invalid, missing, StripeFailure } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId, randomText } from './ids.ts';
import { refuseAmount } from './line-items.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { methodNamed } from './payment-methods.ts';
import type { Call, Route, Sim } from './sim.ts';
import { calculationNamed } from './tax-calculations.ts';

const CREATE_NAMES = [
  'amount',
  'currency',
  'customer',
  'payment_method',
  'payment_method_types.#',
  'allowed_payment_method_types.#',
  'automatic_payment_methods.enabled',
  'automatic_payment_methods.allow_redirects',
  'confirm',
  'off_session',
  'error_on_requires_action',
  'return_url',
  'description',
  'metadata.*',
  'receipt_email',
  'setup_future_usage',
  'statement_descriptor_suffix',
  'payment_method_options.card.request_three_d_secure',
  'payment_method_options.card.setup_credential_usage',
  'payment_method_options.card.stored_credential_usage',
  'hooks.inputs.tax.calculation',
  'capture_method',
  'use_stripe_sdk',
  'expand.#',
];

const REASONS = ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'] as const;

export function intentNamed(sim: Sim, id: string, param?: string): Stripe.PaymentIntent {
  const intent = sim.store.payment_intents.get(id);
  if (intent === undefined) throw missing('payment_intent', id, param);
  return intent;
}

export interface IntentFacts {
  amount: number;
  currency: string;
  customer: string | null;
  description: string | null;
  metadata: Record<string, string>;
  receiptEmail: string | null;
  setupFutureUsage: Stripe.PaymentIntent.SetupFutureUsage | null;
  suffix: string | null;
  taxCalculation?: string | undefined;
}

export function newIntent(sim: Sim, facts: IntentFacts): Stripe.PaymentIntent {
  const id = newId('pi');
  return sim.store.payment_intents.put({
    id,
    object: 'payment_intent',
    allowed_payment_method_types: ['card'],
    amount: facts.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic_async',
    client_secret: `${id}_secret_${randomText(25)}`,
    confirmation_method: 'automatic',
    created: sim.now(),
    currency: facts.currency,
    customer: facts.customer,
    customer_account: null,
    description: facts.description,
    excluded_payment_method_types: null,
    ...(facts.taxCalculation === undefined
      ? {}
      : { hooks: { inputs: { tax: { calculation: facts.taxCalculation } } } }),
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: facts.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: 'automatic',
      },
    },
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: facts.receiptEmail,
    review: null,
    setup_future_usage: facts.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: facts.suffix,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  });
}

function create(call: Call): Stripe.PaymentIntent {
  const { sim, cause, params } = call;
  const currency = params.required('currency').toLowerCase();
  params.required('amount');
  const amount = params.integer('amount') ?? 0;
  refuseAmount(amount, currency, 'amount');
  const customer = params.text('customer');
  if (customer !== undefined) customerNamed(sim, customer, 'customer');
  const method = params.text('payment_method');
  const found = method === undefined ? undefined : methodNamed(sim, method);
  const confirm = params.flag('confirm') === true;
  if (confirm && found === undefined) {
    throw invalid('A payment_method is needed to confirm.', 'payment_method');
  }
  const hook = 'hooks.inputs.tax.calculation';
  const calculation = params.text(hook);
  if (calculation !== undefined) calculationNamed(sim, calculation, params.name(hook));
  const fresh = newIntent(sim, {
    amount,
    currency,
    customer: customer ?? null,
    description: params.textOrNull('description'),
    metadata: params.metadata('metadata'),
    receiptEmail: params.textOrNull('receipt_email'),
    setupFutureUsage: params.oneOf('setup_future_usage', ['off_session', 'on_session']) ?? null,
    suffix: params.textOrNull('statement_descriptor_suffix'),
    taxCalculation: calculation,
  });
  const intent = sim.store.payment_intents.put({
    ...fresh,
    payment_method: found?.id ?? null,
    status: found === undefined ? 'requires_payment_method' : 'requires_confirmation',
  });
  emit(sim, cause, 'payment_intent.created', intent);
  return confirm && found !== undefined ? confirmWith(call, intent, found) : intent;
}

function confirm(call: Call): Stripe.PaymentIntent {
  const { sim, params, id } = call;
  const intent = intentNamed(sim, id);
  if (!['requires_payment_method', 'requires_confirmation'].includes(intent.status)) {
    throw invalid(
      `You cannot confirm this PaymentIntent because it has a status of ${intent.status}.`,
      undefined,
      'payment_intent_unexpected_state',
    );
  }
  const named = params.text('payment_method') ?? idOf(intent.payment_method);
  if (named === null) throw invalid('A payment_method is needed to confirm.', 'payment_method');
  return confirmWith(call, intent, methodNamed(sim, named));
}

function confirmWith(
  call: Call,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
): Stripe.PaymentIntent {
  const { sim, cause, params } = call;
  const offSession = params.text('off_session') !== undefined && params.flag('off_session');
  const unattended = offSession === true || params.flag('error_on_requires_action') === true;
  const result = attempt(sim, cause, intent, method, {
    verification: 'not_yet',
    offSession: unattended,
  });
  if (result.kind === 'declined') throw new StripeFailure(402, result.error);
  return result.intent;
}

function cancel(call: Call): Stripe.PaymentIntent {
  const { sim, cause, params, id } = call;
  const before = intentNamed(sim, id);
  const cancelable = ['requires_payment_method', 'requires_confirmation', 'requires_action'];
  const ofSession = sim.store.checkout_sessions
    .newestFirst()
    .some((session) => session.payment_intent === id);
  if (!cancelable.includes(before.status) || ofSession) {
    throw invalid(
      ofSession
        ? 'This PaymentIntent belongs to a Checkout Session; expire the session instead.'
        : `You cannot cancel this PaymentIntent because it has a status of ${before.status}.`,
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
    path: '/v1/payment_intents/:id',
    names: ['expand.#', 'client_secret'],
    run: ({ sim, id }) => intentNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/confirm',
    names: ['payment_method', 'off_session', 'error_on_requires_action', 'return_url', 'expand.#'],
    run: confirm,
  },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/cancel',
    names: ['cancellation_reason', 'expand.#'],
    run: cancel,
  },
];
