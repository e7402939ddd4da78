import * as sql from '#db/deployment-sql';
import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';

export interface Deployment {
  /** Business time: real time plus what the test clock was moved. */
  readonly now: Date;
  readonly simulated: boolean;
  /** True once the test clock was moved: such a database never takes real money. */
  readonly moved: boolean;
}

export async function readDeployment(db: Db): Promise<Deployment> {
  const [row] = await db.query<Deployment>(sql.readDeployment);
  assert(row !== undefined, 'the deployment row exists after migration');
  return row;
}

/**
 * Says whether money is simulated here. Refused for a database whose clock was moved: purchases
 * in it are dated by a clock somebody made up.
 */
export async function declareSimulated(
  db: Db,
  simulated: boolean,
): Promise<{ outcome: 'declared' } | { outcome: 'clock_was_moved' }> {
  const { moved } = await readDeployment(db);
  if (moved && !simulated) return { outcome: 'clock_was_moved' };
  await db.query(sql.setSimulated(simulated));
  return { outcome: 'declared' };
}

/** Moves business time forward. Only simulated deployments allow it. */
export async function advanceClock(
  db: Db,
  seconds: number,
): Promise<{ outcome: 'advanced'; now: Date } | { outcome: 'not_simulated' }> {
  const { simulated } = await readDeployment(db);
  if (!simulated) return { outcome: 'not_simulated' };
  const [row] = await db.query<{ now: Date }>(sql.advance(seconds));
  assert(row !== undefined, 'advancing the clock answers its time');
  return { outcome: 'advanced', now: row.now };
}
