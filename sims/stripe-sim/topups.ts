import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { moveIssuing } from './issuing-balance.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { bankDelay, later } from './schedule.ts';
import { type Call, NO_REQUEST, type Route, type Sim } from './sim.ts';

/** The bank account of a topup that never arrives. */
export const FAILING_SOURCE = 'btok_sim_fails';

function create({ sim, cause, params }: Call): Stripe.Topup {
  const amount = params.integer('amount');
  if (amount === undefined) params.required('amount');
  if (amount === undefined || amount < 1) {
    throw invalid('Invalid positive integer', 'amount', 'parameter_invalid_integer');
  }
  const topup = sim.store.topups.put({
    id: newId(sim, 'tu'),
    object: 'topup',
    amount,
    balance_transaction: null,
    created: sim.now(),
    currency: params.currency('currency'),
    description: params.textOrNull('description'),
    expected_availability_date: sim.now() + bankDelay(sim),
    failure_code: null,
    failure_message: null,
    initiated_by: 'user',
    livemode: false,
    metadata: params.metadata('metadata'),
    source: null,
    statement_descriptor: params.textOrNull('statement_descriptor'),
    status: 'pending',
    transfer_group: params.textOrNull('transfer_group'),
  });
  emit(sim, cause, 'topup.created', topup);
  const fails = params.text('source') === FAILING_SOURCE;
  later(sim, fails ? 'topup_fails' : 'topup_arrives', topup.id, bankDelay(sim));
  return topup;
}

/** The bank's money is there; a topup that was canceled meanwhile stays so. */
export function arriveTopup(sim: Sim, id: string): void {
  const before = sim.store.topups.get(id);
  if (before?.status !== 'pending') return;
  const { amount, currency, description } = before;
  const movement = moveIssuing(sim, { type: 'topup', amount, currency, source: id, description });
  const topup = sim.store.topups.put({
    ...before,
    balance_transaction: movement.id,
    status: 'succeeded',
  });
  emit(sim, NO_REQUEST, 'topup.succeeded', topup, { status: 'pending' });
}

export function failTopup(sim: Sim, id: string): void {
  const before = sim.store.topups.get(id);
  if (before?.status !== 'pending') return;
  const topup = sim.store.topups.put({
    ...before,
    failure_code: 'insufficient_funds',
    failure_message: 'The bank account does not hold enough.',
    status: 'failed',
  });
  emit(sim, NO_REQUEST, 'topup.failed', topup, { status: 'pending' });
}

function topupNamed(sim: Sim, id: string): Stripe.Topup {
  const found = sim.store.topups.get(id);
  if (found === undefined) throw missing('topup', id);
  return found;
}

function cancel({ sim, cause, id }: Call): Stripe.Topup {
  const before = topupNamed(sim, id);
  if (before.status !== 'pending') {
    throw invalid(`Only pending topups can be canceled; this one is ${before.status}.`);
  }
  const topup = sim.store.topups.put({ ...before, status: 'canceled' });
  emit(sim, cause, 'topup.canceled', topup, { status: 'pending' });
  return topup;
}

export const topupRoutes: Route[] = [
  {
    method: 'POST',
    path: '/v1/topups',
    names: [
      ...['amount', 'currency', 'description', 'source', 'statement_descriptor'],
      ...['transfer_group', 'metadata.*', 'expand.#'],
    ],
    run: create,
  },
  {
    method: 'GET',
    path: '/v1/topups',
    names: [...LIST_NAMES, 'status'],
    run: (call) => {
      const status = call.params.oneOf('status', ['canceled', 'failed', 'pending', 'succeeded']);
      const rows = call.sim.store.topups.newestFirst();
      return page(
        call,
        '/v1/topups',
        rows.filter((row) => status === undefined || row.status === status),
      );
    },
  },
  {
    method: 'GET',
    path: '/v1/topups/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => topupNamed(sim, id),
  },
  { method: 'POST', path: '/v1/topups/:id/cancel', names: ['expand.#'], run: cancel },
];
