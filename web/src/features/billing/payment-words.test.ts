import { expect, test } from 'vitest';
import { kindWords, whyNothing } from './payment-words.ts';
import { purchaseWords, stepLabel } from './purchase-words.ts';

test('what was bought by itself is told from what a person bought', () => {
  expect(kindWords({ kind: 'purchase', trigger: 'manual' })).toBe('Purchase');
  expect(kindWords({ kind: 'purchase', trigger: 'auto_reload' })).toBe('Auto-reload');
  expect(kindWords({ kind: 'refund', trigger: null })).toBe('Refund');
});

test('what happened after a credit is no second credit, and a second refusal is one', () => {
  expect(stepLabel('credited', 'processing', 'manual')).toBe('Credited');
  expect(stepLabel('credited', 'credited', 'manual')).toBe('Afterwards');
  expect(stepLabel('declined', 'declined', 'manual')).toBe('Declined');
  expect(stepLabel('opening', 'draft', 'auto_reload')).toBe('Charging the card');
});

test('what failed says why, as a sentence, and what to do', () => {
  expect(whyNothing({ reason: null, next_step: null })).toBeNull();
  expect(whyNothing({ reason: 'It was switched off.', next_step: null })).toBe(
    'It was switched off.',
  );
  const step = 'Contact us with the reference below.';
  expect(whyNothing({ reason: 'The card has expired', next_step: step })).toBe(
    'The card has expired. Contact us with this reference.',
  );
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
