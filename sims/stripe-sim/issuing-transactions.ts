import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { authorizationNamed } from './issuing-authorization-object.ts';
import { moveIssuing } from './issuing-balance.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

type Transaction = Stripe.Issuing.Transaction;

/** Money that moved: negative for a capture, positive for a refund, in the minor unit. */
export function newIssuingTransaction(
  sim: Sim,
  cause: Cause,
  facts: {
    authorization: Stripe.Issuing.Authorization;
    type: 'capture' | 'refund';
    amount: number;
  },
): Transaction {
  const { authorization, type, amount } = facts;
  const { currency, merchant_data: merchant } = authorization;
  const id = newId(sim, 'ipi');
  const movement = moveIssuing(sim, {
    ...{ type: 'issuing_transaction', amount, currency, source: id },
    description: merchant.name,
  });
  const code = authorization.request_history.find((entry) => entry.approved)?.authorization_code;
  const transaction = sim.store.issuing_transactions.put({
    id,
    object: 'issuing.transaction',
    amount,
    amount_details: null,
    authorization: authorization.id,
    balance_transaction: movement.id,
    card: authorization.card.id,
    cardholder: authorization.card.cardholder.id,
    created: sim.now(),
    currency,
    dispute: null,
    livemode: false,
    merchant_amount: amount,
    merchant_currency: currency,
    merchant_data: merchant,
    metadata: {},
    network_data: {
      authorization_code: code ?? null,
      processing_date: new Date(sim.now() * 1000).toISOString().slice(0, 10),
      transaction_id: authorization.network_data?.transaction_id ?? null,
    },
    type,
    wallet: null,
  });
  emit(sim, cause, 'issuing_transaction.created', transaction);
  return transaction;
}

function transactionNamed(sim: Sim, id: string): Transaction {
  const found = sim.store.issuing_transactions.get(id);
  if (found === undefined) throw missing('issuing transaction', id);
  return found;
}

/** The merchant gives back, at most what it took; answers the refund, a transaction of its own. */
export function refundIssued(
  sim: Sim,
  cause: Cause,
  authorizationId: string,
  asked?: number,
): Transaction {
  const authorization = authorizationNamed(sim, authorizationId);
  const taken = -authorization.transactions.reduce((sum, each) => sum + each.amount, 0);
  const amount = asked ?? taken;
  if (amount < 1 || amount > taken) {
    throw invalid(`Between 1 and ${taken} can be refunded.`, 'refund_amount');
  }
  return newIssuingTransaction(sim, cause, { authorization, type: 'refund', amount });
}

function refund({ sim, cause, params, id }: Call): Transaction {
  const before = transactionNamed(sim, id);
  if (before.type !== 'capture') throw invalid('Only a capture can be refunded.');
  const amount = params.integer('refund_amount');
  if ((amount ?? 0) > -before.amount) {
    throw invalid('A refund is at most what was captured.', 'refund_amount');
  }
  return refundIssued(sim, cause, idOf(before.authorization) ?? '', amount);
}

function update({ sim, cause, params, id }: Call): Transaction {
  const before = transactionNamed(sim, id);
  const metadata = params.metadata('metadata', before.metadata);
  const after = sim.store.issuing_transactions.put({ ...before, metadata });
  emit(sim, cause, 'issuing_transaction.updated', after, { metadata: before.metadata });
  return after;
}

const FILTERS = ['card', 'cardholder', 'type'] as const;

export const issuingTransactionRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/issuing/transactions',
    names: [...LIST_NAMES, ...FILTERS],
    run: (call) => {
      const { params, sim } = call;
      const rows = sim.store.issuing_transactions
        .newestFirst()
        .filter((row) => FILTERS.every((name) => (params.text(name) ?? row[name]) === row[name]));
      return page(call, '/v1/issuing/transactions', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/issuing/transactions/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => transactionNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/issuing/transactions/:id',
    names: ['metadata.*', 'expand.#'],
    run: update,
  },
  {
    method: 'POST',
    path: '/v1/test_helpers/issuing/transactions/:id/refund',
    names: ['refund_amount', 'expand.#'],
    run: refund,
  },
];
