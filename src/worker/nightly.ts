import { openPool } from '#db/pool';
import { type Verification, verifyLedger } from '#ledger/reconcile';
import {
  endNight,
  keepNight,
  readLastVerifications,
  recordVerification,
  takeNight,
  verifyAndSeal,
} from '#ledger/seals';
import type { PaymentsDeps } from '#payments/deps';
import type { Timer } from '#worker/timers';

/** Business time in UTC. */
const BEGINS_AT = '03:00';
/** ISO weekday of the night on which everything is read from the first entry: Sunday. */
const FULL_ON = 7;
const LOOK_EVERY_MS = 60_000;
/** Real time. A worker that died is replaced after this; a living one keeps it. */
const LEASE_SECONDS = 600;
const LANES = 2;
/** The first night of an old ledger reads all of it in one statement. */
const STATEMENT_MS = 3_600_000;
/** Named in the alarm; `bursar ledger verify` names them all. */
const VIOLATIONS_TOLD = 5;

export interface NightDeps extends Pick<PaymentsDeps, 'pool' | 'log'> {
  readonly databaseUrl: string;
}

export const nightly = (deps: NightDeps): Timer => ({
  name: 'verify and seal the ledger',
  everyMs: LOOK_EVERY_MS,
  run: () => workNight(deps),
});

/**
 * Once in a night, in one of all workers: verifies what is new and seals it, on Sundays all there
 * is. A ledger that does not verify is an alarm, once a night, and is not sealed; if it was found in
 * full, every night reads in full until that is repaired. An error along the way is not a verdict
 * and is tried again when the lease has passed.
 */
export async function workNight(deps: NightDeps): Promise<readonly Verification[]> {
  const night = await takeNight(deps.pool, BEGINS_AT, LEASE_SECONDS);
  if (night === undefined) return [];
  const keeping = setInterval(() => {
    // If the database does not answer, the work itself will say so.
    keepNight(deps.pool, night, LEASE_SECONDS).catch(() => {});
  }, LEASE_SECONDS * 250);
  const url = deps.databaseUrl;
  const pool = openPool({ url, name: 'nightly', max: LANES, statementTimeoutMs: STATEMENT_MS });
  try {
    const results: Verification[] = [];
    const tell = async (result: Verification): Promise<boolean> => {
      results.push(result);
      await recordVerification(deps.pool, result);
      if (!result.ok) raiseAlarm(deps, result);
      return result.ok;
    };
    const inFull = night.weekday === FULL_ON || (await lastFullFailed(deps));
    const sound = !inFull || (await tell(await verifyLedger(pool, { mode: 'full', lanes: LANES })));
    if (sound) await tell(await verifyAndSeal(pool));
    await endNight(deps.pool, night);
    return results;
  } finally {
    clearInterval(keeping);
    await pool.close();
  }
}

/** What is sealed and broken is not seen by an incremental verification, which would seal on. */
async function lastFullFailed({ pool }: NightDeps): Promise<boolean> {
  const last = await readLastVerifications(pool);
  return last.some((verification) => verification.mode === 'full' && !verification.ok);
}

function raiseAlarm({ log }: NightDeps, result: Verification): void {
  const broken = result.checks.filter((check) => !check.ok);
  log?.error(
    {
      mode: result.mode,
      checks: broken.map((check) => check.name),
      violations: broken.flatMap((check) => check.violations).slice(0, VIOLATIONS_TOLD),
    },
    'the ledger does not verify',
  );
}
