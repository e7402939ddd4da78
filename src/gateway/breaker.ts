import type { Clock } from '#kernel/clock';

/** Stops selling a model whose upstream reports usage that cannot be charged (S12). */
export interface QuarantineBreaker {
  /** A quarantined answer of the model asked for. True if the model is refused from now on. */
  note(model: string): boolean;
  /** Whether requests for the model are refused at this moment. */
  open(model: string): boolean;
}

const QUARANTINES_MAX = 3;
const WINDOW_MS = 300_000;
const REFUSED_MS = 300_000;

/**
 * One for each process. Three quarantines of a model within five minutes refuse it until five
 * minutes have passed without another: every further answer would be given away.
 */
export function quarantineBreaker(clock: Clock): QuarantineBreaker {
  const models = new Map<string, { times: number[]; openUntil: number }>();

  return {
    note(model) {
      const now = clock.elapsedMs();
      const { times, openUntil } = models.get(model) ?? { times: [], openUntil: 0 };
      const recent = [...times.filter((time) => time > now - WINDOW_MS), now];
      // Answers that were under way when it opened still say that the upstream is not well.
      const opens = now < openUntil || recent.length >= QUARANTINES_MAX;
      models.set(model, {
        times: recent.slice(-QUARANTINES_MAX),
        openUntil: opens ? now + REFUSED_MS : 0,
      });
      return opens;
    },
    open: (model) => clock.elapsedMs() < (models.get(model)?.openUntil ?? 0),
  };
}
