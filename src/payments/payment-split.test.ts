import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromCents, nanos, ZERO } from '#kernel/money';
import { splitPayment } from '#payments/payment-split';

const centsUpTo = (most: number) =>
  fc.integer({ min: 0, max: most }).map((count) => fromCents(BigInt(count)));

test('any sums that add up to a payment add up to its credit and its tax (F57)', () => {
  fc.assert(
    fc.property(
      centsUpTo(100_000).filter((credit) => credit > 0n),
      centsUpTo(30_000),
      fc.array(centsUpTo(5_000), { maxLength: 40 }),
      (credit, tax, sums) => {
        let [creditBack, taxBack, beyond] = [ZERO, ZERO, ZERO];
        let given = 0n;
        for (const sum of [...sums, nanos(credit + tax)]) {
          if (sum === 0n) continue;
          const split = splitPayment({ credit, tax, creditBack, taxBack }, sum);
          expect(split.credit + split.tax + split.beyond).toBe(sum);
          expect([split.credit >= 0n, split.tax >= 0n, split.beyond >= 0n]).not.toContain(false);
          creditBack = nanos(creditBack + split.credit);
          taxBack = nanos(taxBack + split.tax);
          beyond = nanos(beyond + split.beyond);
          given += sum;
          expect(creditBack <= credit && taxBack <= tax).toBe(true);
          // Never more than a nano-dollar from the share that is due.
          const due = (tax * (creditBack + taxBack)) / (credit + tax);
          expect(taxBack - due <= 1n && due - taxBack <= 1n).toBe(true);
        }
        expect([creditBack, taxBack]).toEqual([credit, tax]);
        expect(beyond).toBe(given - credit - tax);
      },
    ),
  );
});
