/** What counts the calls under way, so that a process can end without breaking one. */
export interface InFlight {
  readonly draining: boolean;
  enter(call: { readonly finished: Promise<void>; cut(): void }): void;
  refuseNew(): void;
  cutAll(): void;
  /** Resolves when nothing runs, or after `ms`. */
  idle(ms: number): Promise<void>;
  /** Refuses new calls, waits for the running ones up to `ms`, and cuts off what is left. */
  drain(ms: number): Promise<void>;
}

export function inFlight(): InFlight {
  const calls = new Set<{ cut(): void }>();
  const waiting = new Set<() => void>();
  let draining = false;

  function idle(ms: number): Promise<void> {
    if (calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      waiting.add(wake);
    });
  }

  const cutAll = (): void => {
    for (const call of calls) call.cut();
  };

  return {
    get draining() {
      return draining;
    },
    enter(call) {
      calls.add(call);
      void call.finished.then(() => {
        calls.delete(call);
        if (calls.size === 0) for (const wake of [...waiting]) wake();
      });
    },
    refuseNew() {
      draining = true;
    },
    cutAll,
    idle,
    async drain(ms) {
      draining = true;
      await idle(ms);
      cutAll();
      await idle(1_000);
    },
  };
}
