import { divideHalfEven, type NanoUsd, nanos, sum, ZERO } from '#kernel/money';
import { SLICE_MS, type Slice, sliceOf } from '#ledger/spending';

export const DAY_MS = 86_400_000;
/** The days a pace is taken over: the short one sees a change, the long one a whole week. */
export const PACE_DAYS = [7, 3] as const;
export type PaceDays = (typeof PACE_DAYS)[number];

/** What was spent in how much time: a rate that has not been rounded. */
export interface Pace {
  readonly days: PaceDays;
  readonly from: Date;
  readonly spent: NanoUsd;
  /** Milliseconds, at least those of a day. */
  readonly overMs: number;
}

/**
 * The pace of the last days, or of the days since there was credit where those are fewer. Never of
 * less than a day: a busy first hour is no pace. Pure.
 */
export function paceOf(
  slices: readonly Slice[],
  now: Date,
  since: Date | null,
  days: PaceDays,
): Pace {
  const wanted = sliceOf(new Date(now.getTime() - days * DAY_MS));
  const from = since !== null && since > wanted ? sliceOf(since) : wanted;
  const spent = sum(slices.filter(({ at }) => at >= from).map((slice) => slice.spent));
  return { days, from, spent, overMs: Math.max(now.getTime() - from.getTime(), DAY_MS) };
}

/** Nano-USD in a day, half to even. */
export const perDay = ({ spent, overMs }: Pace): NanoUsd =>
  nanos(divideHalfEven(spent * BigInt(DAY_MS), BigInt(overMs)));

/** Which of two is faster, exactly. */
export const isFaster = (one: Pace, other: Pace): boolean =>
  one.spent * BigInt(other.overMs) > other.spent * BigInt(one.overMs);

/** The most that was spent in any 24 hours of the last week, by slices. Pure. */
export function busiestDay(slices: readonly Slice[], now: Date): NanoUsd {
  const from = now.getTime() - 7 * DAY_MS;
  const recent = slices.filter(({ at }) => at.getTime() + SLICE_MS > from);
  let most: bigint = ZERO;
  let running = 0n;
  let oldest = 0;
  for (const slice of recent) {
    running += slice.spent;
    for (;;) {
      const first = recent[oldest];
      if (first === undefined || slice.at.getTime() - first.at.getTime() < DAY_MS) break;
      running -= first.spent;
      oldest += 1;
    }
    if (running > most) most = running;
  }
  return nanos(most);
}
