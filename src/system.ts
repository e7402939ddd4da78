import { randomFillSync } from 'node:crypto';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';

/** The only wall clock and the only randomness of the product. Everything else is handed one. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
};

const DRAWN_BYTES = 4_096;
let drawn = Buffer.alloc(0);

/** Drawn by the page, because each draw costs more than an id: every byte is handed out once. */
function randomBytes(count: number): Uint8Array {
  if (count > DRAWN_BYTES) return randomFillSync(Buffer.alloc(count));
  if (drawn.length < count) drawn = randomFillSync(Buffer.alloc(DRAWN_BYTES));
  const bytes = drawn.subarray(0, count);
  drawn = drawn.subarray(count);
  return bytes;
}

export const systemEntropy: Entropy = {
  bytes: randomBytes,
  nowMs: () => Date.now(),
};
