import { centsExactly, displayUsd, formatUsd, parseUsd } from '#kernel/money';

export interface Limits {
  readonly minimum_usd: string;
  readonly maximum_usd: string;
}

export type AmountEntry =
  | { readonly outcome: 'accepted'; readonly usd: string }
  | { readonly outcome: 'refused'; readonly sentence: string };

const GROUPED = /^\d{1,3}(,\d{3})+(\.\d+)?$/;

const refused = (sentence: string): AmountEntry => ({
  outcome: 'refused',
  sentence: `Amount: ${sentence}`,
});

const limitText = (usd: string) => {
  const amount = parseUsd(usd);
  return amount === undefined ? `$${usd}` : `$${displayUsd(amount).replace(/\.00$/, '')}`;
};

/**
 * Reads what a person typed as dollars: "25", "$25.50", "1,000". A lone comma is refused rather
 * than guessed at, since "1,5" is one and a half to some and a slip to others.
 */
export function readAmount(typed: string, limits: Limits): AmountEntry {
  const trimmed = typed.trim().replace(/^\$\s*/, '');
  if (trimmed === '') return refused('enter how many dollars of credits to buy.');
  const plain = GROUPED.test(trimmed) ? trimmed.replaceAll(',', '') : trimmed;
  const amount = parseUsd(plain);
  if (amount === undefined || amount < 0n) {
    return refused('enter dollars in digits, such as 25 or 25.50.');
  }
  if (centsExactly(amount) === undefined) return refused('use whole cents, such as 25.50.');
  const minimum = parseUsd(limits.minimum_usd);
  if (minimum !== undefined && amount < minimum) {
    return refused(`the smallest purchase is ${limitText(limits.minimum_usd)}.`);
  }
  const maximum = parseUsd(limits.maximum_usd);
  if (maximum !== undefined && amount > maximum) {
    return refused(`the largest purchase is ${limitText(limits.maximum_usd)}.`);
  }
  return { outcome: 'accepted', usd: formatUsd(amount) };
}

const USUAL = '25';

/** What the field begins with: the amount a link names, where it can be bought. */
export const firstAmount = (named: string | undefined, limits: Limits): string =>
  named !== undefined && readAmount(named, limits).outcome === 'accepted' ? named : USUAL;
