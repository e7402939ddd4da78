/**
 * Business time as the store last told it. The store's own word counts (`asOf` of a hold); this is
 * what a request goes by until it is there, so that the first bound is rarely one to repeat.
 */
export interface BusinessTime {
  /** For a time of this machine. */
  guess(at: Date): Date;
  /** Business time was `now` a moment after this machine's was `at`. */
  heard(at: Date, now: Date): void;
}

/** How long a hold takes is no difference between clocks. */
const IGNORED_MS = 1_000;

export function businessTime(): BusinessTime {
  let aheadMs = 0;
  return {
    guess: (at) => new Date(at.getTime() + aheadMs),
    heard(at, now) {
      const told = now.getTime() - at.getTime();
      if (Math.abs(told - aheadMs) > IGNORED_MS) aheadMs = told;
    },
  };
}
