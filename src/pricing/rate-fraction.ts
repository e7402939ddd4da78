import type { ComponentKind, Factor } from './book.ts';

/**
 * Units that a price is for. Time is priced by the hour and counted in seconds or milliseconds, so
 * that no price has to be divided.
 */
export const UNITS_PRICED: Readonly<Record<ComponentKind, bigint>> = {
  input: 1_000_000n,
  cache_write_5m: 1_000_000n,
  cache_write_1h: 1_000_000n,
  cache_read: 1_000_000n,
  output: 1_000_000n,
  web_search: 1_000_000n,
  code_execution: 3_600n,
  session: 3_600_000n,
};

/** Exact nano-USD of one unit, in lowest terms. */
export function perUnit(
  kind: ComponentKind,
  unitPriceNanos: bigint,
  factors: readonly Factor[],
): Factor {
  let numerator = unitPriceNanos;
  let denominator = UNITS_PRICED[kind];
  for (const factor of factors) {
    numerator *= factor.numerator;
    denominator *= factor.denominator;
  }
  return lowestTerms(numerator, denominator);
}

export function lowestTerms(numerator: bigint, denominator: bigint): Factor {
  const size = numerator < 0n ? -numerator : numerator;
  const divisor = greatestDivisor(denominator, size);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

export function greatestDivisor(one: bigint, other: bigint): bigint {
  let [larger, smaller] = [one, other];
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}

export const leastMultiple = (one: bigint, other: bigint): bigint =>
  (one / greatestDivisor(one, other)) * other;
