import type Stripe from 'stripe';
import { address } from './addresses.ts';
import { cardByName, fingerprintOf, type TestCard } from './cards.ts';
import { invalid, missing } from './error.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { LIST_NAMES } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';

/** Which test card stands behind a payment method. Its name, never its number. */
export interface CardBehind {
  id: string;
  card: string;
}

export interface CardHolder {
  name: string | null;
  email: string | null;
  country: string | null;
  postalCode: string | null;
}

export const NOBODY: CardHolder = { name: null, email: null, country: null, postalCode: null };

export function newCardMethod(
  sim: Sim,
  card: TestCard,
  holder: CardHolder,
  expiry?: { month: number; year: number },
): Stripe.PaymentMethod {
  const method = sim.store.payment_methods.put({
    id: newId('pm'),
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: billingDetails(holder),
    card: {
      brand: card.brand,
      checks: checksOf(card, holder),
      country: card.country,
      display_brand: card.brand,
      exp_month: expiry?.month ?? 12,
      exp_year: expiry?.year ?? new Date(sim.now() * 1000).getUTCFullYear() + 3,
      fingerprint: fingerprintOf(card.number),
      funding: card.funding,
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [card.brand], preferred: null },
      regulated_status: 'unregulated',
      three_d_secure_usage: { supported: card.threeDSecure !== 'not_supported' },
      wallet: null,
    },
    created: sim.now(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: 'card',
  });
  sim.store.cards_behind.put({ id: method.id, card: card.name });
  return method;
}

function billingDetails(holder: CardHolder): Stripe.PaymentMethod.BillingDetails {
  return {
    address: address({ country: holder.country, postal_code: holder.postalCode }),
    email: holder.email,
    name: holder.name,
    phone: null,
    tax_id: null,
  };
}

/** A check can only fail if its field was sent. */
function checksOf(card: TestCard, holder: CardHolder): Stripe.PaymentMethod.Card.Checks {
  const failing = (check: 'cvc' | 'postal_code') => card.failingChecks.includes(check);
  return {
    address_line1_check: null,
    address_postal_code_check:
      holder.postalCode === null ? null : failing('postal_code') ? 'fail' : 'pass',
    cvc_check: failing('cvc') ? 'fail' : 'pass',
  };
}

/** A stored method by id, or a fresh one for `pm_card_visa` and its siblings. */
export function methodNamed(sim: Sim, id: string): Stripe.PaymentMethod {
  const stored = sim.store.payment_methods.get(id);
  if (stored !== undefined) return stored;
  const card = id.startsWith('pm_card_') ? cardByName(id.slice('pm_card_'.length)) : undefined;
  if (card === undefined) throw missing('PaymentMethod', id, 'payment_method');
  return newCardMethod(sim, card, NOBODY);
}

export function cardOf(sim: Sim, method: Stripe.PaymentMethod): TestCard {
  const behind = sim.store.cards_behind.get(method.id);
  const card = behind === undefined ? undefined : cardByName(behind.card);
  if (card === undefined) throw invalid('This payment method can no longer be charged.');
  return card;
}

function listOf(call: Call, customer: string | undefined, url: string): object {
  const rows = call.sim.store.payment_methods
    .newestFirst()
    .filter((row) => customer !== undefined && row.customer === customer);
  return page(call, url, rows);
}

export const paymentMethodRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/payment_methods',
    names: [...LIST_NAMES, 'customer', 'type'],
    run: (call) => listOf(call, call.params.text('customer'), '/v1/payment_methods'),
  },
  {
    method: 'GET',
    path: '/v1/payment_methods/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => {
      const method = sim.store.payment_methods.get(id);
      if (method === undefined) throw missing('PaymentMethod', id);
      return method;
    },
  },
  {
    method: 'GET',
    path: '/v1/customers/:id/payment_methods',
    names: [...LIST_NAMES, 'type'],
    run: (call) => listOf(call, call.id, `/v1/customers/${call.id}/payment_methods`),
  },
];
