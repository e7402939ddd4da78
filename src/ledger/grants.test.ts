import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BurnDownKey, byBurnDown, CREDIT_MOST, GRANT_MOST } from '#ledger/grants';
import { usd } from '#test/ledger-world';

const at = (day: number): Date => new Date(Date.UTC(2027, 0, day));
const grant = (id: string, changes: Partial<BurnDownKey> = {}): BurnDownKey => ({
  id,
  kind: 'purchase',
  grantedAt: at(1),
  expiresAt: at(30),
  ...changes,
});

test.each([
  ['the soonest to expire', [grant('a', { expiresAt: at(31) }), grant('b')]],
  ['a gift before a purchase', [grant('a'), grant('b', { kind: 'promotional' })]],
  ['an adjustment before a purchase', [grant('a'), grant('b', { kind: 'adjustment' })]],
  ['the oldest', [grant('a', { grantedAt: at(2) }), grant('b')]],
  [
    'the soonest to expire, even if it was paid',
    [grant('a', { kind: 'promotional', expiresAt: at(31) }), grant('b')],
  ],
  [
    'a gift, even if it is younger',
    [grant('a'), grant('b', { kind: 'promotional', grantedAt: at(5) })],
  ],
  [
    'the older of two gifts',
    [grant('a', { kind: 'promotional', grantedAt: at(2) }), grant('b', { kind: 'adjustment' })],
  ],
])('first comes %s', (_, grants) => {
  expect(grants.toSorted(byBurnDown).map((one) => one.id)).toEqual(['b', 'a']);
  expect(
    grants
      .toReversed()
      .toSorted(byBurnDown)
      .map((one) => one.id),
  ).toEqual(['b', 'a']);
});

test('of equals, the smaller id comes first, and a grant is equal to itself', () => {
  expect([grant('b'), grant('a')].toSorted(byBurnDown).map((one) => one.id)).toEqual(['a', 'b']);
  expect([grant('a'), grant('b')].toSorted(byBurnDown).map((one) => one.id)).toEqual(['a', 'b']);
  expect(byBurnDown(grant('a'), grant('a'))).toBe(0);
});

test('the order is one: it depends on nothing but the grants', () => {
  const anyGrant = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    kind: fc.constantFrom('purchase' as const, 'promotional' as const, 'adjustment' as const),
    grantedAt: fc.integer({ min: 1, max: 3 }).map(at),
    expiresAt: fc.integer({ min: 28, max: 30 }).map(at),
  });
  fc.assert(
    fc.property(anyGrant, anyGrant, anyGrant, (a, b, c) => {
      expect(Math.sign(byBurnDown(a, b)) + Math.sign(byBurnDown(b, a))).toBe(0);
      if (byBurnDown(a, b) <= 0 && byBurnDown(b, c) <= 0) {
        expect(byBurnDown(a, c)).toBeLessThanOrEqual(0);
      }
    }),
  );
});

test('F93: a grant is at most what PostgreSQL lets pass, all credit at most what it can add up', () => {
  expect(GRANT_MOST).toBe(10n ** 18n);
  expect(CREDIT_MOST).toBe(9n * 10n ** 18n);
  expect(CREDIT_MOST + GRANT_MOST / 5n < 2n ** 63n).toBe(true);
  expect(GRANT_MOST).toBe(usd('999999999.999999999') + 1n);
});
