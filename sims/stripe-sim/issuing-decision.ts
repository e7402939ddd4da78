import type Stripe from 'stripe';
import type { DeclineName } from './card-declines.ts';
import { hasExpired } from './issuing-cards.ts';
import { type Limit, objection } from './spending-controls.ts';

export type Check = 'match' | 'mismatch' | 'not_provided';

/** What an issuer looks at before it says yes or no. */
export interface Facts {
  card: Stripe.Issuing.Card;
  now: number;
  currency: string;
  /** What is asked for now, in the minor unit. */
  amount: number;
  /** The same with what was approved before, where a hold is raised. */
  total: number;
  category: string;
  country: string | null;
  cvc: Check;
  expiry: Check;
  /** What is left on the issuing balance. */
  available: number;
  /** Spent within the running interval of a limit, by this card or by all of its owner's. */
  spent(limit: Limit, whose: 'card' | 'cardholder'): number;
}

export interface Verdict {
  approved: boolean;
  reason: Stripe.Issuing.Authorization.RequestHistory.Reason;
  /** What the merchant is told; null if approved. */
  decline: DeclineName | null;
}

interface Refusal {
  reason: Stripe.Issuing.Authorization.RequestHistory.Reason;
  /** The merchant hears less than the issuer knows, so that nobody can feel their way. */
  decline: DeclineName;
  holds(facts: Facts): boolean;
}

/** The first that holds decides. */
const REFUSALS: readonly Refusal[] = [
  {
    reason: 'card_canceled',
    decline: 'pickup_card',
    holds: ({ card }) => card.status === 'canceled',
  },
  {
    reason: 'card_expired',
    decline: 'expired_card',
    holds: ({ card, now }) => hasExpired(card, now),
  },
  {
    reason: 'card_inactive',
    decline: 'do_not_honor',
    holds: ({ card }) => card.status !== 'active',
  },
  {
    reason: 'cardholder_blocked',
    decline: 'generic_decline',
    holds: ({ card }) => card.cardholder.status === 'blocked',
  },
  {
    reason: 'cardholder_inactive',
    decline: 'do_not_honor',
    holds: ({ card }) => card.cardholder.status !== 'active',
  },
  {
    reason: 'verification_failed',
    decline: 'incorrect_cvc',
    holds: ({ cvc }) => cvc === 'mismatch',
  },
  {
    reason: 'verification_failed',
    decline: 'expired_card',
    holds: ({ expiry }) => expiry === 'mismatch',
  },
  {
    reason: 'not_allowed',
    decline: 'currency_not_supported',
    holds: ({ card, currency }) => card.currency !== currency,
  },
  {
    reason: 'spending_controls',
    decline: 'transaction_not_allowed',
    holds: (facts) => objections(facts).includes('merchant'),
  },
  {
    reason: 'spending_controls',
    decline: 'card_velocity_exceeded',
    holds: (facts) => objections(facts).includes('amount'),
  },
  {
    reason: 'insufficient_funds',
    decline: 'insufficient_funds',
    holds: ({ amount, available }) => amount > available,
  },
];

function objections(facts: Facts): Array<'merchant' | 'amount' | null> {
  const { spending_controls: own, cardholder } = facts.card;
  const owners = cardholder.spending_controls;
  return [
    objection(own, facts, (limit) => facts.spent(limit, 'card')),
    owners === null ? null : objection(owners, facts, (limit) => facts.spent(limit, 'cardholder')),
  ];
}

/** What the issuer answers, and why. */
export function decide(facts: Facts): Verdict {
  const refusal = REFUSALS.find(({ holds }) => holds(facts));
  if (refusal === undefined) return { approved: true, reason: 'card_active', decline: null };
  return { approved: false, reason: refusal.reason, decline: refusal.decline };
}
