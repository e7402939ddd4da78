import { z } from 'zod';
import { attempt } from './attempt.ts';
import { type CheckoutResult, type Submission, submitCard } from './checkout-card.ts';
import { intentOf } from './checkout-payment.ts';
import { submitSaved } from './checkout-saved.ts';
import { sessionNamed } from './checkout-sessions.ts';
import { invalid } from './error.ts';
import { idOf } from './ids.ts';
import { cardOfNumber, codeOf } from './issued-numbers.ts';
import { methodNamed } from './payment-methods.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { finishVerification } from './verification.ts';

/** What a person on the page would fill in; all but the card can be left out. */
export const payBody = z.strictObject({
  number: z.string().default(''),
  /** A card kept with the customer, instead of a number. */
  payment_method: z.string().optional(),
  exp_month: z.union([z.string(), z.int()]).optional(),
  exp_year: z.union([z.string(), z.int()]).optional(),
  cvc: z.string().optional(),
  name: z.string().optional(),
  email: z.string().optional(),
  country: z.string().optional(),
  postal_code: z.string().optional(),
  line1: z.string().optional(),
  city: z.string().optional(),
  state: z.string().optional(),
  tax_id: z.string().optional(),
  /** False: nobody answers where the page asks whether a person is there. */
  human: z.boolean().default(true),
  three_ds: z.enum(['pass', 'fail', 'abandon']).optional(),
});

/** Pays or saves as a person on the page would, the bank's question included. */
export function pay(sim: Sim, session: string, person: z.infer<typeof payBody>): object {
  const result =
    person.payment_method === undefined
      ? submitCard(sim, session, submissionOf(sim, person))
      : submitSaved(sim, session, person.payment_method, null);
  if (result.kind !== 'needs_verification' || person.three_ds === 'abandon') return told(result);
  const answer = person.three_ds === 'fail' ? 'fail' : 'pass';
  const verified = finishVerification(sim, result.intent, answer);
  return told(verified === undefined || verified.kind === 'returned' ? result : verified);
}

function submissionOf(sim: Sim, person: z.infer<typeof payBody>): Submission {
  const number = person.number.replaceAll(/[\s-]/g, '');
  const printed = onTheCard(sim, number);
  return {
    entry: {
      number,
      expMonth: String(person.exp_month ?? printed.month),
      expYear: String(person.exp_year ?? printed.year),
      cvc: person.cvc ?? printed.cvc,
      human: person.human,
    },
    holder: {
      name: person.name ?? 'Test Person',
      email: person.email ?? null,
      country: person.country ?? 'US',
      postalCode: person.postal_code ?? (person.country === undefined ? '10001' : null),
      line1: person.line1 ?? null,
      city: person.city ?? null,
      state: person.state ?? null,
    },
    taxId: person.tax_id ?? null,
    shownTotal: null,
  };
}

/** What its owner reads off it: of a test card anything goes, of an issued one what is true. */
function onTheCard(sim: Sim, number: string): { month: number; year: number; cvc: string } {
  const issued = cardOfNumber(sim, number);
  const row = sim.store.issued_numbers.get(issued?.id ?? '');
  if (issued !== undefined && row !== undefined) {
    return { month: issued.exp_month, year: issued.exp_year, cvc: codeOf(row) };
  }
  const year = new Date(sim.now() * 1000).getUTCFullYear() + 3;
  return { month: 12, year, cvc: /^3[47]/.test(number) ? '1234' : '123' };
}

function told(result: CheckoutResult): object {
  switch (result.kind) {
    case 'complete':
      return { status: 'complete', ...named(result.intent), decline_code: null };
    case 'declined': {
      const { decline_code: declineCode, code } = result.error;
      const why = declineCode ?? code ?? null;
      return { status: 'declined', ...named(result.intent), decline_code: why };
    }
    case 'refused':
      return {
        status: 'declined',
        payment_intent: idOf(result.session.payment_intent),
        decline_code: result.refusal.declineCode ?? result.refusal.code,
      };
    case 'needs_verification':
      return { status: 'requires_action', ...named(result.intent), decline_code: null };
    case 'repriced':
      return { status: 'repriced', payment_intent: null, decline_code: null };
    case 'closed':
      throw invalid(`This Checkout Session has a status of ${result.session.status}.`);
  }
}

/** Answers speak of `payment_intent`; those about saving a card of `setup_intent` as well. */
function named(intent: string): object {
  if (intent.startsWith('pi_')) return { payment_intent: intent };
  return { payment_intent: null, setup_intent: intent };
}

/**
 * The race nobody can rule out: the payment goes through while its session expires. The session
 * stays expired, the intent has the money.
 */
export function payLate(sim: Sim, id: string): object {
  const session = sessionNamed(sim, id);
  if (session.status !== 'expired' || session.mode !== 'payment') {
    throw invalid('Only a payment session that has expired can be paid late.');
  }
  const before = intentOf(sim, session);
  const intent = sim.store.payment_intents.put({
    ...before,
    canceled_at: null,
    cancellation_reason: null,
    status: 'requires_payment_method',
  });
  sim.store.checkout_sessions.put({ ...session, payment_intent: intent.id });
  attempt(sim, NO_REQUEST, intent, methodNamed(sim, 'pm_card_visa'), {
    verification: 'not_yet',
    offSession: false,
  });
  return { status: 'succeeded', payment_intent: intent.id };
}
