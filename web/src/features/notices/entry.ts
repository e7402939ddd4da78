import { formatUsd, parseUsd } from '#kernel/money';

type Read<T> =
  | { readonly outcome: 'accepted'; readonly value: T }
  | { readonly outcome: 'refused'; readonly sentence: string };

/** Dollars, or nothing at all for "never". */
export function readMark(typed: string): Read<string | null> {
  const trimmed = typed.trim().replace(/^\$\s*/, '');
  if (trimmed === '') return { outcome: 'accepted', value: null };
  const amount = parseUsd(trimmed.replaceAll(',', ''));
  return amount !== undefined && amount > 0n
    ? { outcome: 'accepted', value: formatUsd(amount) }
    : { outcome: 'refused', sentence: 'Enter dollars in digits, such as 5, or leave it empty.' };
}

/** Whole days, or nothing at all for "never". */
export function readDays(typed: string): Read<number | null> {
  const trimmed = typed.trim();
  if (trimmed === '') return { outcome: 'accepted', value: null };
  return /^\d{1,2}$/.test(trimmed) && trimmed !== '0'
    ? { outcome: 'accepted', value: Number(trimmed) } // tidy: count, of days
    : { outcome: 'refused', sentence: 'Enter whole days from 1 to 90, or leave it empty.' };
}

/** "50, 80" or "50% 80%". */
export function readSteps(typed: string): Read<number[]> {
  const parts = typed.split(/[\s,;%]+/).filter((part) => part !== '');
  const sentence = 'Enter percents from 1 to 99, such as 50, 80, or leave it empty.';
  if (!parts.every((part) => /^\d{1,2}$/.test(part))) return { outcome: 'refused', sentence };
  return { outcome: 'accepted', value: parts.map(Number) };
}
