import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { newId } from './ids.ts';
import type { StoredInvoice } from './invoice-object.ts';
import type { Params } from './params.ts';
import type { Sim } from './sim.ts';
import { divideHalfUp } from './tax.ts';

type Line = Stripe.CreditNoteLineItem;
/** A line as it travels: the decimal is a string. */
export type StoredNoteLine = Omit<Line, 'unit_amount_decimal'> & {
  unit_amount_decimal: string | null;
};

/** Total of a line, tax included; tax follows the invoice's own share of it. */
export interface Part {
  total: number;
  line: string | null;
  description: string | null;
  quantity: number | null;
}

/** From `lines`, or from `amount` as one line. */
export function partsOf(params: Params, invoice: StoredInvoice): Part[] {
  const items = params.items('lines');
  const amount = params.integer('amount');
  if (items.length === 0) {
    if (amount === undefined) {
      throw invalid('Pass amount or lines.', 'amount', 'parameter_missing');
    }
    return [{ total: amount, line: null, description: null, quantity: null }];
  }
  return items.map((item) => {
    const named = item.text('invoice_line_item');
    if (named === undefined) {
      const quantity = item.integer('quantity') ?? 1;
      const total = (item.integer('unit_amount') ?? 0) * quantity;
      return { total, line: null, description: item.textOrNull('description'), quantity };
    }
    const line = invoice.lines.data.find((row) => row.id === named);
    if (line === undefined) throw missing('line item', named, item.name('invoice_line_item'));
    const tax = (line.taxes ?? []).reduce(
      (sum, each) => sum + (each.tax_behavior === 'exclusive' ? each.amount : 0),
      0,
    );
    const whole = line.amount + tax;
    const part = item.integer('amount');
    const total =
      part === undefined ? whole : line.amount === 0 ? 0 : share(whole, part, line.amount);
    return { total, line: line.id, description: line.description, quantity: line.quantity };
  });
}

function share(amount: number, part: number, whole: number): number {
  return Number(divideHalfUp(BigInt(amount) * BigInt(part), BigInt(whole)));
}

/** The line of a part: what of it is tax goes back as tax. */
export function noteLine(sim: Sim, invoice: StoredInvoice, part: Part): StoredNoteLine {
  const source = invoice.lines.data.find((row) => row.id === part.line);
  const taxes = source === undefined ? (invoice.total_taxes ?? []) : (source.taxes ?? []);
  const tax = taxes.reduce((sum, each) => sum + each.amount, 0);
  const whole =
    source === undefined
      ? invoice.total
      : source.amount +
        taxes.reduce((sum, t) => sum + (t.tax_behavior === 'exclusive' ? t.amount : 0), 0);
  const returned = whole === 0 ? 0 : share(tax, part.total, whole);
  const amount = part.total - returned;
  const [first] = taxes;
  return {
    id: newId(sim, 'cnli'),
    object: 'credit_note_line_item',
    amount,
    description: part.description,
    discount_amount: 0,
    discount_amounts: [],
    ...(part.line === null ? {} : { invoice_line_item: part.line }),
    livemode: false,
    metadata: {},
    pretax_credit_amounts: [],
    quantity: part.quantity,
    tax_rates: [],
    taxes: first === undefined ? [] : [{ ...first, amount: returned, taxable_amount: amount }],
    type: part.line === null ? 'custom_line_item' : 'invoice_line_item',
    unit_amount: part.quantity === 1 ? amount : null,
    unit_amount_decimal: part.quantity === 1 ? String(amount) : null,
  };
}
