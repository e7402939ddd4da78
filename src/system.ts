import { randomBytes } from 'node:crypto';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';

/** The only wall clock and the only randomness of the product. Everything else is handed one. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
};

export const systemEntropy: Entropy = {
  bytes: (count) => randomBytes(count),
  nowMs: () => Date.now(),
};
