import type Stripe from 'stripe';
import { addressNames, readAddress } from './addresses.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import { type Call, NO_REQUEST, type Route, type Sim } from './sim.ts';
import { CONTROL_NAMES, readControls } from './spending-controls.ts';

type Cardholder = Stripe.Issuing.Cardholder;

const LIMITS_CURRENCY = 'spending_controls.spending_limits_currency';

const NAMES = [
  ...['email', 'phone_number', 'status', 'preferred_locales.#', 'metadata.*', 'expand.#'],
  ...['individual.first_name', 'individual.last_name'],
  ...['individual.dob.day', 'individual.dob.month', 'individual.dob.year'],
  ...addressNames('billing.address'),
  ...CONTROL_NAMES,
  LIMITS_CURRENCY,
];

export function cardholderNamed(sim: Sim, id: string, param?: string): Cardholder {
  const found = sim.store.issuing_cardholders.get(id);
  if (found === undefined) throw missing('issuing cardholder', id, param);
  return found;
}

function create({ sim, cause, params }: Call): Cardholder {
  const billing = readAddress(params, 'billing.address');
  for (const field of ['city', 'country', 'line1', 'postal_code']) {
    params.required(`billing.address.${field}`);
  }
  if (billing === null) throw invalid('Missing required param: billing.', 'billing');
  const type = params.oneOf('type', ['individual', 'company']) ?? 'individual';
  const cardholder = sim.store.issuing_cardholders.put({
    id: newId(sim, 'ich'),
    object: 'issuing.cardholder',
    billing: { address: billing },
    company: type === 'company' ? { tax_id_provided: false } : null,
    created: sim.now(),
    email: params.textOrNull('email'),
    individual: type === 'individual' ? individualIn(params, null) : null,
    livemode: false,
    metadata: params.metadata('metadata'),
    name: params.required('name'),
    phone_number: params.textOrNull('phone_number'),
    preferred_locales: params.texts('preferred_locales'),
    requirements: { disabled_reason: null, past_due: [] },
    spending_controls: readControls(params, params.text(LIMITS_CURRENCY) ?? 'usd'),
    status: params.oneOf('status', ['active', 'inactive']) ?? 'active',
    type,
  });
  emit(sim, cause, 'issuing_cardholder.created', cardholder);
  return cardholder;
}

function individualIn(
  params: Params,
  before: Stripe.Issuing.Cardholder.Individual | null,
): Stripe.Issuing.Cardholder.Individual {
  const dob = params.child('individual.dob');
  const part = (name: string) => dob?.integer(name) ?? null;
  return {
    card_issuing: null,
    dob:
      dob === undefined
        ? (before?.dob ?? null)
        : { day: part('day'), month: part('month'), year: part('year') },
    first_name: params.text('individual.first_name') ?? before?.first_name ?? null,
    last_name: params.text('individual.last_name') ?? before?.last_name ?? null,
    verification: before?.verification ?? null,
  };
}

function update({ sim, cause, params, id }: Call): Cardholder {
  const before = cardholderNamed(sim, id);
  const status = params.oneOf('status', ['active', 'inactive']);
  if (before.status === 'blocked' && status !== undefined) {
    throw invalid('This cardholder is blocked.', 'status');
  }
  const currency =
    params.text(LIMITS_CURRENCY) ?? before.spending_controls?.spending_limits_currency ?? 'usd';
  const controls = readControls(params, currency, before.spending_controls ?? undefined);
  const given = (name: 'email' | 'phone_number') =>
    params.given(name) ? params.textOrNull(name) : before[name];
  const after = sim.store.issuing_cardholders.put({
    ...before,
    billing: { address: readAddress(params, 'billing.address') ?? before.billing.address },
    email: given('email'),
    individual: params.given('individual')
      ? individualIn(params, before.individual)
      : before.individual,
    metadata: params.metadata('metadata', before.metadata),
    phone_number: given('phone_number'),
    spending_controls: { ...controls, spending_limits_currency: currency },
    status: status ?? before.status,
    ...(params.given('preferred_locales')
      ? { preferred_locales: params.texts('preferred_locales') }
      : {}),
  });
  emit(sim, cause, 'issuing_cardholder.updated', after, { status: before.status });
  return after;
}

/** What only the issuer itself can do: nobody can unblock themselves. */
export function setCardholderStatus(
  sim: Sim,
  id: string,
  status: 'active' | 'inactive' | 'blocked',
): Cardholder {
  const before = cardholderNamed(sim, id);
  const after = sim.store.issuing_cardholders.put({ ...before, status });
  emit(sim, NO_REQUEST, 'issuing_cardholder.updated', after, { status: before.status });
  return after;
}

const FILTERS = ['email', 'phone_number', 'status', 'type'] as const;

export const cardholderRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/issuing/cardholders',
    names: [...NAMES, 'name', 'type'],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/issuing/cardholders',
    names: [...LIST_NAMES, ...FILTERS],
    run: (call) => {
      const { params, sim } = call;
      const rows = sim.store.issuing_cardholders
        .newestFirst()
        .filter((row) => FILTERS.every((name) => (params.text(name) ?? row[name]) === row[name]));
      return page(call, '/v1/issuing/cardholders', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/issuing/cardholders/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => cardholderNamed(sim, id),
  },
  { method: 'POST', path: '/v1/issuing/cardholders/:id', names: NAMES, run: update },
];
