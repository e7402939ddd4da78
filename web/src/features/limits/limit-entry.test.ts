import { expect, test } from 'vitest';
import { readLimit } from './limit-entry.ts';

test.each([
  ['25', '25'],
  [' $25.50 ', '25.5'],
  ['1,000', '1000'],
  ['0', '0'],
  ['0.000000001', '0.000000001'],
])('%j is a limit', (typed, usd) => {
  expect(readLimit(typed)).toEqual({ outcome: 'accepted', usd });
});

test.each(['', '  ', '-1', '1,5', '1e3', 'lots', '$', '0.0000000001'])(
  '%j is none, and the sentence names the field',
  (typed) => {
    const entry = readLimit(typed);
    expect(entry.outcome === 'refused' && entry.sentence).toMatch(/^Limit: enter /);
  },
);
