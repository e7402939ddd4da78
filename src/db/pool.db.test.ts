import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

test('F22: a connection lost between two statements fails its transaction, not the process', async () => {
  const ended: unknown[] = [];
  const heard = (error: unknown): void => void ended.push(error);
  process.on('uncaughtException', heard);
  const lost = db.pool.transaction(async (tx) => {
    const [own] = await tx.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
    await db.pool.query({ text: 'SELECT pg_terminate_backend($1)', values: [own?.pid] });
    // The loss is told while nobody asks anything of the connection.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await tx.query({ text: 'SELECT 1' });
  });
  await expect(lost).rejects.toThrow();
  process.off('uncaughtException', heard);
  expect(ended).toEqual([]);
  expect(await db.pool.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }]);
});
