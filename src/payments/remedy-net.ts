import { divideUp, NANOS_PER_CENT, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { PaymentsDeps } from '#payments/deps';
import type { Payment } from '#payments/processor';
import { findPurchase, type Purchase } from '#payments/sql';

/** What was received, as what may become credit and what is tax and never does. */
export interface Net {
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
}

/**
 * The credit of a payment that fits no purchase: what the page that took it says, else what was asked
 * for when its saved card was charged. `tax_unknown`: tax was collected, and how much nobody can say;
 * such a payment can be refunded, not credited.
 */
export async function netOf(
  deps: PaymentsDeps,
  payment: Payment,
  received: NanoUsd,
): Promise<Net | 'tax_unknown' | 'processor_unavailable'> {
  const page = await deps.processor.findCheckout(payment.id);
  if (page.outcome === 'unavailable') return 'processor_unavailable';
  if (page.outcome === 'found') {
    const { subtotal, total } = page.checkout;
    const asked = subtotal === undefined || total === undefined ? undefined : total - subtotal;
    if (subtotal !== undefined && asked !== undefined && asked >= 0n) {
      return shared(received, { credit: subtotal, tax: nanos(asked) });
    }
    return deps.automaticTax === true ? 'tax_unknown' : { credit: received, tax: ZERO };
  }
  const [sold] =
    payment.purchaseId === null
      ? []
      : await deps.pool.query<Purchase>(findPurchase(payment.purchaseId, null));
  return shared(received, sold ?? { credit: received, tax: ZERO });
}

/** Split as it was asked for; where another sum came, its tax is the same share, up to the cent. */
export function shared(received: NanoUsd, asked: Net): Net | 'tax_unknown' {
  const total = asked.credit + asked.tax;
  if (received === total) return { credit: asked.credit, tax: asked.tax };
  if (asked.tax === 0n) return { credit: received, tax: ZERO };
  const cents = divideUp(nanos(received * asked.tax), total * NANOS_PER_CENT);
  const tax = nanos(cents * NANOS_PER_CENT);
  return tax < received ? { credit: nanos(received - tax), tax } : 'tax_unknown';
}
