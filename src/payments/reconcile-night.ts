import type { PaymentsDeps } from '#payments/deps';
import { openDifferences } from '#payments/differences';
import { type Period, type ReconcileDeps, reconcile } from '#payments/reconcile';
import * as sql from '#payments/reconcile-sql';

/** Business time in UTC; after the night's work on the ledger has begun. */
const BEGINS_AT = '03:30';
/** Real time. A worker that died is replaced after this; one that broke off tries again. */
const LEASE_SECONDS = 900;
/** As far back as a payment can become known by no event any more. */
export const LOOK_BACK_DAYS = 35;
/** What ended late the night before is looked at again. */
const OVERLAP_DAYS = 3;
/** What is booked right now is not told as missing. */
const SETTLING_MS = 10 * 60_000;
/** Named in the alarm; `bursar reconcile` names them all. */
const TOLD = 10;
const DAY_MS = 24 * 60 * 60_000;

const daysBefore = (at: Date, days: number): Date => new Date(at.getTime() - days * DAY_MS);

/** From far enough back that everything still open is looked at again. */
export async function periodOf(
  deps: Pick<PaymentsDeps, 'pool' | 'clock' | 'environment' | 'processor'>,
  from: Date = daysBefore(deps.clock.now(), LOOK_BACK_DAYS),
): Promise<Period> {
  const [oldest] = await openDifferences(deps.pool, deps);
  if (oldest === undefined || oldest.happenedAt >= from) return { from };
  return { from: oldest.happenedAt };
}

/**
 * Once in a night, in one of all workers. What is found is an alarm, every night until it is gone. If
 * the processor does not answer, the night is done when it does.
 */
export async function reconcileByNight(deps: ReconcileDeps): Promise<void> {
  const { pool, environment, processor } = deps;
  const [night] = await pool.query<{ night: string; lastReached: Date | null }>(
    sql.takeNight(environment, processor.name, BEGINS_AT, LEASE_SECONDS),
  );
  if (night === undefined) return;
  const since = night.lastReached;
  const from = since === null ? undefined : daysBefore(since, OVERLAP_DAYS);
  const reached = new Date(deps.clock.now().getTime() - SETTLING_MS);
  const result = await reconcile(deps, { ...(await periodOf(deps, from)), to: reached });
  if (result.outcome === 'processor_unavailable') {
    deps.log?.warn({ night: night.night }, 'the processor did not answer its reconciliation');
    return;
  }
  const { differences, healed, movements } = result;
  await pool.query(
    sql.endNight(environment, processor.name, night.night, {
      ...{ reached, movements, healed },
      differences: differences.length,
    }),
  );
  if (differences.length === 0) return;
  deps.log?.error(
    {
      count: differences.length,
      differences: differences
        .slice(0, TOLD)
        .map(({ kind, reference, detail }) => ({ kind, reference, detail })),
    },
    'processor and books do not agree',
  );
}

/** Business time: the night that is due, and one in which the processor did not answer. */
export const OVERDUE_DAYS = 2;

export interface LastNight {
  readonly doneAt: Date | null;
  /** None for so many days of business time, though something was sold. */
  readonly overdue: boolean;
}

export async function lastReconciliation(
  db: PaymentsDeps['pool'],
  days: number,
): Promise<LastNight> {
  const [row] = await db.query<LastNight>(sql.lastNight(days));
  return row ?? { doneAt: null, overdue: false };
}
