import type Stripe from 'stripe';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Cause, Route, Sim } from './sim.ts';

/** The bank suspects fraud. No money moves; a refund now is cheaper than the dispute to come. */
export function warn(
  sim: Sim,
  cause: Cause,
  charge: Stripe.Charge,
  fraudType = 'unauthorized_use_of_card',
): Stripe.Radar.EarlyFraudWarning {
  const intent = idOf(charge.payment_intent);
  const warning = sim.store.early_fraud_warnings.put({
    id: newId(sim, 'issfr'),
    object: 'radar.early_fraud_warning',
    actionable: !charge.refunded && !charge.disputed,
    charge: charge.id,
    created: sim.now(),
    fraud_type: fraudType,
    livemode: false,
    ...(intent === null ? {} : { payment_intent: intent }),
  });
  emit(sim, cause, 'radar.early_fraud_warning.created', warning);
  return warning;
}

/** A refund or a dispute leaves nothing to act on. */
export function settleWarnings(sim: Sim, cause: Cause, charge: string): void {
  for (const warning of sim.store.early_fraud_warnings.oldestFirst()) {
    if (warning.charge !== charge || !warning.actionable) continue;
    const settled = sim.store.early_fraud_warnings.put({ ...warning, actionable: false });
    emit(sim, cause, 'radar.early_fraud_warning.updated', settled, { actionable: true });
  }
}

export const earlyFraudWarningRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/radar/early_fraud_warnings',
    names: [...LIST_NAMES, 'charge', 'payment_intent'],
    run: (call) => {
      const charge = call.params.text('charge');
      const intent = call.params.text('payment_intent');
      const rows = call.sim.store.early_fraud_warnings
        .newestFirst()
        .filter((row) => charge === undefined || row.charge === charge)
        .filter((row) => intent === undefined || row.payment_intent === intent);
      return page(call, '/v1/radar/early_fraud_warnings', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/radar/early_fraud_warnings/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const found = sim.store.early_fraud_warnings.get(id);
      if (found === undefined) throw missing('early fraud warning', id);
      return found;
    },
  },
];
