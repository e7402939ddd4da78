import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrayLiteral } from '#db/array-literal';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

/** What PostgreSQL reads. Without the form under test: as JSON, which nobody here writes by hand. */
async function read(text: string | undefined, type: string): Promise<unknown> {
  const [row] = await db.pool.query<{ read: unknown }>({
    text: `SELECT to_json($1::${type}[]) AS read`,
    values: [text],
  });
  return row?.read;
}

// A text of PostgreSQL cannot hold the character of code zero.
const words = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
const odd = fc.constantFrom('', ' ', 'NULL', 'null', '{', '}', ',', '"', '\\', '\\"', '{"a":[1]}');

test('an array of texts is read as it was written', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(words, odd, fc.constant(null))), async (values) => {
      expect(await read(arrayLiteral(values), 'text')).toEqual(values);
    }),
    { numRuns: 200 },
  ));

test('numbers, booleans and times are read as they were written', async () => {
  const times = [new Date('2026-11-21T00:00:00.123Z'), new Date(0), new Date('2100-01-01')];
  expect(await read(arrayLiteral([1n, -(2n ** 63n), null, 7]), 'numeric')).toEqual([
    1,
    -(2 ** 63),
    null,
    7,
  ]);
  expect(await read(arrayLiteral([true, false, null]), 'boolean')).toEqual([true, false, null]);
  const found = await read(arrayLiteral(times), 'timestamptz');
  expect(Array.isArray(found) && found.map((at) => new Date(at))).toEqual(times);
  expect(await read(arrayLiteral([]), 'text')).toEqual([]);
});

test('an element of another kind is left to the driver', () => {
  expect(arrayLiteral([Buffer.from('a')])).toBeUndefined();
  expect(arrayLiteral([['nested']])).toBeUndefined();
});
