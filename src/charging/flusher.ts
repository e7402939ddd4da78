/** Ends when all that was committed before it began is on the disk. */
export type Flushed = () => Promise<void>;

export interface Flusher {
  /**
   * Asked before a commit that does not wait for the disk. Undefined if this one must wait itself,
   * because it is not known yet which life of the server it would belong to.
   */
  begin(): Flushed | undefined;
}

/**
 * Group flush: whoever asks while one is under way shares the next one. `flush` answers in which life
 * of the server it was. A flush says nothing of what was committed in a life before, which a crash
 * ended and may have lost, though a connection made anew answers as if nothing had been.
 */
export function flusher(flush: () => Promise<string>): Flusher {
  let life: string | undefined;
  let underWay: Promise<string> | undefined;
  let next: Promise<string> | undefined;

  async function flushOnce(): Promise<string> {
    try {
      life = await flush();
      return life;
    } catch (error) {
      life = undefined;
      throw error;
    }
  }

  function flushed(): Promise<string> {
    next ??= Promise.resolve(underWay)
      .catch(() => {})
      .then(() => {
        next = undefined;
        underWay = flushOnce();
        return underWay;
      });
    return next;
  }

  return {
    begin() {
      const before = life;
      if (before === undefined) {
        void flushed().catch(() => {});
        return undefined;
      }
      return async () => {
        if ((await flushed()) !== before) throw new Error('the server has begun anew meanwhile');
      };
    },
  };
}
