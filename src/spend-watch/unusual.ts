import { type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';

/** The times over which speed is measured. */
export const WINDOW_NAMES = ['five_minutes', 'hour'] as const;
export type WindowName = (typeof WINDOW_NAMES)[number];

/** What was charged in each of them. */
export type Speed = Readonly<Record<WindowName, NanoUsd>>;

export const STILL: Speed = { five_minutes: ZERO, hour: ZERO };

interface Window {
  readonly minutes: number;
  /** Its floor, as a multiple of the floor of five minutes. */
  readonly floors: bigint;
  /** Who may spend so much a month is disturbed from this part of it on. */
  readonly partOfMonth: bigint;
}

/** Shortest first: what is found in the shortest is told. */
export const WINDOWS = {
  five_minutes: { minutes: 5, floors: 1n, partOfMonth: 10n },
  hour: { minutes: 60, floors: 4n, partOfMonth: 4n },
} as const satisfies Record<WindowName, Window>;

/** So many times what is usual is unusual. */
const FACTOR = 3n;
/** For a day after a person has answered: what was paused early may become much more. */
const FACTOR_AFTER_ANSWER = 10n;
/** A small limit lowers the floor, but not below this part of it. */
const LEAST_FLOOR_PART = 5n;
/** One key of many is not told of for less than this part of what all of them are used to. */
const PART_OF_ORGANIZATION = 10n;

/** Unless the operator says otherwise: what five minutes may cost without anybody being disturbed. */
export const FLOOR: NanoUsd = parseUsd('5') ?? ZERO;

/** Below this no window of anybody is unusual. */
export const leastFloor = (floor: NanoUsd, window: WindowName): NanoUsd =>
  nanos((floor * WINDOWS[window].floors) / LEAST_FLOOR_PART);

/** Who spends, as far as it matters. */
export interface Spender {
  /** The most it was charged in such a time. */
  readonly usual: Speed;
  /** The same of its organization; null for the organization itself. */
  readonly ofOrganization: Speed | null;
  /** A key so new that it has no habits: its organization's are taken. */
  readonly young: boolean;
  /** A person has answered an anomaly of the organization within a day. */
  readonly answeredLately: boolean;
  /** The least that any limit of its own lets it spend in a month; null for none. */
  readonly monthly: NanoUsd | null;
}

export interface Unusual {
  readonly window: WindowName;
  readonly spent: NanoUsd;
  /** The most before. */
  readonly usual: NanoUsd;
  /** From where on it would have been told of. */
  readonly allowed: NanoUsd;
}

const most = (...amounts: readonly NanoUsd[]): NanoUsd =>
  amounts.reduce((found, one) => (one > found ? one : found), ZERO);

const usualOf = ({ usual, ofOrganization, young }: Spender, window: WindowName): NanoUsd =>
  young && ofOrganization !== null ? most(usual[window], ofOrganization[window]) : usual[window];

function floorOf(spender: Spender, window: WindowName, floor: NanoUsd): NanoUsd {
  const { monthly, ofOrganization } = spender;
  const { floors, partOfMonth } = WINDOWS[window];
  const whole = nanos(floor * floors);
  const part = monthly === null ? whole : nanos(monthly / partOfMonth);
  const own = part < whole ? most(part, leastFloor(floor, window)) : whole;
  const ofAll = nanos((ofOrganization?.[window] ?? ZERO) / PART_OF_ORGANIZATION);
  return most(own, ofAll);
}

/** What may be charged in a window without being unusual. */
export function allowedIn(window: WindowName, spender: Spender, floor: NanoUsd = FLOOR): NanoUsd {
  const factor = spender.answeredLately ? FACTOR_AFTER_ANSWER : FACTOR;
  return most(nanos(usualOf(spender, window) * factor), floorOf(spender, window, floor));
}

/** Whether a subject spends unusually fast, and the evidence. Undefined if it does not. */
export function findUnusual(
  speed: Speed,
  spender: Spender,
  floor: NanoUsd = FLOOR,
): Unusual | undefined {
  for (const window of WINDOW_NAMES) {
    const spent = speed[window];
    const allowed = allowedIn(window, spender, floor);
    if (spent > allowed) return { window, spent, usual: usualOf(spender, window), allowed };
  }
  return undefined;
}

/** Whether what passed is back so much worse that it is told of again. */
export const isWorse = (spent: NanoUsd, peak: NanoUsd): boolean => spent > peak * FACTOR;

/** What is left of a speed without a part of it. */
export const without = (speed: Speed, part: Speed): Speed => ({
  five_minutes: nanos(speed.five_minutes - part.five_minutes),
  hour: nanos(speed.hour - part.hour),
});

export const together = (one: Speed, other: Speed): Speed => ({
  five_minutes: nanos(one.five_minutes + other.five_minutes),
  hour: nanos(one.hour + other.hour),
});
