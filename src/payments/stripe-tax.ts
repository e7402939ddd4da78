import Stripe from 'stripe';
import { centsExactly, fromCents, type NanoUsd } from '#kernel/money';
import type { BillingDetails } from '#payments/billing-details-form';
import { change, connect, type StripeOptions } from '#payments/stripe';
import { PRODUCT } from '#payments/stripe-params';
import type { TaxLine, TaxProcessor } from '#payments/tax-processor';

/** Address, tax number and tax at the card processor. */
export function stripeTax(options: StripeOptions): TaxProcessor {
  const stripe = connect(options);
  return {
    updateCustomer: ({ customerId, details, taxIdObject, key }) =>
      change('update customer', async () => {
        const { taxIdType: type, taxId: value } = details;
        await stripe.customers.update(
          customerId,
          { name: details.name, address: addressOf(details) },
          { idempotencyKey: `${key}:address` },
        );
        if (taxIdObject !== null) await dropTaxId(stripe, customerId, taxIdObject);
        if (type === null || value === null) return { taxIdObject: null };
        const made = await stripe.customers.createTaxId(
          customerId,
          { type, value },
          { idempotencyKey: `${key}:tax_id` },
        );
        return { taxIdObject: made.id };
      }),

    calculate: ({ amount, details, key }) =>
      change('calculate tax', async () => {
        const cents = centsOf(amount);
        const calculation = await stripe.tax.calculations.create(
          {
            currency: 'usd',
            line_items: [
              {
                amount: cents,
                reference: 'credits',
                tax_behavior: 'exclusive',
                tax_code: PRODUCT.tax_code,
              },
            ],
            customer_details: {
              address: { ...addressOf(details), country: details.country },
              address_source: 'billing',
              ...(details.taxIdType === null || details.taxId === null
                ? {}
                : { tax_ids: [{ type: details.taxIdType, value: details.taxId }] }),
            },
          },
          { idempotencyKey: key },
        );
        const lines = calculation.tax_breakdown.map(toLine);
        const tax = fromCents(BigInt(calculation.tax_amount_exclusive));
        const total = fromCents(BigInt(calculation.amount_total));
        return { tax: { tax, total, lines, calculation: calculation.id } };
      }),
  };
}

const addressOf = (details: BillingDetails) => ({
  line1: details.line1,
  line2: details.line2,
  city: details.city,
  state: details.state,
  postal_code: details.postalCode,
  country: details.country,
});

/** One that is gone already is what was wanted. */
async function dropTaxId(stripe: Stripe, customerId: string, id: string): Promise<void> {
  try {
    await stripe.customers.deleteTaxId(customerId, id);
  } catch (error) {
    const gone = error instanceof Stripe.errors.StripeError && error.code === 'resource_missing';
    if (!gone) throw error;
  }
}

function toLine(part: Stripe.Tax.Calculation.TaxBreakdown): TaxLine {
  const due = part.amount > 0;
  return {
    name: nameOfTax(part),
    percent: due ? part.tax_rate_details.percentage_decimal : null,
    amount: fromCents(BigInt(part.amount)),
    reason: due ? null : part.taxability_reason,
  };
}

/** "VAT DE", "Sales tax NY". */
export function nameOfTax({
  tax_rate_details: { tax_type: type, country, state },
}: Stripe.Tax.Calculation.TaxBreakdown): string {
  const kind = (type ?? 'tax').replaceAll('_', ' ');
  const name = /^(vat|gst|hst|pst|qst|jct|rst|igst)$/.test(kind) ? kind.toUpperCase() : kind;
  const place = state ?? country;
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}${place === null ? '' : ` ${place}`}`;
}

/** The processor's library counts cents in a number; ours are at most 99,999,999 (eight digits). */
function centsOf(amount: NanoUsd): number {
  const cents = centsExactly(amount);
  if (cents === undefined || cents <= 0n || cents > 99_999_999n) {
    throw new RangeError('tax is asked for an amount that cannot be charged');
  }
  return Number(cents); // tidy: count, of cents, bounded just above
}
