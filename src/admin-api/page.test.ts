import { expect, test } from 'vitest';
import { pageOf } from './page.ts';

const all = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));
const ids = (query: Parameters<typeof pageOf>[1]) => {
  const told = pageOf(all, query);
  return told.outcome === 'page'
    ? [told.page.data.map(({ id }) => id).join(''), told.page.has_more]
    : told.message;
};

test.each([
  [{ limit: 2 }, 'ab', true],
  [{ limit: 5 }, 'abcde', false],
  [{ limit: 2, after_id: 'b' }, 'cd', true],
  [{ limit: 2, after_id: 'c' }, 'de', false],
  [{ limit: 2, after_id: 'e' }, '', false],
  [{ limit: 2, before_id: 'd' }, 'bc', true],
  [{ limit: 2, before_id: 'c' }, 'ab', false],
  [{ limit: 2, before_id: 'a' }, '', false],
])('%j is %s', (query, data, more) => {
  expect(ids(query)).toEqual([data, more]);
});

test('an id that is not in the list is told by its field', () => {
  expect(ids({ limit: 2, before_id: 'x' })).toMatch(/^before_id: found "x", expected/);
});
