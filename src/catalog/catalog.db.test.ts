import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Pool } from '#db/pool';
import { newId } from '#kernel/ids';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer } from '#test/ledger-world';
import { forgetPrices, row, testBook } from '#test/prices';
import {
  adoptBook,
  type BookSource,
  canonicalForm,
  foundUnder,
  importBook,
  listBooks,
  putInForce,
  readBook,
} from './books.ts';
import { openPrices, readPrices } from './live.ts';

let db: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  db = await testDatabase();
  pool = db.pool;
});
afterAll(() => db.drop());
beforeEach(() => forgetPrices(db.ownerPool));

const MODEL = 'claude-opus-5';
const bookAt = (version: string, input: string) => testBook(version, row(MODEL, input, '30'));
const kept = (version: string, input = '5') =>
  importBook(pool, { book: bookAt(version, input), source: 'import', by: 'operator' });
const started = (source: BookSource, version: string, input = '5') =>
  adoptBook(pool, { book: bookAt(version, input), source, by: 'start' });
const inForce = async () => (await readPrices(pool)).prices.book.version;
const epoch = async () => (await readPrices(pool)).prices.epoch;

test('one version is one content: the same again changes nothing, another is refused', async () => {
  expect(await kept('one')).toEqual({ outcome: 'recorded', inForce: true });
  const before = await epoch();
  expect(await kept('one')).toEqual({ outcome: 'unchanged', inForce: true });
  expect(await kept('one', '6')).toEqual({ outcome: 'version_taken', version: 'one' });
  expect(await started('file', 'one', '6')).toMatchObject({ outcome: 'version_taken' });
  expect(await epoch()).toBe(before);
  const stored = await readBook(pool, 'one');
  expect(stored?.priceOf(MODEL, new Date())?.bands[0].rates.input).toBe(5_000_000_000n);
});

test('what keeping a book would find can be asked without keeping it', async () => {
  expect(await foundUnder(pool, bookAt('one', '5'))).toBe('nothing');
  await kept('one');
  expect(await foundUnder(pool, bookAt('one', '5'))).toBe('same');
  expect(await foundUnder(pool, bookAt('one', '6'))).toBe('other');
  expect(await listBooks(pool)).toHaveLength(1);
});

test('a book is read back as it was kept, to the byte', async () => {
  const book = testBook('Präge & Söhne, 2026 ½', row(MODEL, '5', '25', { aliases: ['opus'] }));
  await importBook(pool, { book, source: 'import', by: 'operator' });
  const again = await readBook(pool, book.version);
  expect(again && canonicalForm(again)).toEqual(canonicalForm(book));
  const [listed] = await listBooks(pool);
  expect(listed).toMatchObject({ version: book.version, inForce: true, recordedBy: 'operator' });
  expect(listed?.digest).toBe(canonicalForm(book).digest.toString('hex'));
  expect(await readBook(pool, 'no such')).toBeUndefined();
});

test('a newer release brings its book into force, an older one beside it changes nothing', async () => {
  expect(await started('bundled', 'release-1')).toEqual({ outcome: 'recorded', inForce: true });
  expect(await started('bundled', 'release-2')).toEqual({ outcome: 'recorded', inForce: true });
  expect(await started('bundled', 'release-1')).toEqual({ outcome: 'unchanged', inForce: false });
  expect(await inForce()).toBe('release-2');
});

test('a file replaces a bundled book and another file, at whichever start it is given', async () => {
  await started('bundled', 'release-1');
  expect(await started('file', 'mine-1')).toMatchObject({ inForce: true });
  expect(await started('file', 'mine-2')).toMatchObject({ inForce: true });
  expect(await started('file', 'mine-1')).toEqual({ outcome: 'unchanged', inForce: true });
  expect(await started('bundled', 'release-2')).toEqual({ outcome: 'recorded', inForce: false });
  expect(await inForce()).toBe('mine-1');
});

test('what an operator imported outlives restarts, files and new releases', async () => {
  await started('bundled', 'release-1');
  await kept('imported');
  expect(await started('bundled', 'release-2')).toEqual({ outcome: 'recorded', inForce: false });
  expect(await started('file', 'mine-1')).toEqual({ outcome: 'recorded', inForce: false });
  expect(await inForce()).toBe('imported');
});

test('an operator goes back to any recorded book, and a restart does not undo that', async () => {
  await started('file', 'good');
  await started('file', 'wrong');
  expect(await putInForce(pool, 'good', 'operator')).toBe('in_force');
  expect(await putInForce(pool, 'good', 'operator')).toBe('unchanged');
  expect(await started('file', 'wrong')).toEqual({ outcome: 'unchanged', inForce: false });
  expect(await putInForce(pool, 'no such', 'operator')).toBe('unknown_version');
  expect(await inForce()).toBe('good');
});

test('confirming what a start put in force makes it the operator’s choice', async () => {
  await started('file', 'mine-1');
  expect(await putInForce(pool, 'mine-1', 'operator')).toBe('in_force');
  expect(await started('file', 'mine-2')).toMatchObject({ inForce: false });
});

test('books, discounts and changes cannot be changed or removed, not even by their owner', async () => {
  await kept('one');
  for (const table of ['price_books', 'discounts', 'changes']) {
    const column = table === 'changes' ? 'changed_by' : 'recorded_by';
    for (const text of [
      `UPDATE catalog.${table} SET ${column} = 'x'`,
      `DELETE FROM catalog.${table}`,
      `TRUNCATE catalog.${table} CASCADE`,
    ]) {
      await expect(db.ownerPool.query({ text }), text).rejects.toMatchObject({ code: 'BU013' });
      await expect(pool.query({ text }), text).rejects.toMatchObject({ code: '42501' });
    }
  }
});

test('the application may read and add, and nothing else', async () => {
  const rights = await db.ownerPool.query<{ name: string; may: string }>({
    text: `SELECT table_name AS name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS may
             FROM information_schema.table_privileges
            WHERE grantee = 'bursar_app' AND table_schema = 'catalog' GROUP BY 1 ORDER BY 1`,
  });
  expect(rights.map(({ name, may }) => [name, may])).toEqual([
    ['changes', 'INSERT SELECT'],
    ['discounts', 'INSERT SELECT'],
    ['price_books', 'INSERT SELECT'],
  ]);
  for (const text of [
    'ALTER TABLE catalog.price_books DISABLE TRIGGER USER',
    'DROP TRIGGER changes_are_append_only ON catalog.changes',
    'ALTER FUNCTION catalog.refuse_change() RENAME TO harmless',
  ]) {
    await expect(pool.query({ text }), text).rejects.toMatchObject({ code: '42501' });
  }
});

test('a change names what it is about, and nothing else', async () => {
  await kept('one');
  const org = (await makePayer(pool)).organizationId;
  const id = newId('discount', systemEntropy);
  await pool.query({
    text: `INSERT INTO catalog.discounts (id, organization_id, numerator, denominator, valid_from,
             reason, recorded_by) VALUES ($1, $2, 1, 2, now(), 'r', 'test')`,
    values: [id, org],
  });
  const change = (kind: string, version: string | null, discount: string | null) =>
    pool.query({
      text: `INSERT INTO catalog.changes (epoch, kind, version, discount_id, changed_by)
             VALUES (99, $1, $2, $3, 'test')`,
      values: [kind, version, discount],
    });
  const odd = [
    ['prices.use', null, id],
    ['prices.use', 'one', id],
    ['prices.adopt', null, null],
    ['discount.add', 'one', null],
    ['discount.cancel', null, null],
    ['prices.forget', 'one', null],
  ] as const;
  for (const [kind, version, discount] of odd) {
    await expect(change(kind, version, discount), kind).rejects.toMatchObject({ code: '23514' });
  }
});

test('imports at once get one epoch after the other, and the last one is in force', async () => {
  const before = await kept('first').then(epoch);
  const versions = Array.from({ length: 12 }, (_, index) => `v${index}`);
  await Promise.all(versions.map((version) => kept(version)));
  const changes = await pool.query<{ epoch: bigint; version: string }>({
    text: 'SELECT epoch, version FROM catalog.changes WHERE epoch > $1 ORDER BY epoch',
    values: [before],
  });
  const numbers = changes.map((change) => Number(change.epoch - before));
  expect(numbers).toEqual(versions.map((_, index) => index + 1));
  expect(await inForce()).toBe(changes.at(-1)?.version);
});

test('an epoch that is not committed holds up the next one, so none appears out of order', async () => {
  await kept('first');
  const order: string[] = [];
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = pool.transaction(async (tx) => {
    await tx.query({ text: 'SELECT catalog.next_epoch()' });
    await gate;
    order.push('slow');
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const quick = kept('second').then(() => order.push('quick'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(order).toEqual([]);
  go();
  await Promise.all([slow, quick]);
  expect(order).toEqual(['slow', 'quick']);
});

test('two starts at once record one book once', async () => {
  const both = await Promise.all([started('bundled', 'r1'), started('bundled', 'r1')]);
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['recorded', 'unchanged']);
  expect(await listBooks(pool)).toHaveLength(1);
});

test('without a book in force nothing is opened, and a look goes by the one it is given', async () => {
  await expect(openPrices(pool)).rejects.toThrow('no price book is in force');
  const { prices } = await readPrices(pool, bundledBook());
  expect(prices.book.version).toBe(bundledBook().version);
  expect(await listBooks(pool)).toEqual([]);
});
