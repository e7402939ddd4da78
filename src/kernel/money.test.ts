import { describe, expect, test } from 'vitest';
import {
  centsExactly,
  displayUsd,
  divideHalfEven,
  divideUp,
  formatUsd,
  fromCents,
  least,
  NANOS_PER_CENT,
  NANOS_PER_USD,
  nanos,
  parseUsd,
  sum,
  ZERO,
} from '#kernel/money';

describe('reading an amount', () => {
  test.each([
    ['5', 5_000_000_000n],
    ['0', 0n],
    ['0.000000001', 1n],
    ['-0.5', -500_000_000n],
    ['12.34', 12_340_000_000n],
    ['999999999.999999999', 999_999_999_999_999_999n],
    ['007', 7_000_000_000n],
  ])('%s is exact', (text, amount) => {
    expect(parseUsd(text)).toBe(amount);
  });

  test.each([
    '',
    ' 5',
    '5 ',
    '+5',
    '--5',
    '5.',
    '.5',
    '5,00',
    '1e3',
    '0.0000000001',
    '1234567890',
    '$5',
    'x5',
    '5x',
    '5.x',
    '0x10',
  ])('"%s" is no amount', (text) => {
    expect(parseUsd(text)).toBeUndefined();
  });
});

describe('writing an amount', () => {
  test.each([
    [5_000_000_000n, '5'],
    [0n, '0'],
    [1n, '0.000000001'],
    [-1n, '-0.000000001'],
    [10_100_000_000n, '10.1'],
    [-500_000_000n, '-0.5'],
    [100_000_000_000n, '100'],
    [1_000_000_010n, '1.00000001'],
  ])('%s nano-USD is written %s, and read back', (amount, text) => {
    expect(formatUsd(nanos(amount))).toBe(text);
    expect(parseUsd(text)).toBe(amount);
  });

  test.each([
    [4_999_000_000n, '4.99'],
    [0n, '0.00'],
    [9_999_999n, '0.00'],
    [10_000_000n, '0.01'],
    [-1n, '-0.01'],
    [-10_000_000n, '-0.01'],
    [-10_000_001n, '-0.02'],
    [1_234_560_000_000n, '1234.56'],
  ])('%s nano-USD is shown to people as %s: never more than there is', (amount, text) => {
    expect(displayUsd(nanos(amount))).toBe(text);
  });
});

test('cents are converted exactly or not at all', () => {
  expect(centsExactly(nanos(12_340_000_000n))).toBe(1234n);
  expect(centsExactly(nanos(12_340_000_001n))).toBeUndefined();
  expect(centsExactly(ZERO)).toBe(0n);
  expect(fromCents(1234n)).toBe(12_340_000_000n);
  expect(NANOS_PER_USD).toBe(100n * NANOS_PER_CENT);
});

test('amounts add up, and the smaller of two is the smaller', () => {
  expect(sum([])).toBe(0n);
  expect(sum([nanos(1n), nanos(-3n), nanos(7n)])).toBe(5n);
  expect(least(nanos(1n), nanos(2n))).toBe(1n);
  expect(least(nanos(2n), nanos(1n))).toBe(1n);
  expect(least(nanos(2n), nanos(2n))).toBe(2n);
});

describe('the one rounding of a cost', () => {
  test.each([
    [0n, 2n, 0n],
    [1n, 2n, 0n],
    [3n, 2n, 2n],
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [4n, 3n, 1n],
    [5n, 3n, 2n],
    [-1n, 2n, 0n],
    [-3n, 2n, -2n],
    [-5n, 3n, -2n],
    [-4n, 3n, -1n],
    [7n, 1n, 7n],
    [1_499_999n, 1_000_000n, 1n],
    [1_500_000n, 1_000_000n, 2n],
    [1_500_001n, 1_000_000n, 2n],
    [2_500_000n, 1_000_000n, 2n],
  ])('%s / %s is %s: halves go to the even neighbour', (numerator, denominator, rounded) => {
    expect(divideHalfEven(numerator, denominator)).toBe(rounded);
  });

  test('F92: does not drift over many requests', () => {
    let error = 0n;
    for (let numerator = 0n; numerator < 1_000n; numerator += 1n) {
      error += divideHalfEven(numerator, 100n) * 100n - numerator;
    }
    expect(error).toBe(0n);
  });

  test.each([0n, -1n])('a denominator of %s is a bug, not a price', (denominator) => {
    expect(() => divideHalfEven(1n, denominator)).toThrow(
      new RangeError('divideHalfEven needs a positive denominator'),
    );
  });

  test('an upper bound is rounded up', () => {
    expect([0n, 1n, 2n, 3n, 4n].map((n) => divideUp(n, 3n))).toEqual([0n, 1n, 1n, 1n, 2n]);
  });
});
