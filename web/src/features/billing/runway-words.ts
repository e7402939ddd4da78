import type { PaceView } from '#console-api/advice/contract';

const DAY_MS = 86_400_000;
const HOUR_S = 3_600;

/** There was credit for fewer days than the pace is meant to be over. */
export const isYoung = (pace: Pick<PaceView, 'days' | 'from'>, at: string): boolean =>
  Date.parse(at) - Date.parse(pace.from) < pace.days * DAY_MS;

/** Worth a line of its own: the short pace ends the credit a day or more before the long one. */
export function lastsShorter(recent: PaceView, week: PaceView): boolean {
  const [soon, late] = [recent.runway.until, week.runway.until];
  if (soon === null || late === null) return false;
  return Date.parse(soon) + DAY_MS <= Date.parse(late);
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [24 * HOUR_S, 'd'],
  [HOUR_S, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** "2 d 3 h", "40 s", "none": the largest unit that is there, and the next one. */
export function lengthOf(seconds: number): string {
  if (seconds <= 0) return 'none';
  const first = UNITS.findIndex(([size]) => seconds >= size);
  const parts = UNITS.slice(first, first + 2).map(([size, name], at) => {
    const before = at === 0 ? seconds : seconds % (UNITS[first]?.[0] ?? 1);
    const count = Math.floor(before / size);
    return count === 0 ? '' : `${count} ${name}`;
  });
  return parts.filter((part) => part !== '').join(' ');
}
