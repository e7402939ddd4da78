import type { Entropy } from '#kernel/ids';

/** After the n-th failure of a delivery, how long until it is tried again. About three days in all. */
export const RETRY_DELAYS_SECONDS = [
  5,
  5 * 60,
  30 * 60,
  2 * 3_600,
  5 * 3_600,
  10 * 3_600,
  14 * 3_600,
  20 * 3_600,
  24 * 3_600,
] as const;

/** Attempts a delivery gets, the first one included. */
export const TRIES = RETRY_DELAYS_SECONDS.length + 1;

/** An endpoint that took nothing for so long is switched off, and its people are told. */
export const FAILING_SECONDS_MAX = 3 * 86_400;

/** Added at most, so that what failed together does not come back together. */
export const JITTER_SHARE = 0.1;
/** What a receiver asks for is heeded, within reason. */
export const RETRY_AFTER_SECONDS_MAX = 86_400;

/** Seconds until the next try after `tries` failed ones; undefined when there is none. */
export function retryDelay(
  tries: number,
  entropy: Entropy,
  retryAfterSeconds = 0,
): number | undefined {
  const planned = RETRY_DELAYS_SECONDS[tries - 1];
  if (planned === undefined) return undefined;
  const asked = Math.min(Math.max(retryAfterSeconds, 0), RETRY_AFTER_SECONDS_MAX);
  return Math.max(planned, asked) * (1 + JITTER_SHARE * chance(entropy));
}

/** From 0 to below 1. */
function chance(entropy: Entropy): number {
  const [high = 0, low = 0] = entropy.bytes(2);
  return (high * 256 + low) / 65_536;
}
