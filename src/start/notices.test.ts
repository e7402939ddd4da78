import { expect, test } from 'vitest';
import { KINDS } from '#notices/kinds';
import { isEventType } from '#outgoing-webhooks/catalogue';

test('every notice that names an event for programs names one they can subscribe to', () => {
  const named = Object.values(KINDS).flatMap(({ event }) => (event === null ? [] : [event]));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((event) => !isEventType(event))).toEqual([]);
});
