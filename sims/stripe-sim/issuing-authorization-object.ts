import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { issuedCard } from './issuing-cards.ts';
import type { Verdict } from './issuing-decision.ts';
import type { Cause, Sim } from './sim.ts';

type Authorization = Stripe.Issuing.Authorization;

/** The money side of an authorization; amounts in the minor unit. */
export interface Hold {
  /** The id of the authorization. */
  id: string;
  card: string;
  cardholder: string;
  category: string;
  created: number;
  currency: string;
  approved: boolean;
  held: number;
  captured: number;
  /** Balance transactions of the hold, in order. */
  movements: string[];
}

/** As it is now: with the card, the movements and the transactions there are by now. */
export function authorizationNow(sim: Sim, row: Authorization): Authorization {
  const movements = sim.store.issuing_holds.get(row.id)?.movements ?? [];
  return {
    ...row,
    balance_transactions: movements.flatMap((id) => sim.store.balance_transactions.get(id) ?? []),
    card: issuedCard(sim, row.card.id),
    transactions: sim.store.issuing_transactions
      .newestFirst()
      .filter((each) => each.authorization === row.id),
  };
}

export function authorizationNamed(sim: Sim, id: string): Authorization {
  const found = sim.store.issuing_authorizations.get(id);
  if (found === undefined) throw missing('issuing authorization', id);
  return authorizationNow(sim, found);
}

export function changeAuthorization(
  sim: Sim,
  cause: Cause,
  before: Authorization,
  changed: Partial<Authorization>,
): Authorization {
  const row = sim.store.issuing_authorizations.put({ ...before, ...changed });
  const after = authorizationNow(sim, row);
  const { amount, status } = before;
  emit(sim, cause, 'issuing_authorization.updated', after, { amount, status });
  return after;
}

/** One question and its answer, as the history of an authorization keeps it. */
export function asHistory(
  sim: Sim,
  id: string,
  amount: number,
  currency: string,
  verdict: Verdict,
): Stripe.Issuing.Authorization.RequestHistory {
  return {
    amount,
    amount_details: null,
    approved: verdict.approved,
    authorization_code: verdict.approved ? digitsOf(`${id} code`, 6) : null,
    created: sim.now(),
    currency,
    merchant_amount: amount,
    merchant_currency: currency,
    network_risk_score: null,
    reason: verdict.reason,
    reason_message: null,
    requested_at: sim.now(),
  };
}

/** Digits as a network would give them, the same for the same text. */
export function digitsOf(text: string, length: number): string {
  const number = BigInt(`0x${createHash('sha256').update(text).digest('hex')}`);
  return String(number).slice(0, length);
}
