/**
 * The answers that are read to their end though their client is gone, so that what was produced is
 * settled (rule S10). Bounded in number and time: beyond either, rule S11 ends them.
 */
export interface Pumps {
  /** Takes a place. Undefined if none is free. `stop` is called once if the time runs out. */
  enter(stop: () => void): { leave(): void } | undefined;
}

export interface PumpLimits {
  readonly count: number;
  readonly ms: number;
}

export const PUMP_LIMITS: PumpLimits = { count: 64, ms: 600_000 };

export function pumps(limits: PumpLimits): Pumps {
  let running = 0;
  return {
    enter(stop) {
      if (running >= limits.count) return undefined;
      running += 1;
      const timer = setTimeout(stop, limits.ms);
      let left = false;
      return {
        leave() {
          if (left) return;
          left = true;
          running -= 1;
          clearTimeout(timer);
        },
      };
    },
  };
}
