import type { Clock } from '#kernel/clock';

export interface StopSignal {
  /** Resolves with the exit code once something asked for the end. */
  readonly requested: Promise<number>;
  /** Resolves when somebody lost patience after that. */
  readonly forced: Promise<void>;
  request(exitCode: number): void;
}

/**
 * One Ctrl-C arrives several times: from the terminal, from npm, from the launcher. Signals this
 * close together are one; a later one means "now".
 */
const SAME_SIGNAL_MS = 1_000;

const PARENT_CHECK_MS = 250;

/**
 * `orphanStops`: npm runs a script through a shell that dies of a signal without passing it on.
 * Then the only sign of the signal is that the parent is gone.
 */
export function listenForStop(clock: Clock, orphanStops: boolean): StopSignal {
  const requested = Promise.withResolvers<number>();
  const forced = Promise.withResolvers<void>();
  let first: number | undefined;
  const signal = (): void => {
    const now = clock.elapsedMs();
    if (first === undefined) {
      first = now;
      requested.resolve(0);
    } else if (now - first > SAME_SIGNAL_MS) {
      forced.resolve();
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, signal);
  if (process.send !== undefined) {
    // The launcher on an older Node was killed: nobody else would ever stop this process.
    process.on('disconnect', signal);
    process.channel?.unref();
  }
  if (orphanStops) {
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      signal();
    }, PARENT_CHECK_MS);
    watch.unref();
  }
  return {
    requested: requested.promise,
    forced: forced.promise,
    request: (exitCode) => requested.resolve(exitCode),
  };
}
