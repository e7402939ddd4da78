import type Stripe from 'stripe';
import { DECLINES, type Decline } from './card-declines.ts';
import { type TestCard, testCard } from './cards.ts';
import { codeOf, numberOf } from './issued-numbers.ts';
import { authorize } from './issuing-authorizations.ts';
import { issuedCard } from './issuing-cards.ts';
import { capture, reverse } from './issuing-course.ts';
import { refundIssued } from './issuing-transactions.ts';
import { MERCHANT_CATEGORIES } from './merchant-categories.ts';
import { ASKS_FOR_CODE } from './one-time-codes.ts';
import { NO_REQUEST, type Sim } from './sim.ts';

/**
 * A payment with an issued card has two records: the merchant's, and the issuer's. They share the
 * code of the authorization and the number the network gave it.
 */
export interface IssuerAnswer {
  /** The id of the authorization. */
  authorization: string;
  /** What the merchant is told of a refusal; null if approved. */
  why: Decline | null;
  code: string | null;
  network: string | null;
}

/** Which authorization is behind a charge. */
export interface IssuerSide {
  /** The id of the charge. */
  id: string;
  authorization: string;
}

/** What is typed on a page, to be compared with what the issuer knows. */
export interface TypedCard {
  cvc: string;
  postalCode: string | null;
  line1: string | null;
}

const PREFIX = 'issued_';

/** An issued card as the merchant's side sees it; what is wrong with what was typed fails checks. */
export function asTestCard(sim: Sim, id: string, typed?: TypedCard): TestCard | undefined {
  const row = sim.store.issued_numbers.get(id);
  if (row === undefined) return undefined;
  const { cardholder } = issuedCard(sim, id);
  const home = cardholder.billing.address;
  const failingChecks: Array<'cvc' | 'postal_code' | 'line1'> = [];
  if (typed !== undefined) {
    if (typed.cvc !== codeOf(row)) failingChecks.push('cvc');
    if (!same(typed.postalCode, home.postal_code)) failingChecks.push('postal_code');
    if (!same(typed.line1, home.line1)) failingChecks.push('line1');
  }
  const threeDSecure = cardholder.metadata[ASKS_FOR_CODE] === 'on' ? 'first_use' : 'optional';
  const traits = { funding: 'prepaid', failingChecks, issued: id, threeDSecure } as const;
  return testCard(`${PREFIX}${id}`, numberOf(row), traits);
}

/** The card kept under the name `issued_ic_…` with a payment method. */
export function issuedByName(sim: Sim, name: string): TestCard | undefined {
  return name.startsWith(PREFIX) ? asTestCard(sim, name.slice(PREFIX.length)) : undefined;
}

function same(typed: string | null, known: string | null): boolean {
  const plain = (text: string | null) => (text ?? '').replaceAll(/\s/g, '').toLowerCase();
  return plain(typed) === plain(known);
}

export interface AskedOfIssuer {
  /** The id of the issued card. */
  card: string;
  method: Stripe.PaymentMethod;
  /** Minor units. */
  amount: number;
  currency: string;
  descriptor: string;
}

/**
 * The network asks the issuer; 0 of the minor unit asks only whether the card may be kept.
 * `verified`: its owner was asked for a code and knew it.
 */
export function askIssuer(sim: Sim, asked: AskedOfIssuer, verified: boolean): IssuerAnswer {
  const card = issuedCard(sim, asked.card);
  const { authorization, verdict } = authorize(sim, NO_REQUEST, {
    ...{ card: card.id, amount: asked.amount, currency: asked.currency, method: 'online' },
    merchant: merchant(asked.descriptor),
    verification: verificationOf(card, asked.method, verified),
    ...{ acquirer: null, wallet: null },
  });
  return {
    authorization: authorization.id,
    why: verdict.decline === null ? null : DECLINES[verdict.decline],
    code: authorization.request_history[0]?.authorization_code ?? null,
    network: authorization.network_data?.transaction_id ?? null,
  };
}

function merchant(name: string): Stripe.Issuing.Authorization.MerchantData {
  const category = 'computer_software_stores';
  return {
    category,
    category_code: MERCHANT_CATEGORIES[category] ?? '',
    ...{ city: null, country: 'US', name, network_id: '1234567890', postal_code: null },
    ...{ state: null, tax_id: null, terminal_id: null, url: null },
  };
}

const CHECKED = { pass: 'match', fail: 'mismatch' } as const;

function verificationOf(
  card: Stripe.Issuing.Card,
  method: Stripe.PaymentMethod,
  verified: boolean,
): Stripe.Issuing.Authorization.VerificationData {
  const checks = method.card?.checks;
  const told = (check: string | null | undefined) =>
    check === 'pass' || check === 'fail' ? CHECKED[check] : 'not_provided';
  const sameDate =
    method.card?.exp_month === card.exp_month && method.card.exp_year === card.exp_year;
  return {
    address_line1_check: told(checks?.address_line1_check),
    address_postal_code_check: told(checks?.address_postal_code_check),
    authentication_exemption: null,
    // A card that is kept was typed another time; its code is never kept with it.
    cvc_check: method.customer === null ? told(checks?.cvc_check) : 'not_provided',
    expiry_check: sameDate ? 'match' : 'mismatch',
    postal_code: method.billing_details.address?.postal_code ?? null,
    three_d_secure: verified ? { result: 'authenticated' } : null,
  };
}

/** The merchant takes what was approved. */
export function takeFromIssuer(sim: Sim, answer: IssuerAnswer): void {
  capture(sim, NO_REQUEST, answer.authorization);
}

/** Approved, and then not wanted: the owner sees a hold that goes away. */
export function letGo(sim: Sim, answer: IssuerAnswer | null): void {
  if (answer !== null && answer.why === null) reverse(sim, NO_REQUEST, answer.authorization);
}

/** The issuer's side of a charge, to be laid beside the merchant's; null for any other card. */
export function issuerSideOf(sim: Sim, charge: string): object | null {
  const id = sim.store.issuer_sides.get(charge)?.authorization ?? '';
  const row = sim.store.issuing_authorizations.get(id);
  const hold = sim.store.issuing_holds.get(id);
  if (row === undefined || hold === undefined) return null;
  const { approved, status, request_history: history } = row;
  const { held, captured } = hold;
  const reason = history[0]?.reason ?? null;
  return { authorization: id, approved, status, reason, held, captured };
}

/** A refund that arrived at an issued card is on its side as well. */
export function giveToIssuer(sim: Sim, charge: string, amount: number): void {
  const side = sim.store.issuer_sides.get(charge);
  if (side !== undefined) refundIssued(sim, NO_REQUEST, side.authorization, amount);
}
