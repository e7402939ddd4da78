import type Stripe from 'stripe';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import {
  asHistory,
  authorizationNow,
  digitsOf,
  type Hold,
} from './issuing-authorization-object.ts';
import { issuingAvailable, moveIssuing } from './issuing-balance.ts';
import { changeCard, issuedCard } from './issuing-cards.ts';
import { decide, type Verdict } from './issuing-decision.ts';
import { later } from './schedule.ts';
import type { Cause, Sim } from './sim.ts';
import { intervalStart, type Limit } from './spending-controls.ts';

type Authorization = Stripe.Issuing.Authorization;

/** A purchase as the network asks the issuer about it. */
export interface Asked {
  /** The id of the issued card. */
  card: string;
  /** Minor unit; 0 asks only whether the card is good. */
  amount: number;
  currency: string;
  method: Stripe.Issuing.Authorization.AuthorizationMethod;
  merchant: Stripe.Issuing.Authorization.MerchantData;
  verification: Stripe.Issuing.Authorization.VerificationData;
  acquirer: string | null;
  wallet: string | null;
}

const WEEK_SECONDS = 7 * 24 * 3600;

/** The issuer's answer: a hold if it is yes, a record of the refusal if it is no. */
export function authorize(
  sim: Sim,
  cause: Cause,
  asked: Asked,
): { authorization: Authorization; verdict: Verdict } {
  const { amount, currency, merchant } = asked;
  const card = issuedCard(sim, asked.card);
  const verdict = verdictOn(sim, card, {
    ...{ amount, total: amount, currency, merchant },
    verification: asked.verification,
  });
  const id = newId(sim, 'iauth');
  const hold = sim.store.issuing_holds.put({
    ...{ id, card: card.id, cardholder: card.cardholder.id, category: merchant.category },
    ...{ created: sim.now(), currency, approved: verdict.approved },
    ...{ held: 0, captured: 0, movements: [] },
  });
  const row = sim.store.issuing_authorizations.put(asObject(sim, id, asked, card, verdict));
  if (verdict.approved && amount > 0) {
    takeHold(sim, hold, amount);
    later(sim, 'authorization_expires', id, WEEK_SECONDS);
  }
  const authorization = authorizationNow(sim, row);
  emit(sim, cause, 'issuing_authorization.created', authorization);
  if (verdict.approved && amount > 0) cancelIfUsedUp(sim, cause, card);
  return { authorization: authorizationNow(sim, row), verdict };
}

/** What would be said to this amount now, on top of what is held already. */
export function verdictOn(
  sim: Sim,
  card: Stripe.Issuing.Card,
  on: {
    amount: number;
    total: number;
    currency: string;
    merchant: Stripe.Issuing.Authorization.MerchantData;
    verification: Stripe.Issuing.Authorization.VerificationData;
  },
): Verdict {
  return decide({
    card,
    now: sim.now(),
    currency: on.currency,
    amount: on.amount,
    total: on.total,
    category: on.merchant.category,
    country: on.merchant.country,
    cvc: on.verification.cvc_check === 'mismatch' ? 'mismatch' : 'match',
    expiry: on.verification.expiry_check === 'mismatch' ? 'mismatch' : 'match',
    available: issuingAvailable(sim, on.currency),
    spent: (limit, whose) => spentWithin(sim, card, limit, whose),
  });
}

/** Held and captured, by the day of the authorization; a refund does not give a limit back. */
function spentWithin(
  sim: Sim,
  card: Stripe.Issuing.Card,
  limit: Limit,
  whose: 'card' | 'cardholder',
): number {
  const since = intervalStart(limit.interval, sim.now());
  return sim.store.issuing_holds
    .oldestFirst()
    .filter((row) => row.approved && row.created >= since)
    .filter((row) =>
      whose === 'card' ? row.card === card.id : row.cardholder === card.cardholder.id,
    )
    .filter((row) => limit.categories?.includes(row.category) !== false)
    .reduce((sum, row) => sum + row.held + row.captured, 0);
}

/** Money set aside: still the owner's, no longer to be spent. */
export function takeHold(sim: Sim, hold: Hold, amount: number): Hold {
  const { id: source, currency } = hold;
  const type = 'issuing_authorization_hold';
  const movement = moveIssuing(sim, {
    ...{ type, amount: -amount, currency, source },
    description: 'Hold for an authorization',
  });
  return sim.store.issuing_holds.put({
    ...hold,
    held: hold.held + amount,
    movements: [...hold.movements, movement.id],
  });
}

export function releaseHold(sim: Sim, hold: Hold, amount: number): Hold {
  if (amount === 0) return hold;
  const { id: source, currency } = hold;
  const movement = moveIssuing(sim, {
    ...{ type: 'issuing_authorization_release', amount, currency, source },
    description: 'Release of a hold',
  });
  return sim.store.issuing_holds.put({
    ...hold,
    held: hold.held - amount,
    movements: [...hold.movements, movement.id],
  });
}

/** A card for so many payments is canceled by the last of them. */
function cancelIfUsedUp(sim: Sim, cause: Cause, card: Stripe.Issuing.Card): void {
  const most = card.lifecycle_controls?.cancel_after.payment_count;
  if (most === undefined) return;
  const used = sim.store.issuing_holds
    .oldestFirst()
    .filter((row) => row.card === card.id && row.movements.length > 0).length;
  if (used >= most) changeCard(sim, cause, card, { status: 'canceled' });
}

function asObject(
  sim: Sim,
  id: string,
  asked: Asked,
  card: Stripe.Issuing.Card,
  verdict: Verdict,
): Authorization {
  const { amount, currency } = asked;
  return {
    id,
    object: 'issuing.authorization',
    amount,
    amount_details: null,
    approved: verdict.approved,
    authorization_method: asked.method,
    balance_transactions: [],
    card,
    card_presence:
      asked.method === 'online' || asked.method === 'keyed_in' ? 'not_present' : 'present',
    cardholder: card.cardholder.id,
    created: sim.now(),
    currency,
    fleet: null,
    fuel: null,
    livemode: false,
    merchant_amount: amount,
    merchant_currency: currency,
    merchant_data: asked.merchant,
    metadata: {},
    network_data: {
      acquiring_institution_id: asked.acquirer,
      system_trace_audit_number: null,
      transaction_id: digitsOf(`${id} network`, 15),
    },
    pending_request: null,
    request_history: [asHistory(sim, id, amount, currency, verdict)],
    status: verdict.approved && amount > 0 ? 'pending' : 'closed',
    transactions: [],
    verification_data: asked.verification,
    verified_by_fraud_challenge: null,
    wallet: asked.wallet,
  };
}
