import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';

/** What was paid, and what of it refunds and lost disputes have given back already. */
export interface PaidAndBack {
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly creditBack: NanoUsd;
  readonly taxBack: NanoUsd;
}

export interface Split {
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  /** More than is left of the payment: in none of the customer's accounts. */
  readonly beyond: NanoUsd;
}

/**
 * How much credit and how much tax a sum is that went back to the card, where somebody else chose
 * the sum: a refund made at the processor, a dispute. Tax is what is due for everything given back
 * so far, less what was given back before, to the nano-dollar; so any sequence of sums that add up
 * to the payment adds up to its credit and its tax (F57).
 */
export function splitPayment(paid: PaidAndBack, amount: NanoUsd): Split {
  const creditLeft = nanos(paid.credit - paid.creditBack);
  const taxLeft = nanos(paid.tax - paid.taxBack);
  const left = nanos(creditLeft + taxLeft);
  if (amount >= left) return { credit: creditLeft, tax: taxLeft, beyond: nanos(amount - left) };
  const back = paid.creditBack + paid.taxBack + amount;
  const due = (paid.tax * back) / (paid.credit + paid.tax) - paid.taxBack;
  // A sum is never tax alone while there is credit to go with it, and never more than there is.
  const most = least(taxLeft, nanos(creditLeft > 0n ? amount - 1n : amount));
  const fewest = amount > creditLeft ? nanos(amount - creditLeft) : ZERO;
  const tax = nanos(due < fewest ? fewest : due > most ? most : due);
  return { credit: nanos(amount - tax), tax, beyond: ZERO };
}
