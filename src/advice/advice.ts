import type { Replay } from '#advice/course';
import { busiestDay, DAY_MS, isFaster, PACE_DAYS, type Pace, paceOf, perDay } from '#advice/pace';
import { replay, spellsOf } from '#advice/replay';
import { type Runway, runwayAt } from '#advice/runway';
import { type Suggestion, suggest } from '#advice/suggestion';
import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import {
  readSpending,
  readUsableCredit,
  type Slice,
  SPENDING_DAYS,
  sliceOf,
} from '#ledger/spending';
import type { PaymentsDeps } from '#payments/deps';
import { purchaseBounds } from '#payments/purchase-bounds';
import { DEFAULT_RELOAD, type Invalid, invalidity, readReload } from '#payments/reload-settings';
import { readUsualTax } from '#payments/usual-tax';

/** What of auto-reload is replayed. */
export interface Setting {
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
}

export interface PaceView {
  readonly pace: Pace;
  readonly daily: NanoUsd;
  readonly runway: Runway;
}

export interface Replayed {
  readonly setting: Setting;
  readonly from: Date;
  readonly to: Date;
  readonly replay: Replay;
}

export interface Advice {
  readonly outcome: 'advice';
  readonly at: Date;
  /** The long one first. */
  readonly paces: readonly PaceView[];
  /** Undefined where nothing was spent within a week. */
  readonly suggestion: Suggestion | undefined;
  /** With the setting that stands, or the one a form begins with. */
  readonly present: Replayed;
  /** With the setting that was asked about, if any. */
  readonly asked: Replayed | undefined;
}

/**
 * All of the advice: one reading of what was spent, and everything else computed from it. A setting
 * that is asked about must be one that could be saved.
 */
export async function readAdvice(
  deps: Pick<PaymentsDeps, 'pool' | 'maximum' | 'tierBounds'>,
  organizationId: OrganizationId,
  ask?: (standing: Setting) => Setting,
): Promise<Advice | Invalid> {
  const credit = await readUsableCredit(deps.pool, organizationId);
  const { now, since } = credit;
  const from = daysBefore(now, SPENDING_DAYS);
  const [slices, { settings = DEFAULT_RELOAD }, bounds, usualTax] = await Promise.all([
    readSpending(deps.pool, organizationId, from),
    readReload(deps.pool, organizationId),
    purchaseBounds(deps, organizationId),
    readUsualTax(deps.pool, organizationId),
  ]);
  const asked = ask?.(settings);
  const wrong = asked && invalidity({ enabled: true, ...asked }, bounds.maximum);
  if (wrong !== undefined) return wrong;
  const paces = PACE_DAYS.map((days): PaceView => {
    const pace = paceOf(slices, now, since, days);
    return { pace, daily: perDay(pace), runway: runwayAt(credit, pace) };
  });
  const spells = spellsOf(slices, now.getTime());
  // From when there was credit: before, nothing could be spent, and nothing lay idle.
  const begins = since !== null && since > from ? sliceOf(since) : from;
  const span = { from: begins.getTime(), to: now.getTime() };
  const replayed = (setting: Setting): Replayed => {
    const { threshold, target, maxPerDay, maxPerMonth } = setting;
    const terms = { threshold, target, maxPerDay, maxPerMonth, ...bounds, usualTax, ...span };
    return { setting, from: begins, to: now, replay: replay({ ...terms, start: target }, spells) };
  };
  return {
    outcome: 'advice',
    at: now,
    paces,
    suggestion: suggest(
      paces.map(({ pace }) => pace),
      busiestDay(slices, now),
      bounds,
    ),
    present: replayed(settings),
    asked: asked === undefined ? undefined : replayed(asked),
  };
}

const daysBefore = (now: Date, days: number): Date =>
  sliceOf(new Date(now.getTime() - days * DAY_MS));

/**
 * For alerts: whole days the credit lasts at the faster of the two paces, 0 where none is usable,
 * null where nothing was spent in a week, so that nobody waits for it. Two indexed reads.
 */
export async function runwayDays(db: Db, organizationId: OrganizationId): Promise<number | null> {
  const credit = await readUsableCredit(db, organizationId);
  const slices = await readSpending(db, organizationId, daysBefore(credit.now, PACE_DAYS[0]));
  return wholeDays(credit.now, fastestRunway(credit, slices));
}

function fastestRunway(
  credit: Awaited<ReturnType<typeof readUsableCredit>>,
  slices: readonly Slice[],
): Runway {
  const [long, short] = PACE_DAYS.map((days) => paceOf(slices, credit.now, credit.since, days));
  if (long === undefined || long.spent === 0n) return { state: 'no_spending' };
  return runwayAt(credit, short !== undefined && isFaster(short, long) ? short : long);
}

/** Days to the end of a runway, rounded down; see `runwayDays`. */
export function wholeDays(now: Date, runway: Runway): number | null {
  if (runway.state === 'no_spending') return null;
  if (runway.state !== 'lasts') return 0;
  return Math.floor((runway.until.getTime() - now.getTime()) / DAY_MS);
}
