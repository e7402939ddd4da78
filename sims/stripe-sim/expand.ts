import type { StripeFailure } from './error.ts';
import { invalid } from './error.ts';
import { paymentsOf } from './invoice-payments.ts';
import { authorizationNow } from './issuing-authorization-object.ts';
import { issuedCard } from './issuing-cards.ts';
import type { Sim } from './sim.ts';

interface Bag {
  [key: string]: unknown;
}

type Lookup = (sim: Sim, owner: Bag, value: string) => object | undefined;

const customer: Lookup = (sim, _owner, id) => sim.store.customers.get(id);
const intent: Lookup = (sim, _owner, id) => sim.store.payment_intents.get(id);
const charge: Lookup = (sim, _owner, id) => sim.store.charges.get(id);
const method: Lookup = (sim, _owner, id) => sim.store.payment_methods.get(id);
const movement: Lookup = (sim, _owner, id) => sim.store.balance_transactions.get(id);
const review: Lookup = (sim, _owner, id) => sim.store.reviews.get(id);
const invoice: Lookup = (sim, _owner, id) => sim.store.invoices.get(id);
const product: Lookup = (sim, _owner, id) => sim.store.products.get(id);
const cardholder: Lookup = (sim, _owner, id) => sim.store.issuing_cardholders.get(id);
const authorization: Lookup = (sim, _owner, id) => {
  const row = sim.store.issuing_authorizations.get(id);
  return row && authorizationNow(sim, row);
};
/** Expandable in Stripe's API; in the simulator always null, so there is nothing to look up. */
const never: Lookup = () => undefined;

/** Per object type: which fields may be expanded, and where the object behind them is. */
const EXPANDABLE: Record<string, Record<string, Lookup>> = {
  'checkout.session': {
    customer,
    payment_intent: intent,
    invoice,
    setup_intent: (sim, _owner, id) => sim.store.setup_intents.get(id),
    subscription: never,
    payment_link: never,
  },
  payment_intent: { customer, latest_charge: charge, payment_method: method, review },
  charge: { customer, payment_intent: intent, balance_transaction: movement, review },
  refund: {
    charge,
    payment_intent: intent,
    balance_transaction: movement,
    failure_balance_transaction: movement,
    customer,
  },
  dispute: { charge, payment_intent: intent },
  payment_method: { customer },
  setup_intent: {
    customer,
    payment_method: method,
    mandate: (sim, _owner, id) => sim.store.mandates.get(id),
    latest_attempt: never,
  },
  mandate: { payment_method: method },
  'customer.invoice_settings': { default_payment_method: method },
  tax_id: { customer },
  price: { product },
  customer: {
    default_source: never,
    test_clock: (sim, _owner, id) => sim.store.test_clocks.get(id),
  },
  product: { default_price: never, tax_code: never },
  balance_transaction: {
    source: (sim, owner, id) =>
      charge(sim, owner, id) ??
      sim.store.refunds.get(id) ??
      sim.store.disputes.get(id) ??
      sim.store.payouts.get(id) ??
      sim.store.topups.get(id) ??
      sim.store.issuing_transactions.get(id) ??
      authorization(sim, owner, id),
  },
  review: { charge, payment_intent: intent },
  invoice: { customer, default_payment_method: method, latest_revision: never },
  invoice_payment: { invoice },
  'invoice_payment.payment': { payment_intent: intent, charge },
  credit_note: { invoice, customer },
  payout: { balance_transaction: movement },
  'radar.early_fraud_warning': { charge, payment_intent: intent },
  topup: { balance_transaction: movement },
  'issuing.card': { personalization_design: never, replaced_by: never, replacement_for: never },
  'issuing.authorization': { cardholder },
  'issuing.transaction': {
    authorization,
    balance_transaction: movement,
    card: (sim, _owner, id) => issuedCard(sim, id),
    cardholder,
    dispute: never,
  },
};

/** Fields that exist only when asked for. */
const INCLUDABLE: Record<string, Record<string, (sim: Sim, owner: Bag) => unknown>> = {
  'checkout.session': {
    line_items: (sim, owner) => {
      const id = String(owner.id);
      const lines = sim.store.session_drafts.get(id)?.lines ?? [];
      return listOf(`/v1/checkout/sessions/${id}/line_items`, lines);
    },
  },
  invoice: {
    payments: (sim, owner) => {
      const id = String(owner.id);
      return listOf(`/v1/invoice_payments?invoice=${id}`, paymentsOf(sim, id));
    },
  },
  'tax.calculation': {
    line_items: (sim, owner) => {
      const id = String(owner.id);
      const lines = sim.store.calculation_lines.get(id)?.lines ?? [];
      return listOf(`/v1/tax/calculations/${id}/line_items`, lines);
    },
  },
  'issuing.card': { number: toldAlready('number'), cvc: toldAlready('cvc') },
  charge: {
    refunds: (sim, owner) => {
      const id = String(owner.id);
      const rows = sim.store.refunds.newestFirst().filter((row) => row.charge === id);
      return listOf(`/v1/charges/${id}/refunds`, rows);
    },
  },
  customer: {
    tax_ids: (sim, owner) => {
      const id = String(owner.id);
      const rows = sim.store.tax_ids.newestFirst().filter((row) => row.customer === id);
      return listOf(`/v1/customers/${id}/tax_ids`, rows);
    },
    tax: (_sim, owner) => {
      const place = isBag(owner.address) ? owner.address : {};
      const country = place.country;
      return {
        automatic_tax: typeof country === 'string' ? 'supported' : 'unrecognized_location',
        ip_address: null,
        location:
          typeof country === 'string'
            ? { country, source: 'billing_address', state: place.state ?? null }
            : null,
        provider: 'stripe',
      };
    },
  },
};

/** Only the route of one card tells its number; nowhere else is it put in. */
function toldAlready(name: string): () => never {
  return () => {
    throw notExpandable(name);
  };
}

const DEPTH_MAX = 4;

/** A copy of `answer` with the asked paths replaced by the objects they name. */
export function expand(sim: Sim, answer: object, paths: readonly string[]): object {
  const copy = structuredClone(answer);
  for (const path of paths) {
    const steps = path.split('.');
    const depth = steps.filter((step) => step !== 'data').length;
    if (depth > DEPTH_MAX) throw invalid(`You cannot expand more than 4 levels: ${path}`, 'expand');
    walk(sim, copy, steps, path);
  }
  return copy;
}

function walk(sim: Sim, target: unknown, steps: string[], path: string, kind = ''): void {
  const [step, ...rest] = steps;
  if (step === undefined || !isBag(target)) return;
  if (target.object === 'list') {
    if (step !== 'data' || !Array.isArray(target.data)) throw notExpandable(path);
    for (const entry of target.data) walk(sim, entry, rest, path);
    return;
  }
  // A part without a name of its own, such as `invoice_settings`, is known by its place.
  const type = typeof target.object === 'string' ? target.object : kind;
  resolve(sim, target, type, step, path);
  walk(sim, target[step], rest, path, `${type}.${step}`);
}

function resolve(sim: Sim, target: Bag, type: string, step: string, path: string): void {
  const include = INCLUDABLE[type]?.[step];
  if (include !== undefined) {
    target[step] ??= structuredClone(include(sim, target));
    return;
  }
  const lookup = EXPANDABLE[type]?.[step];
  const value = target[step];
  if (lookup === undefined) {
    // A nested object such as `price` is stepped through; a plain value is not expandable.
    if (isBag(value)) return;
    throw notExpandable(path);
  }
  if (typeof value === 'string')
    target[step] = structuredClone(lookup(sim, target, value)) ?? value;
}

function listOf(url: string, data: object[]): object {
  return { object: 'list', data, has_more: false, url };
}

function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notExpandable(path: string): StripeFailure {
  return invalid(`This property cannot be expanded (${path}).`, 'expand');
}
