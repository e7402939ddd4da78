import type Stripe from 'stripe';
import { openDispute } from './disputes.ts';
import { warn } from './early-fraud-warnings.ts';
import type { Cause, Sim } from './sim.ts';

/** What comes after a payment that succeeded, by test card. */
export type Trouble =
  | 'fraudulent'
  | 'product_not_received'
  | 'inquiry'
  | 'several_disputes'
  | 'fraud_warning';

export function raiseTrouble(
  sim: Sim,
  cause: Cause,
  charge: Stripe.Charge,
  trouble: Trouble | null,
): void {
  switch (trouble) {
    case null:
      return;
    case 'fraudulent':
    case 'product_not_received':
      openDispute(sim, cause, charge, { reason: trouble });
      return;
    case 'inquiry':
      openDispute(sim, cause, charge, { reason: 'fraudulent', inquiry: true });
      return;
    case 'several_disputes': {
      const amount = Math.floor(charge.amount / 2);
      openDispute(sim, cause, charge, { reason: 'fraudulent', amount });
      const disputed = { ...charge, disputed: true };
      openDispute(sim, cause, disputed, {
        reason: 'product_not_received',
        amount: charge.amount - amount,
      });
      return;
    }
    case 'fraud_warning':
      warn(sim, cause, charge);
  }
}
