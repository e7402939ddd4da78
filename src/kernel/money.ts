declare const nanoUsd: unique symbol;

/** An amount in nano-USD (10⁻⁹ USD), always a bigint: the one unit of the ledger (money rule 1). */
export type NanoUsd = bigint & { readonly [nanoUsd]: true };

export const NANOS_PER_USD = 1_000_000_000n;
export const NANOS_PER_CENT = 10_000_000n;
export const ZERO = 0n as NanoUsd;

/** Brands a bigint that is known to be nano-USD: a database column, a sum, a price times units. */
export const nanos = (amount: bigint): NanoUsd => amount as NanoUsd;

export const sum = (amounts: Iterable<NanoUsd>): NanoUsd => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return nanos(total);
};

export const least = (a: NanoUsd, b: NanoUsd): NanoUsd => (a < b ? a : b);

const DECIMAL = /^(-?)(\d{1,9})(?:\.(\d{1,9}))?$/;

/**
 * Reads a decimal USD amount such as "5" or "0.000000001".
 * Returns undefined for anything else: exponents, blanks, signs other than "-", a tenth decimal.
 */
export function parseUsd(text: string): NanoUsd | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '0', fraction = ''] = match;
  const amount = BigInt(whole) * NANOS_PER_USD + BigInt(fraction.padEnd(9, '0'));
  return nanos(sign === '-' ? -amount : amount);
}

/** The wire form: up to nine decimals, no trailing zeros, never "-0". */
export function formatUsd(amount: NanoUsd): string {
  const sign = amount < 0n ? '-' : '';
  const size = amount < 0n ? -amount : amount;
  const fraction = (size % NANOS_PER_USD).toString().padStart(9, '0').replace(/0+$/, '');
  return `${sign}${size / NANOS_PER_USD}${fraction === '' ? '' : `.${fraction}`}`;
}

/** What a person sees: whole cents, rounded towards less money, e.g. "4.99" for 4.999. */
export function displayUsd(amount: NanoUsd): string {
  const rest = amount % NANOS_PER_CENT;
  const cents = amount / NANOS_PER_CENT - (rest < 0n ? 1n : 0n);
  const size = cents < 0n ? -cents : cents;
  const digits = size.toString().padStart(3, '0');
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Card processors count cents. Undefined where the amount is not a whole number of them. */
export const centsExactly = (amount: NanoUsd): bigint | undefined =>
  amount % NANOS_PER_CENT === 0n ? amount / NANOS_PER_CENT : undefined;

export const fromCents = (cents: bigint): NanoUsd => nanos(cents * NANOS_PER_CENT);

/**
 * numerator / denominator, rounded half to even: the one rounding of a request's cost.
 * Half-even keeps the sum over millions of requests free of drift (fault F92).
 */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError('divideHalfEven needs a positive denominator');
  const negative = numerator < 0n;
  const size = negative ? -numerator : numerator;
  const quotient = size / denominator;
  const twice = (size % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/** Rounded away from zero: for upper bounds, where a lost fraction would make the bound a lie. */
export const divideUp = (numerator: bigint, denominator: bigint): bigint =>
  (numerator + denominator - 1n) / denominator;
