import type Stripe from 'stripe';
import { invalid } from './error.ts';
import { idOf, newId } from './ids.ts';
import type { Params } from './params.ts';
import { newPrice, priceNamed, type StoredPrice } from './prices.ts';
import { productNamed } from './products.ts';
import type { Sim } from './sim.ts';
import { taxOf } from './tax.ts';

export type StoredLine = Omit<Stripe.LineItem, 'price'> & { price: StoredPrice };

export interface LineTotals {
  subtotal: number;
  tax: number;
  total: number;
  currency: string;
}

export const LINE_NAMES: readonly string[] = [
  'quantity',
  'price',
  'metadata.*',
  'price_data.currency',
  'price_data.unit_amount',
  'price_data.tax_behavior',
  'price_data.product',
  'price_data.product_data.name',
  'price_data.product_data.description',
  'price_data.product_data.tax_code',
  'price_data.product_data.metadata.*',
].map((name) => `line_items.#.${name}`);

/** Reads `line_items` and computes each line. `taxPercent` is null without automatic tax. */
export function readLines(sim: Sim, params: Params, taxPercent: string | null): StoredLine[] {
  const items = params.items('line_items');
  if (items.length === 0) {
    throw invalid('Missing required param: line_items.', 'line_items', 'parameter_missing');
  }
  const lines = items.map((item) => readLine(sim, item, taxPercent));
  const currencies = new Set(lines.map((line) => line.currency));
  if (currencies.size > 1) throw invalid('All line items must use one currency.', 'line_items');
  return lines;
}

function readLine(sim: Sim, item: Params, taxPercent: string | null): StoredLine {
  const priceId = item.text('price');
  const price =
    priceId === undefined
      ? newPrice(sim, lineOf(item), false)
      : priceNamed(sim, priceId, item.name('price'));
  const quantity = item.integer('quantity');
  if (quantity === undefined || quantity < 1) {
    throw invalid('Quantity is required and must be at least 1.', item.name('quantity'));
  }
  const subtotal = (price.unit_amount ?? 0) * quantity;
  return taxed(
    {
      id: newId(sim, 'li'),
      object: 'item',
      adjustable_quantity: null,
      amount_discount: 0,
      amount_subtotal: subtotal,
      amount_tax: 0,
      amount_total: subtotal,
      currency: price.currency,
      description: productNamed(sim, idOf(price.product) ?? '').name,
      metadata: item.metadata('metadata'),
      price,
      quantity,
    },
    taxPercent,
  );
}

/** The line with the tax of this percentage; null and `0` mean none. */
export function taxed(line: StoredLine, percent: string | null): StoredLine {
  const { amount_subtotal: subtotal, price } = line;
  const tax = percent === null ? 0 : taxOf(subtotal, percent, price.tax_behavior);
  const inclusive = price.tax_behavior === 'inclusive';
  return { ...line, amount_tax: tax, amount_total: inclusive ? subtotal : subtotal + tax };
}

function lineOf(item: Params): Params {
  const data = item.child('price_data');
  if (data === undefined) {
    throw invalid('Each line item needs price or price_data.', item.name('price'));
  }
  return data;
}

export function totalsOf(lines: StoredLine[]): LineTotals {
  const sum = (pick: (line: StoredLine) => number) =>
    lines.reduce((total, line) => total + pick(line), 0);
  return {
    subtotal: sum((line) => line.amount_subtotal),
    tax: sum((line) => line.amount_tax),
    total: sum((line) => line.amount_total),
    currency: lines[0]?.currency ?? 'usd',
  };
}

/** The least that can be charged, in the minor unit; half a unit of the major currencies. */
const LEAST: Record<string, number> = {
  aed: 200,
  czk: 1500,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  jpy: 50,
  mxn: 1000,
  myr: 200,
  nok: 300,
  pln: 200,
  ron: 200,
  sek: 300,
  thb: 1000,
};

/** Stripe's bounds for a charge: what is worth it, and eight digits. */
export function refuseAmount(amount: number, currency: string, param?: string): void {
  const least = LEAST[currency] ?? 50;
  if (amount < least) {
    throw invalid(
      `Amount must be at least ${least} of the smallest unit of ${currency}.`,
      param,
      'amount_too_small',
    );
  }
  if (amount > 99_999_999) {
    throw invalid('Amount must be no more than 99999999.', param, 'amount_too_large');
  }
}
