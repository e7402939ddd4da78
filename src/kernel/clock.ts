/** Business and elapsed time. Handed to whoever needs it; only `system.ts` reads the real clock. */
export interface Clock {
  /** Wall time of this process. Decisions about money use the database's `bursar.now()` instead. */
  now(): Date;
  /** Milliseconds that only grow: for durations and deadlines. */
  elapsedMs(): number;
}

/** A clock that stands still until told: for tests. */
export function manualClock(start: Date): Clock & { advance(ms: number): void } {
  let elapsed = 0;
  return {
    now: () => new Date(start.getTime() + elapsed),
    elapsedMs: () => elapsed,
    advance: (ms) => {
      elapsed += ms;
    },
  };
}
