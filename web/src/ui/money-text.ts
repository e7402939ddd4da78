import { displayUsd, formatUsd, type NanoUsd, nanos, parseUsd } from '#kernel/money';

/** One amount, cut where a table aligns it: sign, whole dollars, two cents digits, the rest. */
export interface MoneyParts {
  readonly sign: '' | '−';
  readonly whole: string;
  readonly cents: string;
  readonly rest: string;
}

const grouped = (whole: string) => whole.replace(/\B(?=(\d{3})+$)/g, ',');

function cut(decimal: string): MoneyParts {
  const negative = decimal.startsWith('-');
  const [whole = '0', fraction = ''] = decimal.slice(negative ? 1 : 0).split('.');
  const digits = fraction.padEnd(2, '0');
  return {
    sign: negative ? '−' : '',
    whole: grouped(whole),
    cents: digits.slice(0, 2),
    rest: digits.slice(2),
  };
}

const joined = (parts: MoneyParts) => `${parts.sign}$${parts.whole}.${parts.cents}${parts.rest}`;

/** An amount from the wire. A server may send more digits than a browser page can mean. */
export const readWire = (usd: string): NanoUsd | undefined => parseUsd(usd);

/** Every digit the ledger has: "$0.0012". An unreadable amount is shown as it came. */
export function exactParts(usd: string): MoneyParts {
  const amount = readWire(usd);
  return cut(amount === undefined ? usd : formatUsd(amount));
}

/** Whole cents, towards less money, so that nobody is shown a cent that is not there. */
export function floorParts(usd: string): MoneyParts {
  const amount = readWire(usd);
  return cut(amount === undefined ? usd : displayUsd(amount));
}

/** What is owed: whole cents, rounded up, as a purchase must cover it. No fraction is hidden. */
export function owedParts(usd: string): MoneyParts {
  const amount = readWire(usd);
  return cut(amount === undefined ? usd : displayUsd(nanos(-amount)).replace('-', ''));
}

export const exactText = (usd: string) => joined(exactParts(usd));
export const floorText = (usd: string) => joined(floorParts(usd));
export const owedText = (usd: string) => joined(owedParts(usd));

export const isZero = (usd: string) => readWire(usd) === 0n;
export const isNegative = (usd: string) => usd.startsWith('-') && !isZero(usd);
