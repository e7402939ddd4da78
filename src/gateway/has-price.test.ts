import { expect, test } from 'vitest';
import type { LivePrices } from '#catalog/live';
import { businessTime } from '#gateway/business-time';
import { hasPrice } from '#gateway/has-price';
import { row, standingPrices, testBook } from '#test/prices';

const before = standingPrices(testBook('before', row('claude-opus-9', '5', '25', {})));
const after = standingPrices(
  testBook('after', row('claude-opus-9', '5', '25', {}), row('claude-new-1', '1', '5', {})),
);
const now = new Date();
const known = (latest: LivePrices['latest']) => {
  const prices: LivePrices = { ...before, latest };
  return (model: string) => hasPrice({ prices, time: businessTime() }, model, now);
};

test('a price that came into force since is found before a model is denied', async () => {
  let asked = 0;
  const priced = known(() => {
    asked += 1;
    return after.latest();
  });
  expect(await priced('claude-opus-9')).toBe(true);
  expect(asked).toBe(0);
  expect(await priced('claude-new-1')).toBe(true);
  expect(await priced('claude-nobody-1')).toBe(false);
  expect(asked).toBe(2);
});

test('while the store is away, the prices last known decide', async () => {
  const priced = known(() => Promise.reject(new Error('away')));
  expect(await priced('claude-opus-9')).toBe(true);
  expect(await priced('claude-new-1')).toBe(false);
});
