import type Stripe from 'stripe';
import { missing } from './error.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';
import { divideHalfUp } from './tax.ts';

const TWO_DAYS_SECONDS = 2 * 24 * 3600;

interface Movement {
  type:
    | 'charge'
    | 'refund'
    | 'refund_failure'
    | 'adjustment'
    | 'payout'
    | 'topup'
    | 'issuing_authorization_hold'
    | 'issuing_authorization_release'
    | 'issuing_transaction';
  /** Minor unit, negative when money leaves. */
  amount: number;
  fee: number;
  currency: string;
  source: string;
  description: string | null;
  /** What a report files it under, where that is not its type. */
  reportedAs?: 'dispute' | 'dispute_reversal';
  /** Which money it is: the merchant's takings if absent, or what issued cards spend. */
  balance?: 'issuing';
  /** Seconds until it can be paid out; two days if absent. */
  availableIn?: number;
}

/** 2.9 % and 30 of the minor unit. */
export function processingFee(amount: number): number {
  return Number(divideHalfUp(BigInt(amount) * 29n, 1000n)) + 30;
}

export function recordMovement(sim: Sim, moved: Movement): Stripe.BalanceTransaction {
  return sim.store.balance_transactions.put({
    id: newId(sim, 'txn'),
    object: 'balance_transaction',
    amount: moved.amount,
    available_on: sim.now() + (moved.availableIn ?? TWO_DAYS_SECONDS),
    balance_type: moved.balance ?? 'payments',
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
              description:
                moved.reportedAs === undefined ? 'Stripe processing fees' : 'Dispute fee',
              type: 'stripe_fee',
            },
          ],
    net: moved.amount - moved.fee,
    reporting_category: moved.reportedAs ?? moved.type,
    source: moved.source,
    status: 'pending',
    type: moved.type,
  });
}

/** Money on its way is available from its day on, whether or not anyone looked in between. */
export function asOfNow(sim: Sim, row: Stripe.BalanceTransaction): Stripe.BalanceTransaction {
  return { ...row, status: row.available_on <= sim.now() ? 'available' : 'pending' };
}

function list(call: Call): object {
  const { sim, params } = call;
  const wanted = ['type', 'source', 'currency'] as const;
  const payout = params.text('payout');
  if (payout !== undefined && sim.store.payouts.get(payout) === undefined) {
    throw missing('payout', payout, 'payout');
  }
  const inPayout = payout === undefined ? null : new Set(sim.store.payout_parts.get(payout)?.parts);
  const rows = sim.store.balance_transactions
    .newestFirst()
    .filter((row) =>
      wanted.every((name) => params.text(name) === undefined || row[name] === params.text(name)),
    )
    .filter((row) => inPayout === null || inPayout.has(row.id))
    .map((row) => asOfNow(sim, row));
  return page(call, '/v1/balance_transactions', rows);
}

export const balanceTransactionRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/balance_transactions',
    names: [...LIST_NAMES, 'type', 'source', 'currency', 'payout'],
    run: list,
  },
  {
    method: 'GET',
    path: '/v1/balance_transactions/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.balance_transactions.get(id);
      if (found === undefined) throw missing('balance transaction', id);
      return asOfNow(sim, found);
    },
  },
];
