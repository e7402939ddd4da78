import type { ModelUsage, Usage } from '#kernel/usage';
import { bundledBook } from '#pricing/bundled-book';
import { type RatedLine, rate } from '#pricing/rate';

export const book = bundledBook();
export const now = new Date('2026-11-21T00:00:00Z');

export const turn = (model: string, counts: Partial<ModelUsage> = {}): ModelUsage => ({
  model,
  kind: 'message',
  billed: true,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  ...counts,
});
export const usage = (iterations: ModelUsage[], more: Partial<Usage> = {}): Usage => ({
  iterations,
  webSearches: 0,
  codeExecutionSeconds: 0,
  sessionMilliseconds: 0,
  speed: 'standard',
  inferenceGeo: 'global',
  serviceTier: 'standard',
  ...more,
});

export function cost(asked: Usage, at = now): bigint {
  const rated = rate(book, asked, at);
  if (rated.outcome !== 'rated') throw new Error(rated.reason);
  return rated.amount;
}

export const linesExact = (lines: readonly RatedLine[], amount: bigint): boolean => {
  const all = lines.reduce((product, line) => product * line.denominator, 1n);
  const total = lines.reduce((sum, line) => sum + (line.numerator * all) / line.denominator, 0n);
  return total === amount * all;
};
