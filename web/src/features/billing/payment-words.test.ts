import { expect, test } from 'vitest';
import { kindWords } from './payment-words.ts';
import { purchaseWords } from './purchase-words.ts';

test('what was bought by itself is told from what a person bought', () => {
  expect(kindWords({ kind: 'purchase', trigger: 'manual' })).toBe('Purchase');
  expect(kindWords({ kind: 'purchase', trigger: 'auto_reload' })).toBe('Auto-reload');
  expect(kindWords({ kind: 'refund', trigger: null })).toBe('Refund');
});

test('a purchase that was refunded or disputed since is not called credited', () => {
  const words = (overlay: Parameters<typeof purchaseWords>[0]['overlay']) =>
    purchaseWords({ state: 'credited', overlay }).label;
  expect(words(null)).toBe('Credited');
  expect(words('refunded')).toBe('Refunded');
  expect(words('part_refunded')).toBe('Partly refunded');
  expect(words('disputed')).toBe('Disputed');
  expect(words('dispute_lost')).toBe('Taken back');
  // Only what became credit can have been taken back.
  expect(purchaseWords({ state: 'failed', overlay: 'refunded' }).label).toBe('Failed');
});
