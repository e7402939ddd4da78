import { expect, test } from 'vitest';
import { nanos, ZERO } from '#kernel/money';
import { taxShare } from '#ledger/refunds';

test.each([
  // The largest payment there is, and a share that a float cannot hold.
  [10n ** 18n, 190_000_000_000_000_001n, 333_333_333_333_333_333n, 63_333_333_333_333_333n],
  // 29 % of 100: a float says 28.999…
  [100n, 100n, 29n, 29n],
  [7n, 5n, 3n, 2n],
])(
  'of credit %i with tax %i the share of %i is %i, to the nano-dollar',
  (credit, tax, part, share) => {
    const of = { credit: nanos(credit), tax: nanos(tax), part: nanos(part) };
    expect(taxShare({ ...of, back: ZERO, taxBack: ZERO })).toBe(share);
  },
);
