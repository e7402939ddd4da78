import { runSeed, type SeedResult } from './run-seed.ts';
import { type Calm, EVENTS, STATEMENT_FAULTS } from './weather.ts';
import type { SimulationDatabase } from './world.ts';

/**
 * The same seed with fewer nodes, customers, errands and kinds of faults, as long as it still fails:
 * what is left of the trace is what matters.
 */
export async function shrink(
  database: SimulationDatabase,
  failed: SeedResult,
  calm: Calm,
  patienceMs: number,
): Promise<SeedResult> {
  let best = failed;
  let kept = calm;
  const attempt = async (fewer: Calm): Promise<boolean> => {
    if (best.stalled) return false;
    const result = await runSeed(database, failed.seed, fewer, patienceMs);
    if (result.stalled) {
      best = { ...best, stalled: true };
      return false;
    }
    if (result.violation === undefined || result.trace.length > best.trace.length) return false;
    best = result;
    kept = fewer;
    return true;
  };
  for (const nodes of [1, 2]) if (await attempt({ ...kept, nodes })) break;
  for (const customers of [1, 2, 3, 4]) if (await attempt({ ...kept, customers })) break;
  for (const errands of [1, 2, 3, 5]) if (await attempt({ ...kept, errands })) break;
  for (const kind of [...STATEMENT_FAULTS, 'clock', ...EVENTS]) {
    await attempt({ ...kept, without: [...(kept.without ?? []), kind] });
  }
  return best;
}
