import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgetAddresses, readAddresses, tellAddresses } from '#db/addresses';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

const first = { console: 'http://127.0.0.1:1', stripe_sim: 'http://127.0.0.1:2' };
const second = { console: 'http://127.0.0.1:3', model_sim: 'http://127.0.0.1:4' };

test('a system tells where it is, and nothing of one that was killed before it is left', async () => {
  expect(await readAddresses(db.pool)).toEqual({});
  await tellAddresses(db.pool, first);
  expect(await readAddresses(db.pool)).toEqual(first);
  await tellAddresses(db.pool, second);
  expect(await readAddresses(db.pool)).toEqual(second);
});

test('a system that ends takes back its own, not what another has told since', async () => {
  await tellAddresses(db.pool, first);
  await tellAddresses(db.pool, second);
  await forgetAddresses(db.pool, first);
  expect(await readAddresses(db.pool)).toEqual(second);
  await forgetAddresses(db.pool, second);
  expect(await readAddresses(db.pool)).toEqual({});
});
