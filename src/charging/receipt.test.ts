import { expect, test } from 'vitest';
import { exactUsd } from '#charging/receipt';

test.each([
  [0n, 1n, '0'],
  [1n, 1n, '0.000000001'],
  [1_000_000_000n, 1n, '1'],
  [-1_000_000_000n, 1n, '-1'],
  [-1_500_000_000n, 1n, '-1.5'],
  [25_000_000_000n, 1n, '25'],
  [100_000_000_000n, 1n, '100'],
  [1n, 2n, '0.0000000005'],
  [1n, 1_000_000n, '0.000000000000001'],
  [3n, 8n, '0.000000000375'],
  [-3n, 8n, '-0.000000000375'],
  [1n, 2n ** 20n, `0.000000000${'00000095367431640625'}`],
  // Forty decimals end there: no share of a price needs more.
  [1n, 3n, `0.000000000${'3'.repeat(31)}`],
])('%s / %s nano-USD is written out as %s', (numerator, denominator, text) => {
  expect(exactUsd(numerator, denominator)).toBe(text);
});
