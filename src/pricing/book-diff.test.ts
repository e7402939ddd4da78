import { describe, expect, test } from 'vitest';
import type { PriceBook } from './book.ts';
import { diffBooks } from './book-diff.ts';
import { parseBookFile } from './book-file.ts';

const now = new Date('2026-11-21T00:00:00Z');

/** A book of rows such as `m, from: 2026-01-01, input: 5`. */
function bookOf(version: string, rows: string[], top = ''): PriceBook {
  const common = 'context_window: 9, output_tokens_max: 9, output: 50, released_at: 2025-01-01';
  const models = rows.map((row) => `- {${common}, model: ${row}}`).join('\n');
  const loaded = parseBookFile(
    'b.yaml',
    `version: ${version}\nunit: usd\n${top}\nmodels:\n${models}`,
  );
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Error(loaded.problems.join('\n'));
}

function changes(before: string[], after: string[]): string[] {
  const found = diffBooks(bookOf('1', before), bookOf('2', after), now);
  return found.map(({ kind, model, fields }) =>
    [kind, model, ...fields.map(({ field }) => field)].join(' '),
  );
}

/** Another input, and what follows from it. */
const NEW_INPUT =
  'bands[0].input bands[0].cache_write_5m bands[0].cache_write_1h bands[0].cache_read';
const old = 'm, from: 2026-01-01, input: 5';

describe('what an import changes', () => {
  test('nothing, where only words differ', () => {
    expect(
      changes([old], ['m, from: 2026-01-01T00:00:00Z, input: 5.000, display_name: m']),
    ).toEqual([]);
  });

  test('a model that is new is added, whenever it was released', () => {
    expect(changes([old], [old, 'n, from: 2025-01-01, input: 1'])).toEqual(['added n']);
  });

  test('a price that takes effect later is scheduled; the one before gets its end', () => {
    const after = [
      'm, from: 2026-01-01, until: 2027-01-01, input: 5',
      'm, from: 2027-01-01, input: 6',
    ];
    expect(changes([old], after)).toEqual(['changed m until', `scheduled m ${NEW_INPUT}`]);
    const [, scheduled] = diffBooks(bookOf('1', [old]), bookOf('2', after), now);
    expect(scheduled?.text).toContain('until further notice: bands[0].input 5 → 6, ');
  });

  test('what is scheduled after that is told against the one before it', () => {
    const after = [
      'm, from: 2028-01-01, input: 7, cache_write_5m: 8, cache_write_1h: 12, cache_read: 0.6',
      'm, from: 2026-01-01, until: 2027-01-01, input: 5',
      'm, from: 2027-01-01, until: 2028-01-01, input: 6, cache_write_5m: 8',
    ];
    expect(changes([old], after)[0]).toBe('scheduled m bands[0].input');
  });

  test('a scheduled price that is gone is cancelled, and the one before goes on', () => {
    const before = [
      'm, from: 2026-01-01, until: 2027-01-01, input: 5',
      'm, from: 2027-01-01, input: 6',
    ];
    expect(changes(before, [old])).toEqual(['changed m until', 'cancelled m']);
  });

  test('a scheduled price that is another one now has changed', () => {
    const before = [old.replace('m,', 'm, until: 2027-01-01,'), 'm, from: 2027-01-01, input: 6'];
    const after = [before[0] ?? '', 'm, from: 2027-01-01, input: 7'];
    expect(changes(before, after)).toEqual([`changed m ${NEW_INPUT}`]);
  });

  test('a price that was in force already is backdated', () => {
    expect(changes([old], ['m, from: 2026-01-01, input: 5, cache_read: 0.1'])).toEqual([
      'backdated m bands[0].cache_read',
    ]);
    expect(changes([old], ['m, from: 2026-01-01, input: 5, batch: "0.5"'])[0]).toContain(
      'backdated m',
    );
  });

  test('a span put into the past is backdated, as is the one it cuts', () => {
    const after = [
      'm, from: 2026-01-01, until: 2026-06-01, input: 5',
      'm, from: 2026-06-01, input: 6',
    ];
    expect(changes([old], after)).toEqual(['backdated m until', `backdated m ${NEW_INPUT}`]);
  });

  test('a name or a limit is no price and is changed, not backdated', () => {
    expect(changes([old], ['m, from: 2026-01-01, input: 5, aliases: [latest]'])).toEqual([
      'changed m aliases',
    ]);
  });

  test('a model that is gone is removed', () => {
    expect(changes([old, 'n, from: 2025-01-01, input: 1'], [old])).toEqual(['removed n']);
  });

  test('a fee is told with what it was', () => {
    const after = bookOf('2', [old], 'fees: {session_hour: 0.10}');
    expect(diffBooks(bookOf('1', [old]), after, now)).toMatchObject([
      { kind: 'changed', model: null, text: 'fee session_hour 0.08 → 0.1' },
    ]);
  });

  test('in words, with dollars', () => {
    const after = [
      'm, from: 2026-01-01, input: 5, cache_read: 0.1',
      'n, from: 2027-01-01, input: 1',
    ];
    const found = diffBooks(bookOf('1', [old]), bookOf('2', after), now);
    expect(found.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      'backdated: m from 2026-01-01T00:00:00.000Z until further notice: ' +
        'bands[0].cache_read 0.5 → 0.1; what was admitted before keeps its price',
      'scheduled: n from 2027-01-01T00:00:00.000Z until further notice',
    ]);
  });
});
