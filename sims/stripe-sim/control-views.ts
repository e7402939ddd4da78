import { idOf } from './ids.ts';
import { issuerSideOf } from './issuer-side.ts';
import type { Sim } from './sim.ts';

/** Every intent with its charges, newest first. */
export function payments(sim: Sim): object[] {
  return sim.store.payment_intents.newestFirst().map((intent) => ({
    payment_intent: intent.id,
    status: intent.status,
    amount: intent.amount,
    amount_received: intent.amount_received,
    currency: intent.currency,
    customer: idOf(intent.customer),
    metadata: intent.metadata,
    created: intent.created,
    checkout_session:
      sim.store.checkout_sessions
        .newestFirst()
        .find((session) => session.payment_intent === intent.id)?.id ?? null,
    charges: sim.store.charges
      .oldestFirst()
      .filter((charge) => charge.payment_intent === intent.id)
      .map((charge) => ({
        id: charge.id,
        status: charge.status,
        amount: charge.amount,
        amount_refunded: charge.amount_refunded,
        disputed: charge.disputed,
        decline_code: charge.paid ? null : (charge.outcome?.reason ?? null),
        last4: charge.payment_method_details?.card?.last4 ?? null,
        issuer: issuerSideOf(sim, charge.id),
      })),
  }));
}

/** One row per event and endpoint, with every try. */
export function deliveries(sim: Sim): object[] {
  return sim.store.deliveries.newestFirst().map((delivery) => ({
    ...delivery,
    url: sim.store.webhook_endpoints.get(delivery.endpoint)?.url ?? null,
  }));
}
