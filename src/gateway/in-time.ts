/** An unreachable store has to be an answer within a second. */
export const STORE_MS = 900;
// A busy store is waited for, ten seconds at most.
const LOOK_AGAIN_MS = 50;
const BUSY_LOOKS = 180;

/** Rejects if the work takes longer; it goes on, and nobody hears of it. */
export function within<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * What the store answers, or undefined within a second if it is silent. On a machine that is merely
 * busy it waits on. An answer that comes after all is handed to `late`.
 */
export function unlessSilent<T>(
  work: Promise<T>,
  silent: () => boolean,
  late: (answer: T) => void,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let given = false;
    let patience = BUSY_LOOKS;
    let timer = setTimeout(look, STORE_MS);
    function look(): void {
      if (!silent() && patience > 0) {
        patience -= 1;
        timer = setTimeout(look, LOOK_AGAIN_MS);
        return;
      }
      given = true;
      resolve(undefined);
    }
    work.then(
      (answer) => {
        clearTimeout(timer);
        if (given) late(answer);
        else resolve(answer);
      },
      (error: unknown) => {
        clearTimeout(timer);
        if (!given) reject(error);
      },
    );
  });
}
