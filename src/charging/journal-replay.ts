import type { KeptSettlement } from '#charging/journal-line';
import type { RequestId } from '#kernel/ids';

export interface ReplayOptions {
  /** Tries to bring one to its end. False if the store did not answer; it is tried again then. */
  readonly attempt: (kept: KeptSettlement) => Promise<boolean>;
  /** How many may go to the store at once. */
  readonly together: number;
  /** First pause, in ms. The attempt under way when it was journaled is often answered by then. */
  readonly pauseMs: number;
}

export interface Replay {
  readonly size: number;
  add(kept: KeptSettlement): void;
  /** True the first time something that was added is said to have ended. */
  ended(requestId: RequestId): boolean;
  /** Begins no further attempt. */
  stop(): void;
}

const PAUSE_MAX_MS = 2_000;

/**
 * Tries what waits until nothing does. While the store is away one of them asks whether it is back,
 * with growing pauses; another one each time, so that one the store never answers stops no other.
 */
export function replay(options: ReplayOptions): Replay {
  const waiting = new Map<RequestId, KeptSettlement>();
  let running = false;
  let stopped = false;
  let wake = (): void => {};

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function attempt(kept: KeptSettlement): Promise<boolean> {
    if (await options.attempt(kept)) return true;
    if (waiting.delete(kept.requestId)) waiting.set(kept.requestId, kept);
    return false;
  }

  /** Everything that waits now, in groups, until the store answers none of a group. */
  async function tryAll(): Promise<void> {
    const all = [...waiting.values()];
    for (let from = 0; from < all.length && !stopped; from += options.together) {
      const group = all.slice(from, from + options.together);
      const answered = await Promise.all(group.map(attempt));
      if (!answered.includes(true)) return;
    }
  }

  async function run(): Promise<void> {
    for (let { pauseMs } = options; ; ) {
      await pause(pauseMs);
      const [first] = waiting.values();
      if (first === undefined || stopped) return;
      const answered = await attempt(first);
      if (answered) await tryAll();
      pauseMs = answered ? options.pauseMs : Math.min(pauseMs * 2, PAUSE_MAX_MS);
    }
  }

  function start(): void {
    if (running || stopped) return;
    running = true;
    void run().finally(() => {
      running = false;
      // It may have been added between the last look and this moment.
      if (waiting.size > 0) start();
    });
  }

  return {
    get size() {
      return waiting.size;
    },
    add(kept) {
      waiting.set(kept.requestId, kept);
      start();
    },
    ended: (requestId) => waiting.delete(requestId),
    stop() {
      stopped = true;
      wake();
    },
  };
}
