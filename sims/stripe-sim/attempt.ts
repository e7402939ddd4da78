import type Stripe from 'stripe';
import {
  type AttemptResult,
  ask,
  decline,
  failVerification,
  pend,
  succeed,
  type Tried,
} from './attempt-ends.ts';
import { DECLINES, type Decline } from './card-declines.ts';
import type { TestCard } from './cards.ts';
import { statementLine } from './charges.ts';
import { type AskedOfIssuer, askIssuer, type IssuerAnswer } from './issuer-side.ts';
import { mandateRevoked } from './mandates.ts';
import { sendCode } from './one-time-codes.ts';
import { cardOf, isSetUp } from './payment-methods.ts';
import type { Cause, Sim } from './sim.ts';

export type { AttemptResult } from './attempt-ends.ts';

/** What the cardholder did with the bank's verification, if it was asked for. */
export type Verification = 'not_yet' | 'pass' | 'fail';

export interface AttemptOptions {
  verification: Verification;
  /** Its owner is not there: auto-reload. */
  offSession: boolean;
  /** A bank that asks is as good as one that refuses. */
  errorOnAction?: boolean;
  /** Where the bank's page leads back to. */
  returnUrl?: string | null;
  /** Called between the success of the intent and the arrival of its balance transaction. */
  onSuccess?: (intent: Stripe.PaymentIntent) => void;
}

/** One try to move the intent's amount with this payment method. */
export function attempt(
  sim: Sim,
  cause: Cause,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  options: AttemptOptions,
): AttemptResult {
  const card = cardOf(sim, method);
  const at = { intent, method, card };
  const asked = asks(intent, card, isSetUp(sim, method.id), options.offSession);
  // Whoever failed before the bank has failed, though its owner wants to be asked no longer.
  if (options.verification === 'fail') return failVerification(sim, cause, intent, method);
  if (asked) {
    if (options.offSession || options.errorOnAction === true) {
      return decline(sim, cause, { ...at, why: DECLINES.authentication_required });
    }
    if (options.verification === 'not_yet') {
      const about = aboutIssued(sim, at);
      if (about !== null) sendCode(sim, intent.id, about);
      return ask(sim, cause, intent, method, options.returnUrl ?? null);
    }
  }
  if (card.threeDSecure === 'unreachable' && !options.offSession && wantsVerification(intent)) {
    return decline(sim, cause, {
      ...at,
      why: DECLINES.three_d_secure_authentication_upstream_error,
    });
  }
  if (options.offSession && mandateRevoked(sim, method.id)) {
    const why = DECLINES.india_recurring_payment_mandate_canceled;
    return decline(sim, cause, { ...at, why });
  }
  const rule = refusedByRule(sim, card, method);
  const issuer = issuerAnswer(sim, at, rule, asked);
  const why = card.decline ?? issuer?.why ?? rule;
  if (why !== null) return decline(sim, cause, { ...at, why, issuer });
  if (card.arrives !== 'now') return pend(sim, cause, at, card.arrives);
  const shown = asked ? 'challenge' : card.threeDSecure === 'frictionless' ? 'frictionless' : null;
  return succeed(sim, cause, { ...at, shown, issuer }, options.onSuccess);
}

/** The other side of a payment with an issued card; nobody is asked about what a rule stops first. */
function issuerAnswer(
  sim: Sim,
  tried: Tried,
  rule: Decline | null,
  verified: boolean,
): IssuerAnswer | null {
  const stopped = rule !== null && rule.network !== 'reversed_after_approval';
  const about = aboutIssued(sim, tried);
  return about === null || stopped ? null : askIssuer(sim, about, verified);
}

/** What the issuer of an issued card is asked about; null for any other card. */
function aboutIssued(sim: Sim, { intent, method, card }: Tried): AskedOfIssuer | null {
  if (card.issued === null) return null;
  const { amount, currency } = intent;
  return { card: card.issued, method, amount, currency, descriptor: statementLine(sim, intent) };
}

/** Whether the bank wants to see its customer for this payment. */
function asks(
  intent: Stripe.PaymentIntent,
  card: TestCard,
  setUp: boolean,
  offSession: boolean,
): boolean {
  switch (card.threeDSecure) {
    case 'required':
      return true;
    case 'first_use':
      return !(offSession && setUp);
    case 'on_session':
      return !offSession;
    case 'enrolled':
      return !offSession && wantsVerification(intent);
    default:
      return false;
  }
}

function wantsVerification(intent: Stripe.PaymentIntent): boolean {
  const requested = intent.payment_method_options?.card?.request_three_d_secure;
  return requested === 'any' || requested === 'challenge';
}

/** The merchant's own rules: risk before the bank is asked, checks after it has approved. */
function refusedByRule(sim: Sim, card: TestCard, method: Stripe.PaymentMethod): Decline | null {
  const rules = sim.settings();
  const checks = method.card?.checks;
  if (card.riskLevel === 'highest' && rules.block_highest_risk) {
    return DECLINES.highest_risk_level;
  }
  if (checks?.cvc_check === 'fail' && rules.block_cvc_fail) return DECLINES.rule_cvc;
  if (checks?.address_postal_code_check === 'fail' && rules.block_zip_fail) {
    return DECLINES.rule_zip;
  }
  return null;
}
