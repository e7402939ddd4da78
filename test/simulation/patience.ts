import type { Simulation } from './simulation.ts';

/** A run that goes no further: nothing more may be asked of it, nor of its database. */
export class Stalled extends Error {}

const NAMED_MOST = 12;

/** Of real time, without a statement or anything else: a seed is over in a second. */
export const PATIENCE_MS = 120_000;

/**
 * Runs it, unless nothing happens for so long that nothing will. Without this a run that waits for
 * itself would end without a word as soon as no timer is left, or never.
 */
export async function withPatience<T>(
  sim: Simulation,
  patienceMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  let seen = sim.progress;
  let since = performance.now();
  const look = setInterval(() => {
    const now = performance.now();
    if (sim.progress !== seen) {
      seen = sim.progress;
      since = now;
    } else if (now - since >= patienceMs) {
      reject(new Stalled(`no progress for ${patienceMs / 1_000} s, waiting for ${waitedFor(sim)}`));
    }
  }, patienceMs / 10);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearInterval(look);
  }
}

function waitedFor({ schedule, store }: Simulation): string {
  const all = [...store.underWay, ...schedule.waiting].map((each) => each.trim());
  if (all.length === 0) return 'something that is not in its schedule';
  const more = all.length > NAMED_MOST ? `; and ${all.length - NAMED_MOST} more` : '';
  return all.slice(0, NAMED_MOST).join('; ') + more;
}
