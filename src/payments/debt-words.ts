import { displayUsd, least, type NanoUsd, nanos } from '#kernel/money';

/** How a purchase of this much credit would be used while something is owed. */
export interface DebtFirst {
  /** Part of the purchase that clears the debt; it never becomes spendable. */
  readonly clears: NanoUsd;
  readonly usable: NanoUsd;
  readonly stillOwed: NanoUsd;
}

export function debtFirst(debt: NanoUsd, credit: NanoUsd): DebtFirst {
  const clears = least(debt, credit);
  return { clears, usable: nanos(credit - clears), stillOwed: nanos(debt - clears) };
}

/** Rounded away from zero: of a debt no fraction of a cent is hidden. */
export const owed = (debt: NanoUsd): string => `$${displayUsd(nanos(-debt)).replace('-', '')}`;

/** Said before a card is charged; null while nothing is owed. */
export const debtNotice = (debt: NanoUsd): string | null =>
  debt === 0n
    ? null
    : `${owed(debt)} is owed after a payment was taken back. Requests are refused until that is ` +
      'cleared. Your next purchase clears it first; the rest of it becomes credits.';
