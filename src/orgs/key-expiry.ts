const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Lifetimes a key can be given by name, in ms; "never" has none. */
export const KEY_LIFETIMES = {
  '3h': 3 * HOUR_MS,
  '1d': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
  never: null,
} as const;

export type KeyLifetime = keyof typeof KEY_LIFETIMES;

/** A later end is a typing error: who wants none says "never". */
const LIFETIME_MAX_MS = 3_660 * DAY_MS;

export const isKeyLifetime = (text: string): text is KeyLifetime =>
  Object.hasOwn(KEY_LIFETIMES, text);

/** When a key made now with this lifetime ends; undefined is never. */
export function endOfLifetime(lifetime: KeyLifetime, now: Date): Date | undefined {
  const ms = KEY_LIFETIMES[lifetime];
  return ms === null ? undefined : new Date(now.getTime() + ms);
}

/** Whether a key made now may end then. */
export function checkKeyEnd(end: Date, now: Date): 'good' | 'already_expired' | 'too_late' {
  const ms = end.getTime() - now.getTime();
  if (ms <= 0) return 'already_expired';
  return ms > LIFETIME_MAX_MS ? 'too_late' : 'good';
}
