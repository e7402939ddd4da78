import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, pendingMigrations } from '#db/migrate';
import { type TestDatabase, testDatabase } from '#test/database';

let database: TestDatabase;
let folder: string;
const file = (name: string, text: string) => writeFileSync(join(folder, name), text);

beforeEach(async () => {
  database = await testDatabase({ empty: true });
  folder = mkdtempSync(join(tmpdir(), 'bursar-migrations-'));
  file('0001-first.sql', "SET lock_timeout = '5s'; CREATE TABLE bursar.first (n int);");
});
afterEach(async () => {
  await database.drop();
  rmSync(folder, { recursive: true });
});

test('files are applied in order, once', async () => {
  file('0002-second.sql', 'ALTER TABLE bursar.first ADD COLUMN m int;');
  expect(await pendingMigrations(database.ownerPool, folder)).toHaveLength(2);
  expect(await migrate(database.ownerUrl, folder)).toEqual({
    outcome: 'migrated',
    applied: ['0001-first.sql', '0002-second.sql'],
  });
  expect(await migrate(database.ownerUrl, folder)).toEqual({ outcome: 'migrated', applied: [] });
  expect(await pendingMigrations(database.ownerPool, folder)).toEqual([]);
});

test('processes that start together migrate once', async () => {
  const results = await Promise.all([1, 2, 3].map(() => migrate(database.ownerUrl, folder)));
  const applied = results.flatMap((result) =>
    result.outcome === 'migrated' ? result.applied : ['refused'],
  );
  expect(applied).toEqual(['0001-first.sql']);
});

test('a file changed after it was applied is refused by name', async () => {
  await migrate(database.ownerUrl, folder);
  file('0001-first.sql', 'CREATE TABLE bursar.other (n int);');
  expect(await migrate(database.ownerUrl, folder)).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('0001-first.sql was changed after it had been applied'),
  });
});

test('a database ahead of the program is refused', async () => {
  file('0002-second.sql', 'SELECT 1;');
  await migrate(database.ownerUrl, folder);
  rmSync(join(folder, '0002-second.sql'));
  expect(await migrate(database.ownerUrl, folder)).toMatchObject({ outcome: 'refused' });
});

test('a failing file leaves nothing of the run behind', async () => {
  file('0002-second.sql', 'SELECT 1 / 0;');
  await expect(migrate(database.ownerUrl, folder)).rejects.toThrow(/0002-second\.sql failed/);
  expect(await pendingMigrations(database.ownerPool, folder)).toHaveLength(2);
});
