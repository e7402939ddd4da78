import { expect, test } from 'vitest';
import { NO_OVERRIDES, readOverrides } from './overrides.ts';

test('what is stored is read, and what is no limit limits nothing', () => {
  const stored = {
    'opus-5': { requests: 10, tokens: 5 },
    other: { requests: 0 },
    odd: 7,
    empty: {},
  };
  expect([...readOverrides(stored)]).toEqual([['opus-5', { requests: 10 }]]);
  for (const none of [null, undefined, [], 'x', {}]) expect(readOverrides(none)).toBe(NO_OVERRIDES);
});
