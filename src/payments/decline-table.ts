import { Fault } from '#kernel/assert';
import { BANK_ROWS } from '#payments/decline-rows-bank';
import { OURS_ROWS } from '#payments/decline-rows-ours';
import { YOURS_ROWS } from '#payments/decline-rows-yours';
import type { DeclineRow, DeclineWords } from '#payments/decline-words';

/** Every cause there is a text for. No two share one. */
export const CAUSES: readonly DeclineRow[] = [...YOURS_ROWS, ...BANK_ROWS, ...OURS_ROWS];

export const DECLINES: ReadonlyMap<string, DeclineWords> = new Map(
  CAUSES.flatMap((entry) => entry.codes.map((code) => [code, entry] as const)),
);

/** Codes as written, duplicates included: a test checks that no code has two meanings. */
export const LISTED_CODES: readonly string[] = CAUSES.flatMap((entry) => entry.codes);

/**
 * Codes that would tell a thief, or an honest customer, what they should not read on a page. They
 * are told in the words of a refusal without a reason, so that no text gives them away.
 */
export const WITHHELD: ReadonlySet<string> = new Set([
  'lost_card',
  'stolen_card',
  'pickup_card',
  'fraudulent',
  'merchant_blacklist',
]);

/** Codes appear without notice; the honest answer to a new one is that the bank gave no reason. */
export const UNKNOWN_DECLINE_CODE = 'card_declined';

export function wordsOf(code: string): DeclineWords {
  const words = DECLINES.get(code);
  if (words === undefined) throw new Fault(`the table of declines lacks ${code}`);
  return words;
}
