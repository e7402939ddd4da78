import { formatUsd, NANOS_PER_CENT, type NanoUsd, nanos, parseUsd } from '#kernel/money';

/** What is known of a notice: amounts as decimal text, times as RFC 3339, counts as numbers. */
export type Facts = Readonly<Record<string, unknown>>;

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const two = (part: number): string => String(part).padStart(2, '0');

/** "21 Nov 2026": in UTC, and the same for every reader. */
export const dayText = (at: Date): string =>
  `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ''} ${at.getUTCFullYear()}`;

/** "21 Nov 2026, 16:33 UTC". */
export const timeText = (at: Date): string =>
  `${dayText(at)}, ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;

/** "$12.50", and as many more digits as the amount has: nothing is rounded away in a mail. */
export function moneyText(amount: NanoUsd): string {
  const exact = amount % NANOS_PER_CENT === 0n ? cents(amount) : formatUsd(amount);
  return exact.startsWith('-') ? `-$${exact.slice(1)}` : `$${exact}`;
}

function cents(amount: NanoUsd): string {
  const [whole = '0', fraction = ''] = formatUsd(amount).split('.');
  return `${whole}.${fraction.padEnd(2, '0')}`;
}

/**
 * Reads facts that somebody else wrote, maybe in an earlier release. A fact that is missing is a
 * line that is not said; a mail about money does not stay away for it.
 */
export interface FactReader {
  usd(name: string): string | undefined;
  amount(name: string): NanoUsd | undefined;
  /** Without an amount, or with zero, nothing. */
  positive(name: string): string | undefined;
  text(name: string): string | undefined;
  count(name: string): number | undefined;
  day(name: string): string | undefined;
  time(name: string): string | undefined;
  is(name: string): boolean;
}

export function readFacts(facts: Facts): FactReader {
  const text = (name: string): string | undefined => {
    const value = facts[name];
    return typeof value === 'string' && value !== '' ? oneLine(value) : undefined;
  };
  const amount = (name: string) => {
    const found = text(name);
    return found === undefined ? undefined : parseUsd(found);
  };
  const at = (name: string): Date | undefined => {
    const date = new Date(text(name) ?? Number.NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  };
  const shown = <T>(value: T | undefined, show: (value: T) => string): string | undefined =>
    value === undefined ? undefined : show(value);
  return {
    ...{ text, amount },
    usd: (name) => shown(amount(name), moneyText),
    positive: (name) => {
      const found = amount(name) ?? nanos(0n);
      return found > 0n ? moneyText(found) : undefined;
    },
    count: (name) => {
      const value = facts[name];
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
    },
    day: (name) => shown(at(name), dayText),
    time: (name) => shown(at(name), timeText),
    is: (name) => facts[name] === true,
  };
}

/** Names are people's: nothing in one begins a line of its own, or turns the text around. */
const oneLine = (text: string): string =>
  text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
