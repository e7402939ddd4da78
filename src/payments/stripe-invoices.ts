import Stripe from 'stripe';
import { Fault } from '#kernel/assert';
import { centsExactly, type NanoUsd } from '#kernel/money';
import type { InvoiceOrder } from '#payments/document-port';
import { READ } from '#payments/stripe';
import { nameOfTax } from '#payments/stripe-tax';

type Line = Stripe.InvoiceAddLinesParams.Line;
type Breakdown = Stripe.Tax.Calculation.TaxBreakdown;

/**
 * What stands on the invoice of a payment made without a page. Its tax was computed before it was
 * charged and is booked with the payment, so here it is only written down, with its rate; computed
 * once more it would be reported twice (stripe facts 1.6).
 */
export async function invoiceLines(stripe: Stripe, order: InvoiceOrder): Promise<Line[]> {
  const credit = { description: 'API credits', amount: wholeCents(order.credit) };
  if (order.tax === 0n) return [credit];
  const tax = wholeCents(order.tax);
  const due = await taxesOf(stripe, order.paymentIntentId);
  if (due.reduce((sum, { amount }) => sum + amount, 0) !== tax) {
    // What it consists of is not known any more: a line of its own keeps the total right.
    return [credit, { description: 'Tax', amount: tax }];
  }
  return [{ ...credit, tax_amounts: due.map(writtenDown) }];
}

/** By the calculation that the payment names; nothing where it names none, or one long gone. */
async function taxesOf(stripe: Stripe, paymentIntentId: string): Promise<Breakdown[]> {
  const intent = await stripe.paymentIntents.retrieve(paymentIntentId, {}, READ);
  const named = intent.hooks?.inputs?.tax?.calculation;
  if (named === undefined) return [];
  try {
    const { tax_breakdown: parts } = await stripe.tax.calculations.retrieve(named, {}, READ);
    return parts.filter(({ amount, inclusive }) => amount > 0 && !inclusive);
  } catch (error) {
    const gone = error instanceof Stripe.errors.StripeError && error.code === 'resource_missing';
    if (gone) return [];
    throw error;
  }
}

function writtenDown(part: Breakdown): Stripe.InvoiceAddLinesParams.Line.TaxAmount {
  const { country, state, tax_type: type, percentage_decimal: percent } = part.tax_rate_details;
  return {
    amount: part.amount,
    taxable_amount: part.taxable_amount,
    tax_rate_data: {
      display_name: nameOfTax(part),
      percentage: Number(percent), // tidy: count, a rate in percent as the library takes it
      inclusive: false,
      ...(country === null ? {} : { country }),
      ...(state === null ? {} : { state }),
      ...(type === null ? {} : { tax_type: type }),
    },
  };
}

/** The processor's library counts cents in a number; a payment has at most eight digits of them. */
export function wholeCents(amount: NanoUsd): number {
  const cents = centsExactly(amount);
  if (cents === undefined || cents <= 0n || cents > 99_999_999n) {
    throw new Fault('a document is not about a payable number of cents');
  }
  return Number(cents); // tidy: count, of cents, bounded just above
}
