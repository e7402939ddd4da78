import { expect, test } from 'vitest';
import type { WatcherView } from '#console-api/watching/contract';
import { missingTitle, stateWord, watcherNames } from './watching-words.ts';

const member = (changes: Partial<WatcherView>): WatcherView => ({
  ...{ kind: 'member', name: null, role: 'admin', you: false, note: null },
  ...changes,
});
const names = (...watchers: WatcherView[]) => watcherNames(watchers).map(({ who }) => who);

test('people are named with what they are, and the reader as the reader', () => {
  expect(names(member({ name: 'ada@example.com', you: true }))).toEqual(['ada@example.com (you)']);
  expect(names(member({ name: 'bob@example.com', role: 'billing' }))).toEqual([
    'bob@example.com (Billing)',
  ]);
  const team = member({ kind: 'address', name: 'team@example.com', role: null });
  expect(names(team)).toEqual(['team@example.com (added address)']);
});

test('whose names are not told are counted by what they are', () => {
  expect(names(member({}), member({}), member({ role: 'billing' }))).toEqual([
    '2 with the role Admin',
    '1 with the role Billing',
  ]);
  const endpoint = member({ kind: 'endpoint', role: null });
  expect(names(endpoint)).toEqual(['A webhook endpoint']);
  expect(names(endpoint, endpoint)).toEqual(['2 webhook endpoints']);
});

test('what keeps somebody from it is said beside them, and not of others', () => {
  const all = watcherNames([member({ note: 'unreached' }), member({})]);
  expect(all).toEqual([
    { who: '1 with the role Admin', note: 'could not be reached lately' },
    { who: '1 with the role Admin', note: null },
  ]);
  expect(watcherNames([member({ role: null, note: 'left' })])).toEqual([
    { who: 'A member', note: 'no longer a member' },
  ]);
});

test('a card is known by its last digits', () => {
  const card = { brand: 'visa', last4: '4242' };
  expect(names(member({ kind: 'card', role: null, card }))).toEqual(['Visa ending in 4242']);
});

test('of people it is said that there is nobody, of a card that it is missing', () => {
  expect(stateWord({ duty: 'low', state: 'nobody' })).toBe('Nobody');
  expect(stateWord({ duty: 'card', state: 'nobody' })).toBe('Missing');
  expect(missingTitle([{ duty: 'low' }])).toBe('Nobody looks after this');
  expect(missingTitle([{ duty: 'buy' }, { duty: 'low' }])).toBe('Nobody looks after these');
  expect(missingTitle([{ duty: 'low' }, { duty: 'card' }])).toBe('Something is missing here');
});
