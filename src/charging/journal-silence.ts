/** How long the store has been silent towards one settlement. */
export interface Silence {
  /** Resolves once it has lasted; never after `end`. */
  readonly lasted: Promise<void>;
  readonly over: boolean;
  end(): void;
}

const STEPS = 5;

/**
 * Counts `ms` in steps that are timers of their own, so that a process too busy to look for an
 * answer counts its own work once and not as silence of the store. After the last step the event
 * loop gets one more turn, in which an answer that is already there is read first.
 */
export function silenceOf(ms: number): Silence {
  let over = false;
  let lasted = (): void => {};
  const promise = new Promise<void>((resolve) => {
    lasted = resolve;
  });
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps < STEPS) timer = setTimeout(step, ms / STEPS);
    else setImmediate(finish);
  };
  const finish = (): void => {
    if (over) return;
    over = true;
    lasted();
  };
  let timer = setTimeout(step, ms / STEPS);
  return {
    lasted: promise,
    get over() {
      return over;
    },
    end() {
      over = true;
      clearTimeout(timer);
    },
  };
}
