import type Stripe from 'stripe';
import type { TestCard } from './cards.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Cause, Route, Sim } from './sim.ts';

/** A payment of elevated risk is captured, and looked at by a person if the merchant wants that. */
export function reviewIfDoubtful(
  sim: Sim,
  cause: Cause,
  charge: Stripe.Charge,
  card: TestCard,
): Stripe.Charge {
  if (card.riskLevel !== 'elevated' || !sim.settings().review_elevated_risk) return charge;
  const intent = sim.store.payment_intents.get(idOf(charge.payment_intent) ?? '');
  const review = sim.store.reviews.put({
    id: newId(sim, 'prv'),
    object: 'review',
    billing_zip: charge.billing_details.address?.postal_code ?? null,
    charge: charge.id,
    closed_reason: null,
    created: sim.now(),
    ip_address: null,
    ip_address_location: null,
    livemode: false,
    open: true,
    opened_reason: 'rule',
    ...(intent === undefined ? {} : { payment_intent: intent.id }),
    reason: 'rule',
    session: null,
  });
  emit(sim, cause, 'review.opened', review);
  if (intent !== undefined) sim.store.payment_intents.put({ ...intent, review: review.id });
  return sim.store.charges.put({
    ...charge,
    outcome: charge.outcome && { ...charge.outcome, type: 'manual_review' },
    review: review.id,
  });
}

function reviewNamed(sim: Sim, id: string): Stripe.Review {
  const found = sim.store.reviews.get(id);
  if (found === undefined) throw missing('review', id);
  return found;
}

function approve({ sim, cause, id }: Call): Stripe.Review {
  const before = reviewNamed(sim, id);
  if (!before.open) throw invalid('This review is already closed.');
  const closed = { ...before, closed_reason: 'approved', open: false, reason: 'approved' } as const;
  const review = sim.store.reviews.put(closed);
  emit(sim, cause, 'review.closed', review);
  return review;
}

export const reviewRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/reviews',
    names: LIST_NAMES,
    run: (call) => {
      const open = call.sim.store.reviews.newestFirst().filter((row) => row.open);
      return page(call, '/v1/reviews', open);
    },
  },
  {
    method: 'GET',
    path: '/v1/reviews/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => reviewNamed(sim, id),
  },
  { method: 'POST', path: '/v1/reviews/:id/approve', names: ['expand.#'], run: approve },
];
