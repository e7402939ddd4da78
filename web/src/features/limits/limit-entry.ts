import { formatUsd, parseUsd } from '#kernel/money';

export type LimitEntry =
  | { readonly outcome: 'accepted'; readonly usd: string }
  | { readonly outcome: 'refused'; readonly sentence: string };

const GROUPED = /^\d{1,3}(,\d{3})+(\.\d+)?$/;

/** Reads what a person typed as dollars a month: "25", "$25.50", "1,000", "0". */
export function readLimit(typed: string): LimitEntry {
  const trimmed = typed.trim().replace(/^\$\s*/, '');
  const amount = parseUsd(GROUPED.test(trimmed) ? trimmed.replaceAll(',', '') : trimmed);
  if (amount !== undefined && amount >= 0n) return { outcome: 'accepted', usd: formatUsd(amount) };
  const what =
    trimmed === '' ? 'how many dollars a month' : 'dollars in digits, such as 25 or 25.50';
  return { outcome: 'refused', sentence: `Limit: enter ${what}.` };
}
