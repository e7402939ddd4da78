import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { Hands, PageOutcome, TypedCard } from './hands.ts';

const ANSWERS = {
  confirm: 'If the bank asks, confirm.',
  refuse: 'When the bank asks, refuse (fail) the verification.',
  leave: 'When the bank asks, leave its question unanswered and close the page.',
} as const;

export interface PersonHandsOptions {
  readonly stripe: Stripe;
  /** Shows somebody what to do. */
  readonly tell: (text: string) => void;
  readonly pollMs: number;
  readonly patienceMs: number;
}

/** A person who is told what to do; what they did is read from the processor. */
export const personHands = (options: PersonHandsOptions): Hands => ({
  async enter(pageUrl, card) {
    const { stripe, tell, pollMs, patienceMs } = options;
    const id = sessionIdIn(pageUrl);
    const before = attemptOf(await read(stripe, id));
    tell(`Open ${pageUrl}\nEnter card ${card.number}. ${ANSWERS[card.bank ?? 'confirm']}`);
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      const outcome = outcomeOf(await read(stripe, id), before, card);
      if (outcome !== undefined) return outcome;
      await pause(pollMs);
    }
    throw new Error('nobody acted on the payment page in time');
  },
  async close() {},
});

function sessionIdIn(pageUrl: string): string {
  const id = /cs_test_\w+/.exec(pageUrl)?.[0];
  if (id === undefined) throw new Error('this page names no session of a test account');
  return id;
}

const read = (stripe: Stripe, id: string): Promise<Stripe.Checkout.Session> =>
  stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent', 'setup_intent'] });

function intentOf(session: Stripe.Checkout.Session) {
  const { payment_intent: payment, setup_intent: setup } = session;
  if (typeof payment === 'object' && payment !== null) {
    return { status: payment.status, error: payment.last_payment_error };
  }
  if (typeof setup === 'object' && setup !== null) {
    return { status: setup.status, error: setup.last_setup_error };
  }
  return undefined;
}

/** Tells one refusal from the next on the same page. */
const attemptOf = (session: Stripe.Checkout.Session): string => {
  const error = intentOf(session)?.error ?? null;
  const { charge = '', code = '', decline_code: decline = '' } = error ?? {};
  return JSON.stringify([charge, code, decline, error?.payment_method?.id ?? '']);
};

function outcomeOf(
  session: Stripe.Checkout.Session,
  before: string,
  card: TypedCard,
): PageOutcome | undefined {
  if (session.status === 'complete') return 'complete';
  const intent = intentOf(session);
  if (intent?.status === 'requires_action' && card.bank === 'leave') return 'verifying';
  const refusedAnew = intent?.error != null && attemptOf(session) !== before;
  return refusedAnew && intent?.status === 'requires_payment_method' ? 'declined' : undefined;
}
