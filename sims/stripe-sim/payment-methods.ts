import type Stripe from 'stripe';
import { address } from './addresses.ts';
import { cardByName, fingerprintOf, type TestCard } from './cards.ts';
import { changeCustomer } from './customer-object.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, newId } from './ids.ts';
import { issuedByName } from './issuer-side.ts';
import type { Cause, Sim } from './sim.ts';

/** Which test card stands behind a payment method. Its name, never its number. */
export interface CardBehind {
  id: string;
  card: string;
  /** Its owner agreed, before the bank, to charges without being there. */
  setUp?: boolean;
  /** Used without a customer, or detached from one: it cannot be used again. */
  spent?: boolean;
}

export interface CardHolder {
  name: string | null;
  email: string | null;
  country: string | null;
  postalCode: string | null;
  line1?: string | null;
  city?: string | null;
  state?: string | null;
}

export const NOBODY: CardHolder = { name: null, email: null, country: null, postalCode: null };

export function newCardMethod(
  sim: Sim,
  card: TestCard,
  holder: CardHolder,
  expiry?: { month: number; year: number },
): Stripe.PaymentMethod {
  const method = sim.store.payment_methods.put({
    id: newId(sim, 'pm'),
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
    address: address({
      city: holder.city ?? null,
      country: holder.country,
      line1: holder.line1 ?? null,
      postal_code: holder.postalCode,
      state: holder.state ?? null,
    }),
    email: holder.email,
    name: holder.name,
    phone: null,
    tax_id: null,
  };
}

/** A check can only fail if its field was sent. */
function checksOf(card: TestCard, holder: CardHolder): Stripe.PaymentMethod.Card.Checks {
  const result = (check: 'cvc' | 'postal_code' | 'line1', sent: boolean) => {
    if (!sent) return null;
    if (card.uncheckedAddress && check !== 'cvc') return 'unavailable';
    return card.failingChecks.includes(check) ? 'fail' : 'pass';
  };
  return {
    address_line1_check: result('line1', (holder.line1 ?? null) !== null),
    address_postal_code_check: result('postal_code', holder.postalCode !== null),
    cvc_check: result('cvc', true),
  };
}

/** A stored method by id, or a fresh one for `pm_card_visa` and its siblings. */
export function methodNamed(sim: Sim, id: string): Stripe.PaymentMethod {
  const stored = sim.store.payment_methods.get(id);
  if (stored !== undefined) {
    if (sim.store.cards_behind.get(id)?.spent !== true) return stored;
    throw invalid(
      'The provided PaymentMethod was previously used without being attached to a Customer or ' +
        'was detached from a Customer, and may not be used again.',
      'payment_method',
    );
  }
  const card = id.startsWith('pm_card_') ? cardByName(id.slice('pm_card_'.length)) : undefined;
  if (card === undefined) throw missing('PaymentMethod', id, 'payment_method');
  return newCardMethod(sim, card, NOBODY);
}

export function cardOf(sim: Sim, method: Stripe.PaymentMethod): TestCard {
  const behind = sim.store.cards_behind.get(method.id);
  const name = behind?.card ?? '';
  const card = cardByName(name) ?? issuedByName(sim, name);
  if (card === undefined) throw invalid('This payment method can no longer be charged.');
  return card;
}

export function isSetUp(sim: Sim, method: string): boolean {
  return sim.store.cards_behind.get(method)?.setUp === true;
}

export function markSetUp(sim: Sim, method: string): void {
  const behind = sim.store.cards_behind.get(method);
  if (behind !== undefined) sim.store.cards_behind.put({ ...behind, setUp: true });
}

export function markSpent(sim: Sim, method: string): void {
  const behind = sim.store.cards_behind.get(method);
  if (behind !== undefined) sim.store.cards_behind.put({ ...behind, spent: true });
}

/** Keeps the card with the customer; nothing if it is there already. */
export function attachTo(
  sim: Sim,
  cause: Cause,
  method: Stripe.PaymentMethod,
  customer: string,
  /** Whether pages may offer it again; what a page saves, pages that ask for `limited` may. */
  redisplay: 'limited' | 'unspecified' = 'unspecified',
): Stripe.PaymentMethod {
  if (method.customer === customer) return method;
  if (method.customer !== null) {
    throw invalid(
      'The payment method you provided has already been attached to a customer.',
      'payment_method',
    );
  }
  const attached = sim.store.payment_methods.put({
    ...method,
    allow_redisplay: redisplay,
    customer,
  });
  emit(sim, cause, 'payment_method.attached', attached);
  return attached;
}

/** Takes the card from its customer, for good. */
export function detach(sim: Sim, cause: Cause, method: Stripe.PaymentMethod): Stripe.PaymentMethod {
  const customer = sim.store.customers.get(idOf(method.customer) ?? '');
  const detached = sim.store.payment_methods.put({ ...method, customer: null });
  markSpent(sim, method.id);
  emit(sim, cause, 'payment_method.detached', detached, { customer: method.customer });
  if (customer?.invoice_settings.default_payment_method === method.id) {
    const settings = { ...customer.invoice_settings, default_payment_method: null };
    changeCustomer(sim, cause, customer, { invoice_settings: settings });
  }
  return detached;
}
