import { isFaster, type Pace, perDay } from '#advice/pace';
import { displayUsd, divideUp, least, NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';

/** What a purchase may be, before tax. */
interface Bounds {
  readonly minimum: NanoUsd;
  readonly maximum: NanoUsd;
}

export interface Suggestion {
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  /** One sentence each, for a person. */
  readonly thresholdReason: string;
  readonly targetReason: string;
}

/** Amounts people would choose: the steps they are rounded up to, by size. */
const STEPS: readonly (readonly [below: bigint, step: bigint])[] = [
  [100n, 5n],
  [1_000n, 25n],
  [10_000n, 100n],
];
const LARGEST_STEP = 1_000n;

const usd = (amount: NanoUsd): string => `$${displayUsd(amount)}`;

function roundUp(amount: NanoUsd): NanoUsd {
  const dollars = divideUp(amount, NANOS_PER_USD);
  const step = STEPS.find(([below]) => dollars <= below)?.[1] ?? LARGEST_STEP;
  return nanos(divideUp(dollars, step) * step * NANOS_PER_USD);
}

const floorTo = (amount: NanoUsd, unit: bigint): NanoUsd => nanos((amount / unit) * unit);

/**
 * A threshold that leaves a day to act should the card be refused, and a target that buys for about
 * a week. Undefined where nothing was spent: any number would be a guess. Pure.
 */
export function suggest(
  paces: readonly Pace[],
  busiest: NanoUsd,
  { minimum, maximum }: Bounds,
): Suggestion | undefined {
  const fastest = paces.reduce<Pace | undefined>(
    (best, pace) => (best === undefined || isFaster(pace, best) ? pace : best),
    undefined,
  );
  if (fastest === undefined || fastest.spent === 0n || busiest === 0n) return undefined;
  const daily = perDay(fastest);
  const week = roundUp(nanos(daily * 7n));
  const bought = least(week < minimum ? minimum : week, floorTo(maximum, NANOS_PER_USD));
  const threshold = roundUp(busiest);
  const thresholdReason =
    `The busiest 24 hours of the last week cost ${usd(busiest)}: should the card be refused, ` +
    'about a day is left to act.';
  const pace = `at the pace of the last ${fastest.days} days, ${usd(daily)} a day`;
  const targetReason =
    bought < week
      ? `${usd(bought)} above the threshold is the most that can be bought at once; ${pace}, ` +
        'it is bought more often than weekly.'
      : daily * 7n < minimum
        ? `${usd(bought)} above the threshold is the least that can be bought at once; ${pace}, ` +
          'that lasts longer than a week.'
        : `${usd(bought)} above the threshold buys for about a week ${pace}.`;
  return { threshold, target: nanos(threshold + bought), thresholdReason, targetReason };
}
