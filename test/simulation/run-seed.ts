import { Simulation } from './simulation.ts';
import type { Tally } from './tally.ts';
import type { Calm } from './weather.ts';
import type { SimulationDatabase } from './world.ts';

export interface SeedResult {
  readonly seed: number;
  /** Why the run failed; undefined if nothing was wrong. */
  readonly violation: string | undefined;
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
): Promise<SeedResult> {
  const sim = new Simulation(database, seed, calm);
  let violation: string | undefined;
  try {
    await sim.run();
  } catch (error) {
    violation = error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    await sim.stop();
  }
  return {
    ...{ seed, violation, trace: sim.schedule.trace, operations: sim.operations },
    ...{ statements: sim.store.statements, checks: sim.witness.checks },
    faults: sim.store.faults,
    outcomes: sim.witness.outcomes,
  };
}
