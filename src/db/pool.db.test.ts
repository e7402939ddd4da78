import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPool } from '#db/pool';
import { type TestDatabase, testDatabase } from '#test/database';
import { openWire } from '#test/wire';

const PID = { text: 'SELECT pg_backend_pid() AS pid' };

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

test('F22: a cancelled statement undoes its transaction, and the connection goes on', async () => {
  const pool = openPool({ url: db.url, name: 'cancelled', max: 1, statementTimeoutMs: 200 });
  try {
    const [before] = await pool.query<{ pid: number }>(PID);
    const cancelled = pool.transaction(async (tx) => {
      await tx.query({ text: 'CREATE TEMPORARY TABLE written (n int)' });
      await tx.query({ text: 'SELECT pg_sleep(30)' });
    });
    await expect(cancelled).rejects.toMatchObject({ code: '57014' });
    const [after] = await pool.query<{ written: string | null }>({
      text: "SELECT pg_backend_pid() AS pid, to_regclass('pg_temp.written')::text AS written",
    });
    expect(after).toEqual({ ...before, written: null });
  } finally {
    await pool.close();
  }
});

test('F22: a network silent inside a transaction fails it, and nobody gets its connection', async () => {
  const wire = await openWire(db.url);
  const pool = openPool({ url: wire.url, name: 'silenced', max: 1, statementTimeoutMs: 200 });
  try {
    const [before] = await pool.query(PID);
    const silenced = pool.transaction(async (tx) => {
      await tx.query(PID);
      wire.silence();
      await tx.query(PID);
    });
    // Neither the statement nor the ROLLBACK after it is answered: each is waited for in vain.
    await expect(silenced).rejects.toThrow('Query read timeout');
    wire.mend();
    const [after] = await pool.query(PID);
    expect(after).not.toEqual(before);
  } finally {
    await pool.close();
    await wire.close();
  }
});
