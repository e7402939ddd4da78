import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import type { Decline } from './card-declines.ts';
import type { TestCard } from './cards.ts';
import { missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import type { IssuerAnswer } from './issuer-side.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';

export interface ChargeFacts {
  intent: Stripe.PaymentIntent;
  method: Stripe.PaymentMethod;
  card: TestCard;
  decline: Decline | null;
  shown: ShownToBank;
  /** Of an issued card: its issuer's side. */
  issuer?: IssuerAnswer | null;
}

/** How the bank verified its customer: by asking, by itself, or not at all. */
export type ShownToBank = 'challenge' | 'frictionless' | null;

export function chargeNamed(sim: Sim, id: string, param?: string): Stripe.Charge {
  const charge = sim.store.charges.get(id);
  if (charge === undefined) throw missing('charge', id, param);
  return charge;
}

export function newCharge(sim: Sim, facts: ChargeFacts): Stripe.Charge {
  const { intent, method, decline } = facts;
  const paid = decline === null;
  const id = newId(sim, 'ch');
  if (facts.issuer) {
    sim.store.issuer_sides.put({ id, authorization: facts.issuer.authorization });
  }
  return sim.store.charges.put({
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: paid ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: method.billing_details,
    calculated_statement_descriptor: statementLine(sim, intent),
    captured: paid,
    created: sim.now(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: outcomeOf(facts),
    paid,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: detailsOf(id, facts),
    radar_options: {},
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: paid ? `${sim.baseUrl()}/receipts/${id}` : null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: intent.statement_descriptor_suffix,
    status: paid ? 'succeeded' : 'failed',
    transfer_data: null,
    transfer_group: null,
  });
}

/** What the customer's bank prints: at most 22 characters, prefix and suffix joined by `* `. */
export function statementLine(sim: Sim, intent: Stripe.PaymentIntent): string {
  const prefix = sim.merchantName.toUpperCase().replaceAll(/[^A-Z0-9 .-]/g, '');
  const suffix = intent.statement_descriptor_suffix;
  return (suffix === null ? prefix : `${prefix}* ${suffix}`).slice(0, 22);
}

const RISK_SCORES = { normal: 12, elevated: 68, highest: 92 } as const;

function outcomeOf({ decline, card }: ChargeFacts): Stripe.Charge.Outcome {
  const risk = {
    risk_level: card.riskLevel,
    risk_score: RISK_SCORES[card.riskLevel],
  };
  if (decline === null) {
    return {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: 'approved_by_network',
      reason: card.riskLevel === 'elevated' ? 'elevated_risk_level' : null,
      ...risk,
      seller_message: 'Payment complete.',
      type: 'authorized',
    };
  }
  const { blocked } = decline;
  const unasked = blocked !== undefined && decline.network !== 'reversed_after_approval';
  return {
    advice_code: decline.advice,
    network_advice_code:
      decline.advice === 'do_not_try_again' && decline.networkCode !== null ? '03' : null,
    network_decline_code: decline.networkCode,
    network_status: unasked ? 'not_sent_to_network' : (decline.network ?? 'declined_by_network'),
    reason: blocked ?? decline.declineCode,
    ...risk,
    seller_message:
      blocked === undefined
        ? `The bank returned the decline code \`${decline.declineCode}\`.`
        : 'Stripe blocked this payment.',
    type: blocked === undefined ? 'issuer_declined' : 'blocked',
  };
}

function detailsOf(chargeId: string, facts: ChargeFacts): Stripe.Charge.PaymentMethodDetails {
  const { intent, method, card, decline, shown } = facts;
  const issuer = facts.issuer ?? null;
  const stored = method.card;
  return {
    type: 'card',
    card: {
      amount_authorized: decline === null ? intent.amount : null,
      authorization_code: issuer === null ? codeFrom(chargeId, decline) : issuer.code,
      brand: card.brand,
      checks: stored?.checks ?? null,
      country: card.country,
      electronic_commerce_indicator: shown === null ? null : authenticatedIndicator(card),
      exp_month: stored?.exp_month ?? 12,
      exp_year: stored?.exp_year ?? 2030,
      extended_authorization: { status: 'disabled' },
      fingerprint: stored?.fingerprint ?? null,
      funding: card.funding,
      incremental_authorization: { status: 'unavailable' },
      installments: null,
      last4: stored?.last4 ?? null,
      mandate: null,
      multicapture: { status: 'unavailable' },
      network: card.brand,
      network_token: { used: false },
      network_transaction_id:
        issuer?.network ?? (approved(decline) ? digitsFrom(chargeId, 15) : null),
      overcapture: { maximum_amount_capturable: intent.amount, status: 'unavailable' },
      regulated_status: 'unregulated',
      three_d_secure:
        shown !== null
          ? {
              authentication_flow: shown,
              electronic_commerce_indicator: authenticatedIndicator(card),
              exemption_indicator: null,
              result: 'authenticated',
              result_reason: null,
              transaction_id: chargeId.replace('ch_', '3ds_'),
              version: '2.2.0',
            }
          : null,
      transaction_link_id: null,
      wallet: null,
    },
  };
}

function codeFrom(chargeId: string, decline: Decline | null): string | null {
  return approved(decline) ? digitsFrom(chargeId, 6) : null;
}

/** The bank said yes; what came after is another matter. */
function approved(decline: Decline | null): boolean {
  return decline === null || decline.network === 'reversed_after_approval';
}

function authenticatedIndicator(card: TestCard): '02' | '05' {
  return card.brand === 'mastercard' ? '02' : '05';
}

function digitsFrom(seed: string, length: number): string {
  const number = BigInt(`0x${createHash('sha256').update(seed).digest('hex')}`);
  return String(number).slice(0, length);
}

function update({ sim, cause, params, id }: Call): Stripe.Charge {
  const before = chargeNamed(sim, id);
  const report = params.oneOf('fraud_details.user_report', ['fraudulent', 'safe']);
  const { description, metadata } = before;
  const after = sim.store.charges.put({
    ...before,
    metadata: params.metadata('metadata', metadata),
    ...(params.given('description') ? { description: params.textOrNull('description') } : {}),
    ...(params.given('receipt_email') ? { receipt_email: params.textOrNull('receipt_email') } : {}),
    ...(report === undefined ? {} : { fraud_details: { user_report: report } }),
  });
  emit(sim, cause, 'charge.updated', after, { description, metadata });
  return after;
}

export const chargeRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/charges',
    names: [...LIST_NAMES, 'customer', 'payment_intent'],
    run: (call) => {
      const customer = call.params.text('customer');
      const intent = call.params.text('payment_intent');
      const rows = call.sim.store.charges
        .newestFirst()
        .filter((row) => customer === undefined || idOf(row.customer) === customer)
        .filter((row) => intent === undefined || idOf(row.payment_intent) === intent);
      return page(call, '/v1/charges', rows);
    },
  },
  {
    method: 'GET',
    path: '/v1/charges/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => chargeNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/charges/:id',
    names: ['metadata.*', 'description', 'receipt_email', 'fraud_details.user_report', 'expand.#'],
    run: update,
  },
];
