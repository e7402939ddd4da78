import { expect, test } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { debtFirst, debtNotice } from '#payments/debt-words';

const usd = (text: string) => parseUsd(text) ?? ZERO;

test('what is owed is said before paying, rounded up to the cent (S23)', () => {
  expect(debtNotice(ZERO)).toBeNull();
  expect(debtNotice(usd('4'))).toContain('$4.00 is owed');
  expect(debtNotice(usd('1.941'))).toContain('$1.95 is owed');
});

test('a purchase clears the debt first, and only then becomes credit', () => {
  expect(debtFirst(usd('4'), usd('10'))).toEqual({
    ...{ clears: usd('4'), usable: usd('6'), stillOwed: 0n },
  });
  expect(debtFirst(usd('12'), usd('10'))).toEqual({
    ...{ clears: usd('10'), usable: 0n, stillOwed: usd('2') },
  });
});
