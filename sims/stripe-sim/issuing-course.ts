import type Stripe from 'stripe';
import { invalid } from './error.ts';
import {
  asHistory,
  authorizationNamed,
  changeAuthorization,
  type Hold,
} from './issuing-authorization-object.ts';
import { releaseHold, takeHold, verdictOn } from './issuing-authorizations.ts';
import { issuingAvailable } from './issuing-balance.ts';
import { newIssuingTransaction } from './issuing-transactions.ts';
import { type Cause, NO_REQUEST, type Sim } from './sim.ts';

type Authorization = Stripe.Issuing.Authorization;

/** Only what is pending moves on; all other states are ends. */
function pendingNamed(sim: Sim, id: string): { authorization: Authorization; hold: Hold } {
  const authorization = authorizationNamed(sim, id);
  const hold = sim.store.issuing_holds.get(id);
  if (authorization.status === 'pending' && hold !== undefined) return { authorization, hold };
  throw invalid(`This authorization is ${authorization.status} and can no longer be changed.`);
}

/** The merchant takes the money, all that is held if no amount is given. */
export function capture(
  sim: Sim,
  cause: Cause,
  id: string,
  options: { amount?: number | undefined; close?: boolean | undefined } = {},
): Authorization {
  const { authorization, hold } = pendingNamed(sim, id);
  const amount = positive(options.amount ?? hold.held, 'capture_amount');
  const { currency } = hold;
  // More than was held is taken from the rest, as tips are; never more than there is.
  if (amount > hold.held + issuingAvailable(sim, currency)) {
    throw invalid('The issuing balance does not cover this capture.', 'capture_amount');
  }
  const close = options.close ?? true;
  const released = releaseHold(sim, hold, close ? hold.held : Math.min(amount, hold.held));
  sim.store.issuing_holds.put({ ...released, captured: hold.captured + amount });
  newIssuingTransaction(sim, cause, { authorization, type: 'capture', amount: -amount });
  const ended = close || released.held === 0;
  return changeAuthorization(sim, cause, authorization, { status: ended ? 'closed' : 'pending' });
}

/** The merchant wants less of it, or none. */
export function reverse(sim: Sim, cause: Cause, id: string, asked?: number): Authorization {
  const { authorization, hold } = pendingNamed(sim, id);
  const amount = positive(asked ?? hold.held, 'reverse_amount');
  if (amount > hold.held) {
    throw invalid('Only what is held can be reversed.', 'reverse_amount');
  }
  const left = releaseHold(sim, hold, amount);
  const ended = left.captured > 0 ? 'closed' : 'reversed';
  return changeAuthorization(sim, cause, authorization, {
    amount: authorization.amount - amount,
    status: left.held === 0 ? ended : 'pending',
  });
}

/** Nobody came for the money in time. */
export function expire(sim: Sim, cause: Cause, id: string): Authorization {
  const { authorization, hold } = pendingNamed(sim, id);
  releaseHold(sim, hold, hold.held);
  return changeAuthorization(sim, cause, authorization, { status: 'expired' });
}

export const expireByItself = (sim: Sim, id: string): void => {
  expire(sim, NO_REQUEST, id);
};

/** The merchant wants more: the issuer is asked once more, and its no leaves the hold as it was. */
export function increment(sim: Sim, cause: Cause, id: string, asked: number): Authorization {
  const { authorization, hold } = pendingNamed(sim, id);
  const amount = positive(asked, 'increment_amount');
  const { card, currency, merchant_data: merchant } = authorization;
  const total = authorization.amount + amount;
  const verification = authorization.verification_data;
  const verdict = verdictOn(sim, card, { amount, total, currency, merchant, verification });
  if (verdict.approved) takeHold(sim, hold, amount);
  const entry = asHistory(sim, id, amount, currency, verdict);
  return changeAuthorization(sim, cause, authorization, {
    amount: verdict.approved ? total : authorization.amount,
    request_history: [entry, ...authorization.request_history],
  });
}

function positive(amount: number, param: string): number {
  if (amount >= 1) return amount;
  throw invalid('Invalid positive integer', param, 'parameter_invalid_integer');
}
