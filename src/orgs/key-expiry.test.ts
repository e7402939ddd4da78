import { expect, test } from 'vitest';
import { KEY_LIFETIMES as OFFERED } from '#console-api/contract';
import { checkKeyEnd, endOfLifetime, isKeyLifetime, KEY_LIFETIMES } from '#orgs/key-expiry';

const now = new Date('2026-11-21T12:00:00Z');

test.each([
  ['3h', '2026-11-21T15:00:00.000Z'],
  ['1d', '2026-11-22T12:00:00.000Z'],
  ['7d', '2026-11-28T12:00:00.000Z'],
  ['30d', '2026-12-21T12:00:00.000Z'],
  ['never', undefined],
] as const)('a key that lives %s ends at %s', (lifetime, end) => {
  expect(endOfLifetime(lifetime, now)?.toISOString()).toBe(end);
});

test('the Console offers the lifetimes there are', () => {
  expect(Object.keys(KEY_LIFETIMES)).toEqual([...OFFERED]);
  for (const odd of ['2d', '', 'toString', 'NEVER']) expect(isKeyLifetime(odd)).toBe(false);
});

test.each([
  ['2026-11-21T12:00:00Z', 'already_expired'],
  ['2026-11-21T11:59:59Z', 'already_expired'],
  ['2026-11-21T12:00:00.001Z', 'good'],
  ['2036-11-21T12:00:00Z', 'good'],
  ['2036-12-01T12:00:00Z', 'too_late'],
] as const)('an end at %s is %s', (end, checked) => {
  expect(checkKeyEnd(new Date(end), now)).toBe(checked);
});
