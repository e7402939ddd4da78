import type Stripe from 'stripe';
import { invalid } from './error.ts';
import { idOf, newId } from './ids.ts';
import type { StoredLine } from './line-items.ts';
import type { Params } from './params.ts';
import { newPrice, priceNamed, type StoredPrice } from './prices.ts';
import { productNamed } from './products.ts';
import type { Sim } from './sim.ts';
import { type Taxed, taxOf } from './tax.ts';
import { rateFor, rateOf } from './tax-rates.ts';

type Line = Stripe.InvoiceLineItem;

/** A line as it travels: decimals are strings until the SDK makes objects of them. */
export type StoredInvoiceLine = Omit<Line, 'quantity_decimal' | 'pricing'> & {
  quantity_decimal: string | null;
  pricing: {
    price_details: { price: string; product: string };
    type: 'price_details';
    unit_amount_decimal: string;
  } | null;
};

type LineTax = Stripe.InvoiceLineItem.Tax;

const RATE_DATA = ['country', 'description', 'display_name', 'inclusive', 'jurisdiction']
  .concat(['jurisdiction_level', 'percentage', 'state', 'tax_type'])
  .map((name) => `tax_amounts.#.tax_rate_data.${name}`);

export const INVOICE_LINE_NAMES: readonly string[] = [
  'amount',
  'description',
  'discountable',
  'metadata.*',
  'period.end',
  'period.start',
  'quantity',
  'pricing.price',
  'price_data.currency',
  'price_data.product',
  'price_data.product_data.name',
  'price_data.tax_behavior',
  'price_data.unit_amount',
  'tax_amounts.#.amount',
  'tax_amounts.#.taxable_amount',
  'tax_amounts.#.taxability_reason',
  ...RATE_DATA,
].map((name) => `lines.#.${name}`);

/** A line of `add_lines`: an amount with a description, or a price with a quantity. */
export function readInvoiceLine(sim: Sim, invoice: string, currency: string, item: Params) {
  const price = priceIn(sim, item);
  if (price !== null && price.currency !== currency) {
    throw invalid(`The invoice is in ${currency}.`, item.name('price_data'));
  }
  const quantity = item.integer('quantity') ?? 1;
  const amount = price === null ? item.integer('amount') : (price.unit_amount ?? 0) * quantity;
  if (amount === undefined) {
    throw invalid('Each line needs amount, pricing or price_data.', item.name('amount'));
  }
  const named = price === null ? null : productNamed(sim, idOf(price.product) ?? '').name;
  return invoiceLine(sim, {
    invoice,
    currency,
    amount,
    quantity,
    price,
    description: item.textOrNull('description') ?? named,
    metadata: item.metadata('metadata'),
    period: {
      start: item.integer('period.start') ?? sim.now(),
      end: item.integer('period.end') ?? sim.now(),
    },
    taxes: item.given('tax_amounts') ? taxesIn(sim, item) : null,
  });
}

function priceIn(sim: Sim, item: Params): StoredPrice | null {
  const id = item.text('pricing.price');
  if (id !== undefined) return priceNamed(sim, id, item.name('pricing.price'));
  const data = item.child('price_data');
  return data === undefined ? null : newPrice(sim, data, false);
}

/** Tax that was computed elsewhere and is only written down here. */
function taxesIn(sim: Sim, item: Params): LineTax[] {
  return item.items('tax_amounts').map((given) => {
    const data = given.child('tax_rate_data');
    if (data === undefined) {
      throw invalid('Missing required param.', given.name('tax_rate_data'), 'parameter_missing');
    }
    const inclusive = data.flag('inclusive') ?? false;
    const rate = rateFor(sim, {
      displayName: data.required('display_name'),
      percent: data.required('percentage'),
      inclusive,
      country: data.textOrNull('country'),
      state: data.textOrNull('state'),
      taxType: data.textOrNull('tax_type'),
      description: data.textOrNull('description'),
      jurisdiction: data.textOrNull('jurisdiction'),
    });
    return {
      amount: whole(given, 'amount'),
      tax_behavior: inclusive ? 'inclusive' : 'exclusive',
      tax_rate_details: { tax_rate: rate.id },
      taxability_reason: given.text('taxability_reason') ?? 'not_available',
      taxable_amount: whole(given, 'taxable_amount'),
      type: 'tax_rate_details',
    };
  });
}

function whole(params: Params, name: string): number {
  params.required(name);
  return params.integer(name) ?? 0;
}

interface LineFacts {
  invoice: string;
  currency: string;
  amount: number;
  quantity: number;
  price: StoredPrice | null;
  description: string | null;
  metadata: Record<string, string>;
  period: { start: number; end: number };
  taxes: LineTax[] | null;
}

function invoiceLine(sim: Sim, facts: LineFacts): StoredInvoiceLine {
  const { price } = facts;
  return {
    id: newId(sim, 'il'),
    object: 'line_item',
    amount: facts.amount,
    currency: facts.currency,
    description: facts.description,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: facts.invoice,
    livemode: false,
    metadata: facts.metadata,
    parent: {
      invoice_item_details: {
        invoice_item: newId(sim, 'ii'),
        proration: false,
        proration_details: null,
        subscription: null,
      },
      subscription_item_details: null,
      type: 'invoice_item_details',
    },
    period: facts.period,
    pretax_credit_amounts: [],
    pricing:
      price === null
        ? null
        : {
            price_details: { price: price.id, product: idOf(price.product) ?? '' },
            type: 'price_details',
            unit_amount_decimal: price.unit_amount_decimal ?? '0',
          },
    quantity: facts.quantity,
    quantity_decimal: String(facts.quantity),
    subscription: null,
    subtotal: facts.amount,
    taxes: facts.taxes,
  };
}

/** The line of a session on the invoice made after it was paid. */
export function lineOfSession(
  sim: Sim,
  invoice: string,
  line: StoredLine,
  taxed: Taxed | null,
): StoredInvoiceLine {
  const made = invoiceLine(sim, {
    invoice,
    currency: line.currency,
    amount: line.amount_subtotal,
    quantity: line.quantity ?? 1,
    price: line.price,
    description: line.description,
    metadata: line.metadata ?? {},
    period: { start: sim.now(), end: sim.now() },
    taxes: null,
  });
  const inclusive = line.price.tax_behavior === 'inclusive';
  return taxed === null ? made : withTax(sim, made, taxed, inclusive);
}

/** The line with automatic tax, instead of any it had. */
export function withTax(
  sim: Sim,
  line: StoredInvoiceLine,
  taxed: Taxed,
  inclusive = false,
): StoredInvoiceLine {
  const tax = taxOf(line.amount, taxed.percent, inclusive ? 'inclusive' : 'exclusive');
  return {
    ...line,
    taxes: [
      {
        amount: tax,
        tax_behavior: inclusive ? 'inclusive' : 'exclusive',
        tax_rate_details: { tax_rate: rateOf(sim, taxed, inclusive).id },
        taxability_reason: taxed.reason,
        taxable_amount: taxed.reason === 'standard_rated' ? line.amount - (inclusive ? tax : 0) : 0,
        type: 'tax_rate_details',
      },
    ],
  };
}
