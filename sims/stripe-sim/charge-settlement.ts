import type Stripe from 'stripe';
import { processingFee, recordMovement } from './balance-transactions.ts';
import { emit } from './events.ts';
import { type Cause, NO_REQUEST, type Sim } from './sim.ts';

/** The money of a charge appears on the balance, less the fee. */
export function settleCharge(sim: Sim, cause: Cause, charge: Stripe.Charge): Stripe.Charge {
  const card = sim.store.cards_behind.get(charge.payment_method ?? '')?.card ?? '';
  const movement = recordMovement(sim, {
    type: 'charge',
    amount: charge.amount,
    fee: processingFee(charge.amount),
    currency: charge.currency,
    source: charge.id,
    description: charge.description,
    ...(card.startsWith('bypassPending') ? { availableIn: 0 } : {}),
  });
  const settled = sim.store.charges.put({ ...charge, balance_transaction: movement.id });
  emit(sim, cause, 'charge.updated', settled, { balance_transaction: null });
  return settled;
}

export function settleLater(sim: Sim, id: string): void {
  const charge = sim.store.charges.get(id);
  if (charge?.balance_transaction === null) settleCharge(sim, NO_REQUEST, charge);
}
