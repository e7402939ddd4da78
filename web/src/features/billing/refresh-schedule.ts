/**
 * Seconds after arriving on the return page at which the payment is read again: dense while most
 * payments finish, then thinning out. Afterwards the server's own sweep goes on alone.
 */
export const REFRESH_AT_SECONDS = [0, 0.5, 1, 2, 3, 5, 8, 13, 20, 30] as const;

/** Milliseconds to wait before the given attempt, or undefined when the schedule is over. */
export function waitBefore(attempt: number, elapsedMs: number): number | undefined {
  const at = REFRESH_AT_SECONDS[attempt];
  return at === undefined ? undefined : Math.max(0, at * 1000 - elapsedMs);
}
