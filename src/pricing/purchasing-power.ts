import type { NanoUsd } from '#kernel/money';
import type { ModelUsage, Usage } from '#kernel/usage';
import type { PriceBook, Terms } from './book.ts';
import { rate } from './rate.ts';

/** What an organization spent in a while: the measure of what more money would buy it. */
export interface SpentSoFar {
  readonly charged: NanoUsd;
  readonly requests: bigint;
  readonly seconds: bigint;
}

export interface Worth {
  /** How many more requests like those so far; rounded down. */
  readonly requests: bigint;
  /** How many days at the pace so far; rounded down. */
  readonly days: bigint;
}

const SECONDS_PER_DAY = 86_400n;

/**
 * What an amount buys at an organization's own mix: as many requests and days as it would have been
 * enough for in the while measured. Undefined where nothing was charged, so nothing can be said.
 */
export function worthAtOwnMix(amount: NanoUsd, spent: SpentSoFar): Worth | undefined {
  if (spent.charged <= 0n || spent.requests <= 0n) return undefined;
  return {
    requests: (amount * spent.requests) / spent.charged,
    days: (amount * spent.seconds) / (spent.charged * SECONDS_PER_DAY),
  };
}

/** One kind of request, as somebody plans it. */
export interface Planned {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export type PlannedWorth =
  | { readonly outcome: 'estimated'; readonly each: NanoUsd; readonly requests: bigint }
  /** A request of nothing costs nothing: any number of them. */
  | { readonly outcome: 'free' }
  | { readonly outcome: 'model_not_priced' };

/** What an amount buys of one kind of request, at the prices in force: exact, rounded down. */
export function worthAtPlan(
  amount: NanoUsd,
  planned: Planned,
  prices: { readonly book: PriceBook; readonly terms: Terms; readonly at: Date },
): PlannedWorth {
  const rated = rate(prices.book, usageOf(planned), prices.at, prices.terms);
  if (rated.outcome !== 'rated') return { outcome: 'model_not_priced' };
  if (rated.amount <= 0n) return { outcome: 'free' };
  return { outcome: 'estimated', each: rated.amount, requests: amount / rated.amount };
}

function usageOf(planned: Planned): Usage {
  const turn: ModelUsage = {
    model: planned.model,
    kind: 'message',
    billed: true,
    inputTokens: planned.inputTokens,
    outputTokens: planned.outputTokens,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
  };
  return {
    iterations: [turn],
    webSearches: 0,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: 'standard',
    inferenceGeo: 'global',
    serviceTier: 'standard',
  };
}
