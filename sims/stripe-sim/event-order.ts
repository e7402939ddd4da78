/**
 * Events of one change in an order of their own, the same for the same seed: the original keeps none.
 * 0 leaves them as they happened.
 */
export function inOrder<T>(events: readonly T[], seed: number): T[] {
  if (seed === 0) return [...events];
  const waiting = [...events];
  const ordered: T[] = [];
  let state = seed;
  while (waiting.length > 0) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The high bits: the low ones of such a generator repeat.
    ordered.push(...waiting.splice((state >>> 16) % waiting.length, 1));
  }
  return ordered;
}
