import type Stripe from 'stripe';
import { customerNamed } from './customer-object.ts';
import { invalid, missing, StripeFailure } from './error.ts';
import { emit } from './events.ts';
import { idOf, idText, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { methodNamed } from './payment-methods.ts';
import { trySetup } from './setup-attempt.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

const CONFIRM_NAMES = [
  'payment_method',
  'return_url',
  'use_stripe_sdk',
  'mandate_data.*',
  'payment_method_options.card.request_three_d_secure',
  'payment_method_options.card.setup_credential_usage',
  'expand.#',
];

const CREATE_NAMES = [
  ...CONFIRM_NAMES,
  'confirm',
  'customer',
  'description',
  'metadata.*',
  'usage',
  'allowed_payment_method_types.#',
  'automatic_payment_methods.enabled',
  'automatic_payment_methods.allow_redirects',
];

const CREDENTIAL_USAGES = ['installment', 'recurring', 'unscheduled'] as const;

export interface SetupFacts {
  customer: string | null;
  description: string | null;
  metadata: Record<string, string>;
  usage: 'off_session' | 'on_session';
  credentialUsage: (typeof CREDENTIAL_USAGES)[number] | null;
}

export function setupNamed(sim: Sim, id: string, param?: string): Stripe.SetupIntent {
  const found = sim.store.setup_intents.get(id);
  if (found === undefined) throw missing('setupintent', id, param);
  return found;
}

export function newSetup(sim: Sim, cause: Cause, facts: SetupFacts): Stripe.SetupIntent {
  const id = newId(sim, 'seti');
  const intent = sim.store.setup_intents.put({
    id,
    object: 'setup_intent',
    allowed_payment_method_types: ['card'],
    application: null,
    automatic_payment_methods: null,
    cancellation_reason: null,
    client_secret: `${id}_secret_${idText(sim, 'secret', 25)}`,
    created: sim.now(),
    customer: facts.customer,
    customer_account: null,
    description: facts.description,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    managed_payments: null,
    mandate: null,
    metadata: facts.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        mandate_options: null,
        network: null,
        request_three_d_secure: 'automatic',
        ...(facts.credentialUsage === null
          ? {}
          : { setup_credential_usage: facts.credentialUsage }),
      },
    },
    payment_method_types: ['card'],
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage: facts.usage,
  });
  emit(sim, cause, 'setup_intent.created', intent);
  return intent;
}

function create(call: Call): Stripe.SetupIntent {
  const { sim, cause, params } = call;
  const customer = params.text('customer');
  if (customer !== undefined) customerNamed(sim, customer, 'customer');
  const usage = 'payment_method_options.card.setup_credential_usage';
  const named = params.text('payment_method');
  const method = named === undefined ? undefined : methodNamed(sim, named);
  const fresh = newSetup(sim, cause, {
    customer: customer ?? null,
    description: params.textOrNull('description'),
    metadata: params.metadata('metadata'),
    usage: params.oneOf('usage', ['off_session', 'on_session']) ?? 'off_session',
    credentialUsage: params.oneOf(usage, CREDENTIAL_USAGES) ?? null,
  });
  if (method === undefined) {
    if (params.flag('confirm') === true) throw needsMethod();
    return fresh;
  }
  const intent = sim.store.setup_intents.put({
    ...fresh,
    payment_method: method.id,
    status: 'requires_confirmation',
  });
  return params.flag('confirm') === true ? confirmWith(call, intent, method) : intent;
}

function confirm(call: Call): Stripe.SetupIntent {
  const intent = setupNamed(call.sim, call.id);
  if (!['requires_payment_method', 'requires_confirmation'].includes(intent.status)) {
    throw unexpected('confirm', intent);
  }
  const named = call.params.text('payment_method') ?? idOf(intent.payment_method);
  if (named === null) throw needsMethod();
  return confirmWith(call, intent, methodNamed(call.sim, named));
}

function confirmWith(
  call: Call,
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
): Stripe.SetupIntent {
  const result = trySetup(call.sim, call.cause, intent, method, {
    verification: 'not_yet',
    returnUrl: call.params.textOrNull('return_url'),
  });
  if (result.kind === 'declined') throw new StripeFailure(402, result.error);
  return result.intent;
}

function update({ sim, params, id }: Call): Stripe.SetupIntent {
  const before = setupNamed(sim, id);
  const method = params.text('payment_method');
  return sim.store.setup_intents.put({
    ...before,
    metadata: params.metadata('metadata', before.metadata ?? {}),
    ...(params.given('description') ? { description: params.textOrNull('description') } : {}),
    ...(method === undefined
      ? {}
      : { payment_method: methodNamed(sim, method).id, status: 'requires_confirmation' as const }),
  });
}

const REASONS = ['abandoned', 'duplicate', 'requested_by_customer'] as const;

function cancel({ sim, cause, params, id }: Call): Stripe.SetupIntent {
  const before = setupNamed(sim, id);
  if (before.status === 'succeeded' || before.status === 'canceled') {
    throw unexpected('cancel', before);
  }
  const intent = sim.store.setup_intents.put({
    ...before,
    cancellation_reason: params.oneOf('cancellation_reason', REASONS) ?? null,
    next_action: null,
    status: 'canceled',
  });
  emit(sim, cause, 'setup_intent.canceled', intent);
  return intent;
}

function unexpected(verb: string, intent: Stripe.SetupIntent): StripeFailure {
  return invalid(
    `You cannot ${verb} this SetupIntent because it has a status of ${intent.status}.`,
    undefined,
    'setup_intent_unexpected_state',
  );
}

function needsMethod(): StripeFailure {
  return invalid('A payment_method is needed to confirm.', 'payment_method', 'parameter_missing');
}

function list(call: Call): object {
  const customer = call.params.text('customer');
  const method = call.params.text('payment_method');
  const rows = call.sim.store.setup_intents
    .newestFirst()
    .filter((row) => customer === undefined || row.customer === customer)
    .filter((row) => method === undefined || row.payment_method === method);
  return page(call, '/v1/setup_intents', rows);
}

const PATH = '/v1/setup_intents';

export const setupIntentRoutes: Route[] = [
  { method: 'POST', path: PATH, names: CREATE_NAMES, run: create },
  { method: 'GET', path: PATH, names: [...LIST_NAMES, 'customer', 'payment_method'], run: list },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: ['expand.#', 'client_secret'],
    run: ({ sim, id }) => setupNamed(sim, id),
  },
  {
    method: 'POST',
    path: `${PATH}/:id`,
    names: ['payment_method', 'description', 'metadata.*', 'expand.#'],
    run: update,
  },
  { method: 'POST', path: `${PATH}/:id/confirm`, names: CONFIRM_NAMES, run: confirm },
  {
    method: 'POST',
    path: `${PATH}/:id/cancel`,
    names: ['cancellation_reason', 'expand.#'],
    run: cancel,
  },
];
