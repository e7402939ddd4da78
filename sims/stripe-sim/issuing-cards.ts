import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { codeOf, numberCard, numberOf } from './issued-numbers.ts';
import { cardholderNamed } from './issuing-cardholders.ts';
import { page } from './list.ts';
import { LIST_NAMES, type Params } from './params.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';
import { CONTROL_NAMES, readControls } from './spending-controls.ts';

type Card = Stripe.Issuing.Card;

/** The card as it is now, with its cardholder as they are now. */
export function issuedCard(sim: Sim, id: string, param?: string): Card {
  const found = sim.store.issuing_cards.get(id);
  if (found === undefined) throw missing('issuing card', id, param);
  return { ...found, cardholder: cardholderNamed(sim, found.cardholder.id) };
}

const COUNT = 'lifecycle_controls.cancel_after.payment_count';

function create({ sim, cause, params }: Call): Card {
  if (params.required('type') !== 'virtual') {
    throw invalid('Only virtual cards are issued here.', 'type');
  }
  const currency = params.currency('currency');
  const id = newId(sim, 'ic');
  const number = numberOf(numberCard(sim, id));
  const count = params.integer(COUNT);
  const card = sim.store.issuing_cards.put({
    id,
    object: 'issuing.card',
    brand: 'Visa',
    cancellation_reason: null,
    cardholder: cardholderNamed(sim, params.required('cardholder'), 'cardholder'),
    created: sim.now(),
    currency,
    ...expiryIn(sim, params),
    last4: number.slice(-4),
    latest_fraud_warning: null,
    lifecycle_controls: count === undefined ? null : { cancel_after: { payment_count: count } },
    livemode: false,
    metadata: params.metadata('metadata'),
    personalization_design: null,
    replaced_by: null,
    replacement_for: null,
    replacement_reason: null,
    second_line: null,
    shipping: null,
    spending_controls: readControls(params, currency),
    status: params.oneOf('status', ['active', 'inactive']) ?? 'inactive',
    type: 'virtual',
    wallets: null,
  });
  emit(sim, cause, 'issuing_card.created', card);
  return card;
}

/** Three years ahead where nobody asks for a date; a date that has passed is none. */
function expiryIn(sim: Sim, params: Params): Pick<Card, 'exp_month' | 'exp_year'> {
  const today = new Date(sim.now() * 1000);
  const month = params.integer('exp_month') ?? today.getUTCMonth() + 1;
  const year = params.integer('exp_year') ?? today.getUTCFullYear() + 3;
  if (month < 1 || month > 12) throw invalid(`Invalid exp_month: ${month}`, 'exp_month');
  if (hasExpired({ exp_month: month, exp_year: year }, sim.now())) {
    throw invalid('The card would have expired already.', 'exp_year');
  }
  return { exp_month: month, exp_year: year };
}

/** A card is good to the end of its last month, in UTC. */
export function hasExpired(card: Pick<Card, 'exp_month' | 'exp_year'>, now: number): boolean {
  return now >= Date.UTC(card.exp_year, card.exp_month, 1) / 1000;
}

function update({ sim, cause, params, id }: Call): Card {
  const before = issuedCard(sim, id);
  const status = params.oneOf('status', ['active', 'inactive', 'canceled']) ?? before.status;
  if (before.status === 'canceled' && status !== 'canceled') {
    throw invalid('This card has been canceled, which is final.', 'status');
  }
  const reason = params.oneOf('cancellation_reason', ['lost', 'stolen']);
  if (reason !== undefined && status !== 'canceled') {
    throw invalid('Only a card that is canceled has a reason for it.', 'cancellation_reason');
  }
  return changeCard(sim, cause, before, {
    cancellation_reason: reason ?? before.cancellation_reason,
    metadata: params.metadata('metadata', before.metadata),
    spending_controls: readControls(params, before.currency, before.spending_controls),
    status,
  });
}

export function changeCard(sim: Sim, cause: Cause, before: Card, changed: Partial<Card>): Card {
  const after = sim.store.issuing_cards.put({ ...before, ...changed });
  emit(sim, cause, 'issuing_card.updated', after, { status: before.status });
  return after;
}

/** The only place that tells a number: asked for by name, one card at a time. */
function retrieve({ sim, params, id }: Call): Card {
  const card = issuedCard(sim, id);
  const row = sim.store.issued_numbers.get(id);
  if (row === undefined) return card;
  const asked = params.texts('expand');
  return {
    ...card,
    ...(asked.includes('number') ? { number: numberOf(row) } : {}),
    ...(asked.includes('cvc') ? { cvc: codeOf(row) } : {}),
  };
}

function list(call: Call): object {
  const { sim, params } = call;
  const owner = params.text('cardholder');
  const month = params.integer('exp_month');
  const year = params.integer('exp_year');
  const rows = sim.store.issuing_cards
    .newestFirst()
    .filter((row) => owner === undefined || row.cardholder.id === owner)
    .filter((row) => (month ?? row.exp_month) === row.exp_month)
    .filter((row) => (year ?? row.exp_year) === row.exp_year)
    .filter((row) =>
      (['last4', 'status', 'type'] as const).every(
        (name) => (params.text(name) ?? row[name]) === row[name],
      ),
    )
    .map((row) => issuedCard(sim, row.id));
  return page(call, '/v1/issuing/cards', rows);
}

export const issuedCardRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/issuing/cards',
    names: [
      ...['cardholder', 'currency', 'type', 'status', 'exp_month', 'exp_year'],
      ...[COUNT, 'metadata.*', 'expand.#'],
      ...CONTROL_NAMES,
    ],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/issuing/cards',
    names: [...LIST_NAMES, 'cardholder', 'exp_month', 'exp_year', 'last4', 'status', 'type'],
    run: list,
  },
  { method: 'GET', path: '/v1/issuing/cards/:id', names: ['expand.#'], run: retrieve },
  {
    method: 'POST',
    path: '/v1/issuing/cards/:id',
    names: ['status', 'cancellation_reason', 'metadata.*', 'expand.#', ...CONTROL_NAMES],
    run: update,
  },
];
