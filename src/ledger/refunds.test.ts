import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NANOS_PER_CENT, nanos } from '#kernel/money';
import { taxShare } from '#ledger/refunds';
import { usd } from '#test/ledger-world';

const cent = nanos(NANOS_PER_CENT);

interface Paid {
  readonly credit: bigint;
  readonly tax: bigint;
  readonly unit: bigint;
  /** Thousandths of what is left, refunded one after the other; a negative one fails afterwards. */
  readonly parts: readonly number[];
}
const payment: fc.Arbitrary<Paid> = fc.record({
  credit: fc.bigInt({ min: 1n, max: 10n ** 6n }),
  tax: fc.bigInt({ min: 0n, max: 10n ** 5n }),
  unit: fc.constantFrom(1n, 10n, 10_000_000n),
  parts: fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 20 }),
});

/** Refunds the parts, then the rest; answers the tax that is back, and the share of each step. */
function refundAll({ credit: c, tax: t, unit, parts }: Paid) {
  const whole = { credit: nanos(c * unit), tax: nanos(t * unit), unit: nanos(unit) };
  let back = 0n;
  let taxBack = 0n;
  const shares: bigint[] = [];
  const refund = (part: bigint, fails: boolean): void => {
    const now = { back: nanos(back), taxBack: nanos(taxBack), part: nanos(part) };
    const share = taxShare({ ...whole, ...now });
    shares.push(share);
    if (fails) return;
    back += part;
    taxBack += share;
  };
  for (const part of parts) {
    const left = (whole.credit - back) / unit;
    refund(((left * BigInt(Math.abs(part))) / 1000n) * unit, part < 0);
  }
  refund(whole.credit - back, false);
  return { taxBack, shares, tax: whole.tax };
}

describe('F57: the tax of partial refunds', () => {
  test('adds up to exactly the whole tax, whatever the parts and whichever of them fail', () => {
    fc.assert(
      fc.property(payment, (paid) => {
        const { taxBack, shares, tax } = refundAll(paid);
        expect(taxBack).toBe(tax);
        expect(shares.every((share) => share >= 0n && share % paid.unit === 0n)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('is in whole cents where money is paid out in cents', () => {
    const paid = { credit: usd('10'), tax: usd('0.97'), unit: cent };
    const third = taxShare({ ...paid, back: nanos(0n), taxBack: nanos(0n), part: usd('3.33') });
    expect(third).toBe(usd('0.32'));
    const rest = { back: usd('3.33'), taxBack: third, part: usd('6.67') };
    expect(taxShare({ ...paid, ...rest })).toBe(usd('0.65'));
  });

  test('is never less than nothing after a refund with the larger share has failed', () => {
    // Parts of 3, 4 and 3 of ten with 1 nano of tax: only the last one carries it.
    const paid = { credit: nanos(10n), tax: nanos(1n) };
    expect(taxShare({ ...paid, back: nanos(7n), taxBack: nanos(0n), part: nanos(3n) })).toBe(1n);
    expect(taxShare({ ...paid, back: nanos(3n), taxBack: nanos(1n), part: nanos(4n) })).toBe(0n);
  });

  test('is in whole cents also after a dispute took a share that was not', () => {
    const paid = { credit: usd('10'), tax: usd('1'), unit: cent };
    const taken = { back: usd('3.333'), taxBack: usd('0.3333'), part: usd('6.66') };
    expect(taxShare({ ...paid, ...taken })).toBe(usd('0.66'));
  });
});
