import type Stripe from 'stripe';
import { missing } from './error.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Route, Sim } from './sim.ts';
import { divideHalfUp } from './tax.ts';

const TWO_DAYS_SECONDS = 2 * 24 * 3600;

interface Movement {
  type: 'charge' | 'refund' | 'adjustment';
  /** Minor unit, negative when money leaves. */
  amount: number;
  fee: number;
  currency: string;
  source: string;
  description: string | null;
}

/** 2.9 % and 30 of the minor unit. */
export function processingFee(amount: number): number {
  return Number(divideHalfUp(BigInt(amount) * 29n, 1000n)) + 30;
}

export function recordMovement(sim: Sim, moved: Movement): Stripe.BalanceTransaction {
  return sim.store.balance_transactions.put({
    id: newId('txn'),
    object: 'balance_transaction',
    amount: moved.amount,
    available_on: sim.now() + TWO_DAYS_SECONDS,
    balance_type: 'payments',
    created: sim.now(),
    currency: moved.currency,
    description: moved.description,
    exchange_rate: null,
    fee: moved.fee,
    fee_details:
      moved.fee === 0
        ? []
        : [
            {
              amount: moved.fee,
              application: null,
              currency: moved.currency,
              description: 'Stripe processing fees',
              type: 'stripe_fee',
            },
          ],
    net: moved.amount - moved.fee,
    reporting_category: moved.type === 'adjustment' ? 'dispute' : moved.type,
    source: moved.source,
    status: 'pending',
    type: moved.type,
  });
}

export const balanceTransactionRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/balance_transactions',
    names: [...LIST_NAMES, 'type', 'source', 'currency'],
    run: (call) => {
      const type = call.params.text('type');
      const source = call.params.text('source');
      const currency = call.params.text('currency');
      const rows = call.sim.store.balance_transactions
        .newestFirst()
        .filter((row) => type === undefined || row.type === type)
        .filter((row) => source === undefined || row.source === source)
        .filter((row) => currency === undefined || row.currency === currency);
      return page(call, '/v1/balance_transactions', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/balance_transactions/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.balance_transactions.get(id);
      if (found === undefined) throw missing('balance transaction', id);
      return found;
    },
  },
];
