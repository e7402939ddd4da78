import { isObject } from '#kernel/json';
import { divideUp, least, type NanoUsd, nanos } from '#kernel/money';
import type { PriceBook, Terms } from './book.ts';
import { dearestOutput, mostOf, readReach } from './bound.ts';

/**
 * What a stream costs at most as it grows (H5). Linear: `fixed`, and for each token of output the
 * dearest price that it can have. Never above `full`, the bound of the whole request.
 */
export interface Slices {
  /** Everything but the output that passes by: input, fees, advice and summaries. */
  readonly fixed: NanoUsd;
  /** Of one output token, as an exact fraction of nano-USD. */
  readonly perToken: { readonly numerator: bigint; readonly denominator: bigint };
  /** Output that may be produced and never pass by: held from the beginning. */
  readonly hiddenTokens: number;
  readonly full: NanoUsd;
}

/**
 * Thinking is billed in full and shown in part or not at all, and newer models think unless it is
 * forbidden. Without a budget that many tokens are held for what is not seen; what is thought
 * beyond them and beyond the credit is the operator's (S13, docs/decisions/0024).
 */
export const UNSEEN_THINKING_TOKENS = 8_192;

/** The slices of a request that `boundHold` has bounded by `full`; undefined if it has no bound. */
export function slicesOf(
  book: PriceBook,
  body: unknown,
  bodyBytes: number,
  at: Date,
  terms: Terms,
  carriedUses: number,
  full: NanoUsd,
): Slices | undefined {
  const reach = readReach(book, body, bodyBytes, at, terms, carriedUses);
  if ('outcome' in reach) return undefined;
  return {
    fixed: nanos(mostOf(reach, 0)),
    perToken: dearestOutput(reach),
    hiddenTokens: hiddenTokensOf(body),
    full,
  };
}

/** The most a request can have cost once so many tokens of its output may have passed by. */
export function coverOf(slices: Slices, outputTokens: number): NanoUsd {
  const { fixed, perToken, hiddenTokens, full } = slices;
  const tokens = BigInt(outputTokens + hiddenTokens);
  const grown = fixed + divideUp(tokens * perToken.numerator, perToken.denominator);
  return least(nanos(grown), full);
}

/** How many tokens of output that amount is enough for. Negative: not even for the input. */
export function outputCovered(slices: Slices, amount: NanoUsd): number {
  const { fixed, perToken, hiddenTokens, full } = slices;
  if (amount >= full) return Number.POSITIVE_INFINITY;
  if (amount < fixed || perToken.numerator === 0n) return -1;
  const tokens = ((amount - fixed) * perToken.denominator) / perToken.numerator;
  return Number(tokens) - hiddenTokens; // tidy: count, tokens
}

function hiddenTokensOf(body: unknown): number {
  const thinking = isObject(body) && isObject(body.thinking) ? body.thinking : {};
  if (thinking.type === 'disabled') return 0;
  const { budget_tokens: budget } = thinking;
  if (thinking.type !== 'enabled' || typeof budget !== 'number') return UNSEEN_THINKING_TOKENS;
  return Number.isSafeInteger(budget) && budget >= 0 ? budget : UNSEEN_THINKING_TOKENS;
}
