import type Stripe from 'stripe';
import { asOfNow, recordMovement } from './balance-transactions.ts';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { issuingBalance } from './issuing-balance.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import { NO_REQUEST, type Route, type Sim } from './sim.ts';

/** The movements a payout consists of, its own included. */
export interface PayoutParts {
  id: string;
  parts: string[];
}

const DAY = 24 * 3600;

/** Pays out all that is available, one payout per currency; nothing if that is nothing. */
export function payOut(sim: Sim): Stripe.Payout[] {
  const paid = new Set(sim.store.payout_parts.oldestFirst().flatMap((row) => row.parts));
  const open = sim.store.balance_transactions
    .oldestFirst()
    .filter((row) => row.balance_type === 'payments')
    .map((row) => asOfNow(sim, row))
    .filter((row) => row.status === 'available' && !paid.has(row.id));
  const byCurrency = Map.groupBy(open, (row) => row.currency);
  return [...byCurrency].flatMap(([currency, rows]) => {
    const amount = rows.reduce((sum, row) => sum + row.net, 0);
    return amount > 0 ? [payOutIn(sim, currency, amount, rows)] : [];
  });
}

function payOutIn(
  sim: Sim,
  currency: string,
  amount: number,
  rows: Stripe.BalanceTransaction[],
): Stripe.Payout {
  const id = newId(sim, 'po');
  const movement = recordMovement(sim, {
    type: 'payout',
    amount: -amount,
    fee: 0,
    currency,
    source: id,
    description: 'STRIPE PAYOUT',
    availableIn: DAY,
  });
  sim.store.payout_parts.put({ id, parts: [...rows.map((row) => row.id), movement.id] });
  const payout = sim.store.payouts.put({
    id,
    object: 'payout',
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: sim.now() + DAY,
    automatic: true,
    balance_transaction: movement.id,
    created: sim.now(),
    currency,
    description: 'STRIPE PAYOUT',
    destination: null,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: {},
    method: 'standard',
    original_payout: null,
    payout_method: null,
    reconciliation_status: 'completed',
    reversed_by: null,
    source_type: 'card',
    statement_descriptor: null,
    status: 'paid',
    trace_id: null,
    type: 'bank_account',
  });
  emit(sim, NO_REQUEST, 'payout.created', payout);
  emit(sim, NO_REQUEST, 'payout.paid', payout);
  return payout;
}

/** What is owed to the merchant, available and on its way. */
function balance(sim: Sim): object {
  const paid = new Set(sim.store.payout_parts.oldestFirst().flatMap((row) => row.parts));
  const rows = sim.store.balance_transactions
    .oldestFirst()
    .filter((row) => row.balance_type === 'payments' && !paid.has(row.id))
    .map((row) => asOfNow(sim, row));
  const sums = (status: string) =>
    [...Map.groupBy(rows, (row) => row.currency)].map(([currency, all]) => {
      const amount = all
        .filter((row) => row.status === status)
        .reduce((sum, row) => sum + row.net, 0);
      return { amount, currency, source_types: { card: amount } };
    });
  const issuing = issuingBalance(sim);
  const nothing = [{ amount: 0, currency: 'usd', source_types: { card: 0 } }];
  return {
    object: 'balance',
    available: rows.length === 0 ? nothing : sums('available'),
    ...(issuing === undefined ? {} : { issuing }),
    livemode: false,
    pending: rows.length === 0 ? nothing : sums('pending'),
  };
}

export const payoutRoutes: Route[] = [
  { method: 'GET', path: '/v1/balance', names: ['expand.#'], run: ({ sim }) => balance(sim) },
  {
    method: 'GET',
    path: '/v1/payouts',
    names: [...LIST_NAMES, 'status'],
    run: (call) => page(call, '/v1/payouts', call.sim.store.payouts.newestFirst()),
  },
  {
    method: 'GET',
    path: '/v1/payouts/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const payout = sim.store.payouts.get(id);
      if (payout === undefined) throw missing('payout', id);
      return payout;
    },
  },
];
