import type Stripe from 'stripe';
import { recordMovement } from './balance-transactions.ts';
import type { Sim } from './sim.ts';

/**
 * Every change of the issuing balance is one row here, holds included, so what is available is
 * their sum. `amount` is in the minor unit, negative when it leaves; none may end below zero.
 */
export function moveIssuing(
  sim: Sim,
  moved: {
    type:
      | 'topup'
      | 'issuing_authorization_hold'
      | 'issuing_authorization_release'
      | 'issuing_transaction';
    amount: number;
    currency: string;
    source: string;
    description: string | null;
  },
): Stripe.BalanceTransaction {
  return recordMovement(sim, { ...moved, fee: 0, balance: 'issuing', availableIn: 0 });
}

/** What issued cards can still spend. */
export function issuingAvailable(sim: Sim, currency: string): number {
  return sim.store.balance_transactions
    .oldestFirst()
    .filter((row) => row.balance_type === 'issuing' && row.currency === currency)
    .reduce((sum, row) => sum + row.net, 0);
}

/** As `/v1/balance` tells it; undefined where nothing was ever issued or paid in. */
export function issuingBalance(sim: Sim): Stripe.Balance.Issuing | undefined {
  const rows = sim.store.balance_transactions
    .oldestFirst()
    .filter((row) => row.balance_type === 'issuing');
  const currencies = new Set([
    ...rows.map((row) => row.currency),
    ...sim.store.issuing_cards.oldestFirst().map((card) => card.currency),
  ]);
  if (currencies.size === 0) return undefined;
  return {
    available: [...currencies].map((currency) => ({
      amount: issuingAvailable(sim, currency),
      currency,
    })),
  };
}
