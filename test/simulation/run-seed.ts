import { PATIENCE_MS, Stalled, withPatience } from './patience.ts';
import { Simulation } from './simulation.ts';
import type { Tally } from './tally.ts';
import type { Calm } from './weather.ts';
import type { SimulationDatabase } from './world.ts';

export interface SeedResult {
  readonly seed: number;
  /** Why the run failed; undefined if nothing was wrong. */
  readonly violation: string | undefined;
  /** It came to no end, and keeps what it has of the database: nothing more can be run there. */
  readonly stalled: boolean;
  readonly trace: readonly string[];
  readonly operations: number;
  readonly statements: number;
  readonly checks: number;
  readonly faults: Tally;
  readonly outcomes: Tally;
}

/** Runs one seed from an empty database to its verdict. */
export async function runSeed(
  database: SimulationDatabase,
  seed: number,
  calm: Calm = {},
  patienceMs = PATIENCE_MS,
): Promise<SeedResult> {
  const sim = new Simulation(database, seed, calm);
  let violation: string | undefined;
  let stalled = false;
  const failed = (error: unknown): void => {
    stalled ||= error instanceof Stalled;
    const told = error instanceof Stalled ? error.message : undefined;
    violation ??= told ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  await withPatience(sim, patienceMs, () => sim.run()).catch(failed);
  if (!stalled) await withPatience(sim, patienceMs, () => sim.stop()).catch(failed);
  return {
    ...{ seed, violation, stalled, trace: sim.schedule.trace, operations: sim.operations },
    ...{ statements: sim.store.statements, checks: sim.witness.checks },
    faults: sim.store.faults,
    outcomes: sim.witness.outcomes,
  };
}
