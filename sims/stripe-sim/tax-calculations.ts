import type Stripe from 'stripe';
import { addressNames, readAddress } from './addresses.ts';
import { partyOf } from './checkout-sessions.ts';
import { customerNamed } from './customer-object.ts';
import { invalid, missing } from './error.ts';
import { newId } from './ids.ts';
import { plainPage } from './list.ts';
import { PAGE_NAMES, type Params } from './params.ts';
import type { Call, Route, Sim } from './sim.ts';
import { decideTax, type Taxed, type TaxedParty, taxOf } from './tax.ts';
import { readTaxId } from './tax-ids.ts';
import { unlocatable } from './tax-places.ts';

type Calculation = Stripe.Tax.Calculation;
type Line = Stripe.Tax.CalculationLineItem;

/** A calculation and what it shows only when asked for. */
export type StoredCalculation = Omit<Calculation, 'id'> & { id: string };

export interface CalculationLines {
  id: string;
  lines: Line[];
}

const NINETY_DAYS = 90 * 24 * 3600;

const NAMES = [
  'currency',
  'customer',
  'customer_details.address_source',
  'customer_details.ip_address',
  'customer_details.taxability_override',
  'customer_details.tax_ids.#.type',
  'customer_details.tax_ids.#.value',
  ...addressNames('customer_details.address'),
  ...['amount', 'quantity', 'reference', 'tax_behavior', 'tax_code', 'product', 'metadata.*'].map(
    (name) => `line_items.#.${name}`,
  ),
  'tax_date',
  'expand.#',
];

const OVERRIDES = ['customer_exempt', 'none', 'reverse_charge'] as const;
const BEHAVIORS = ['exclusive', 'inclusive'] as const;

export function calculationNamed(sim: Sim, id: string, param?: string): StoredCalculation {
  const found = sim.store.tax_calculations.get(id);
  if (found === undefined) throw missing('tax calculation', id, param);
  return found;
}

function create(call: Call): Calculation {
  const { sim, params } = call;
  const currency = params.currency('currency');
  const items = params.items('line_items');
  if (items.length === 0) {
    throw invalid('Missing required param: line_items.', 'line_items', 'parameter_missing');
  }
  const customerId = params.text('customer');
  const party = partyIn(sim, params);
  const decided = decideTax(sim, party);
  if (decided.kind === 'unlocated') throw unlocatable('customer_details[address]');
  const lines = items.map((item, at) => lineOf(sim, item, at, decided));
  const sum = (pick: (line: Line) => number) => lines.reduce((all, line) => all + pick(line), 0);
  const exclusive = sum((line) => (line.tax_behavior === 'exclusive' ? line.amount_tax : 0));
  const id = newId(sim, 'taxcalc');
  sim.store.calculation_lines.put({ id, lines });
  return sim.store.tax_calculations.put({
    id,
    object: 'tax.calculation',
    amount_total: sum((line) => line.amount) + exclusive,
    currency,
    customer: customerId ?? null,
    customer_details: {
      address: party.address,
      address_source: params.oneOf('customer_details.address_source', SOURCES) ?? 'billing',
      ip_address: params.textOrNull('customer_details.ip_address'),
      tax_ids: party.taxIds.map(({ type, value }) => ({ type, value })),
      taxability_override: overrideOf(params),
    },
    expires_at: sim.now() + NINETY_DAYS,
    livemode: false,
    ship_from_details: null,
    shipping_cost: null,
    tax_amount_exclusive: exclusive,
    tax_amount_inclusive: sum((line) => line.amount_tax) - exclusive,
    tax_breakdown: breakdownOf(lines, decided),
    tax_date: params.integer('tax_date') ?? sim.now(),
  });
}

const SOURCES = ['billing', 'shipping'] as const;

/** Details in the request, or else those of the named customer; never both. */
function partyIn(sim: Sim, params: Params): TaxedParty {
  const customer = params.text('customer');
  if (customer !== undefined) return partyOf(sim, customerNamed(sim, customer, 'customer'));
  const exempt = { customer_exempt: 'exempt', none: 'none', reverse_charge: 'reverse' } as const;
  return {
    address: readAddress(params, 'customer_details.address'),
    taxIds: params.items('customer_details.tax_ids').map((item) => readTaxId(item)),
    exempt: exempt[overrideOf(params)],
  };
}

function overrideOf(params: Params): (typeof OVERRIDES)[number] {
  return params.oneOf('customer_details.taxability_override', OVERRIDES) ?? 'none';
}

function lineOf(sim: Sim, item: Params, at: number, decided: Taxed): Line {
  const amount = item.integer('amount');
  if (amount === undefined) {
    throw invalid('Missing required param.', item.name('amount'), 'parameter_missing');
  }
  const behavior = item.oneOf('tax_behavior', BEHAVIORS) ?? 'exclusive';
  return {
    id: newId(sim, 'tax_li'),
    object: 'tax.calculation_line_item',
    amount,
    amount_tax: taxOf(amount, decided.percent, behavior),
    livemode: false,
    metadata: item.metadata('metadata'),
    performance_location: null,
    product: item.textOrNull('product'),
    quantity: item.integer('quantity') ?? 1,
    reference: item.text('reference') ?? `L${at + 1}`,
    tax_behavior: behavior,
    tax_code: item.text('tax_code') ?? 'txcd_10000000',
  };
}

function breakdownOf(lines: Line[], decided: Taxed): Stripe.Tax.Calculation.TaxBreakdown[] {
  return [...Map.groupBy(lines, (line) => line.tax_behavior)].map(([behavior, rows]) => {
    const tax = rows.reduce((all, line) => all + line.amount_tax, 0);
    const amount = rows.reduce((all, line) => all + line.amount, 0);
    const inclusive = behavior === 'inclusive';
    return {
      amount: tax,
      inclusive,
      tax_rate_details: {
        country: decided.country,
        flat_amount: null,
        percentage_decimal: decided.percent,
        rate_type: 'percentage',
        state: decided.state === 'OTHER' ? null : decided.state,
        tax_type: decided.type,
      },
      taxability_reason: decided.reason,
      taxable_amount: decided.reason === 'standard_rated' ? amount - (inclusive ? tax : 0) : 0,
    };
  });
}

/** What became of the calculation a payment was made with. */
function association({ sim, params }: Call): Stripe.Tax.Association {
  const intent = params.required('payment_intent');
  const found = sim.store.tax_associations.newestFirst().find((r) => r.payment_intent === intent);
  if (found === undefined) throw missing('tax association', intent, 'payment_intent');
  return found;
}

/** Books the tax of a payment that succeeded, or notes why its calculation does not fit. */
export function associateTax(sim: Sim, intent: Stripe.PaymentIntent): void {
  const id = intent.hooks?.inputs?.tax?.calculation;
  const calculation = id === undefined ? undefined : sim.store.tax_calculations.get(id);
  if (calculation === undefined) return;
  const taken = sim.store.tax_associations
    .oldestFirst()
    .some((row) => row.calculation === calculation.id);
  const reason = taken
    ? 'another_payment_associated_with_calculation'
    : (calculation.expires_at ?? 0) <= sim.now()
      ? 'calculation_expired'
      : calculation.currency === intent.currency
        ? null
        : 'currency_mismatch';
  sim.store.tax_associations.put({
    id: newId(sim, 'taxa'),
    object: 'tax.association',
    calculation: calculation.id,
    payment_intent: intent.id,
    tax_transaction_attempts: [
      reason === null
        ? { committed: { transaction: newId(sim, 'tax') }, source: intent.id, status: 'committed' }
        : { errored: { reason }, source: intent.id, status: 'errored' },
    ],
  });
}

const PATH = '/v1/tax/calculations';

export const taxCalculationRoutes: Route[] = [
  { method: 'POST', path: PATH, names: NAMES, run: create },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: ['expand.#'],
    run: ({ sim, id }) => calculationNamed(sim, id),
  },
  {
    method: 'GET',
    path: `${PATH}/:id/line_items`,
    names: PAGE_NAMES,
    run: (call) => {
      const { id } = calculationNamed(call.sim, call.id);
      const lines = call.sim.store.calculation_lines.get(id)?.lines ?? [];
      return plainPage(call, `${PATH}/${id}/line_items`, lines);
    },
  },
  {
    method: 'GET',
    path: '/v1/tax/associations/find',
    names: ['payment_intent', 'expand.#'],
    run: association,
  },
];
