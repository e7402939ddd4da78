import type { Usage } from '#kernel/usage';
import type { Folded } from './fold.ts';

/**
 * Rule S11: what an answer that nobody read to its end has used. Its input is known, its output is
 * what was counted on the way, and no less than the upstream has said. `outputTokens` is that count.
 * Undefined if no estimate is needed, because the answer had said how it ended, or had failed: then
 * it is judged as it was answered. Null if it had said nothing of its usage.
 */
export function estimatedUsage(folded: Folded, outputTokens: number): Usage | null | undefined {
  if (folded.rule !== 'S8') return undefined;
  return folded.usage === null ? null : withOutput(folded.usage, outputTokens);
}

/** The output counted on its way, as that of the last attempt at the answer. */
function withOutput(usage: Usage, outputTokens: number): Usage {
  const answering = usage.iterations.findLastIndex(
    ({ kind }) => kind === 'message' || kind === 'fallback_message',
  );
  const iterations = usage.iterations.map((attempt, index) =>
    index === answering
      ? { ...attempt, outputTokens: Math.max(attempt.outputTokens, outputTokens) }
      : attempt,
  );
  return { ...usage, iterations };
}
