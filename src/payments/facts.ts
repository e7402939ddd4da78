import type { NanoUsd } from '#kernel/money';
import { type Checkout, type Payment, PURPOSE } from '#payments/processor';

/** What was sold, as our row remembers it. */
export interface Sold {
  readonly provider: string;
  readonly environment: string;
  readonly customerId: string | null;
  readonly paymentIntentId: string | null;
  readonly sessionId: string | null;
  readonly currency: string;
  readonly credit: NanoUsd;
  readonly trigger: 'manual' | 'auto_reload';
  readonly tax: NanoUsd;
}

export type Fact =
  | 'mode'
  | 'purpose'
  | 'provider'
  | 'customer'
  | 'payment'
  | 'currency'
  | 'total'
  | 'status';

/**
 * The facts that do not hold for granting this payment (stripe facts 4.5); empty means grant. The
 * total is what the hosted page charged, whose subtotal must be the credit: tax never becomes
 * credit, and neither does an amount somebody edited.
 */
export function mismatches(
  here: { readonly livemode: boolean; readonly provider: string; readonly environment: string },
  sold: Sold,
  payment: Payment,
  checkout: Checkout | null,
): Fact[] {
  const facts: Record<Fact, boolean> = {
    mode: payment.livemode === here.livemode,
    purpose: payment.purpose === PURPOSE && payment.environment === sold.environment,
    provider: sold.provider === here.provider && sold.environment === here.environment,
    customer: sold.customerId !== null && payment.customerId === sold.customerId,
    payment: samePayment(sold, payment, checkout),
    currency: payment.currency === sold.currency,
    total: totalFits(sold, payment, checkout),
    status: payment.status === 'succeeded',
  };
  return (Object.keys(facts) as Fact[]).filter((fact) => !facts[fact]);
}

function samePayment(sold: Sold, payment: Payment, checkout: Checkout | null): boolean {
  if (sold.paymentIntentId !== null && sold.paymentIntentId !== payment.id) return false;
  if (checkout === null) return true;
  if (sold.sessionId !== null && checkout.id !== sold.sessionId) return false;
  return checkout.paymentIntentId === payment.id;
}

function totalFits(sold: Sold, payment: Payment, checkout: Checkout | null): boolean {
  if (payment.received === undefined) return false;
  // A reload's tax was computed before its card was charged; that of a page is known from the page.
  const tax = sold.trigger === 'auto_reload' ? sold.tax : 0n;
  if (checkout === null) return payment.received === sold.credit + tax;
  return (
    checkout.currency === sold.currency &&
    checkout.subtotal === sold.credit &&
    checkout.total !== undefined &&
    checkout.total >= sold.credit &&
    checkout.total === payment.received
  );
}
