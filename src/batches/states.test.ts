import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type BatchEvent,
  type BatchState,
  EVENTS,
  OPEN_STATES,
  type Transition,
} from './states.ts';

const STATES: readonly BatchState[] = [
  ...['creating', 'refused', 'in_progress', 'canceling', 'ended', 'settled'],
  ...['deleted', 'abandoning', 'abandoned'],
] as const;
/** Where an event leads from a state; undefined where it cannot happen. */
function whereTo(state: BatchState, event: BatchEvent): BatchState | undefined {
  const { from, to }: Transition = EVENTS[event];
  return from.includes(state) ? to : undefined;
}
const events = Object.keys(EVENTS) as BatchEvent[];

describe('the table of states', () => {
  test('is the one that the database allows', () => {
    const migration = readFileSync('migrations/0025-batches.sql', 'utf8');
    const [, list = ''] = /CHECK \(state IN \(([^)]*)\)/.exec(migration) ?? [];
    expect([...list.matchAll(/'(\w+)'/g)].map(([, name]) => name).sort()).toEqual(
      [...STATES].sort(),
    );
    const [, open = ''] = /WHERE state IN \(([^)]*)\);\nGRANT/.exec(migration) ?? [];
    expect([...open.matchAll(/'(\w+)'/g)].map(([, name]) => name)).toEqual([...OPEN_STATES]);
  });

  test('leads from every open state to an end, and from no end anywhere but to deletion', () => {
    const next = (state: BatchState): BatchState[] =>
      events.flatMap((event) => whereTo(state, event) ?? []).filter((to) => to !== state);
    for (const state of STATES) {
      const open = OPEN_STATES.some((one) => one === state);
      if (open) expect(next(state), state).not.toEqual([]);
      else
        expect(
          next(state).filter((to) => to !== 'deleted'),
          state,
        ).toEqual([]);
    }
  });

  test('never lets results go before they are settled', () => {
    expect(events.filter((event) => whereTo('ended', event) === 'deleted')).toEqual([]);
    expect(events.filter((event) => whereTo('in_progress', event) === 'deleted')).toEqual([]);
    expect(whereTo('settled', 'deleted')).toBe('deleted');
  });

  test('never brings back what was given up: its holds are free', () => {
    for (const event of events) {
      expect(['in_progress', 'ended', 'settled']).not.toContain(whereTo('abandoning', event));
      expect(['in_progress', 'ended', 'settled']).not.toContain(whereTo('abandoned', event));
    }
  });
});
