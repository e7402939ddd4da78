import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCharging } from '#charging/charging';
import { openLanes } from '#charging/lanes';
import type { FlushedRow } from '#charging/sql';
import type { Pool } from '#db/pool';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, hold, makePayer, newRequest, usd } from '#test/ledger-world';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  // Tests run on a server that waits for no disk.
  const [{ name } = { name: '' }] = await db.pool.query<{ name: string }>({
    text: 'SELECT pg_catalog.current_database() AS name',
  });
  await db.ownerPool.query({ text: `ALTER DATABASE ${name} SET synchronous_commit = on` });
});
afterAll(() => db.drop());

test('F13: what was committed before the server began anew is not told, and found by a retry', async () => {
  const lanes = openLanes(db.url);
  const lives: string[] = [];
  let anew = '';
  const statements: (string | undefined)[] = [];
  const holdLane: Pool = {
    ...lanes.holdLane,
    query: (statement) => {
      statements.push(statement.name);
      return lanes.holdLane.query(statement);
    },
  };
  const flushLane: Pool = {
    ...lanes.flushLane,
    async query<Row>(statement: Parameters<Pool['query']>[0]): Promise<Row[]> {
      const rows = await lanes.flushLane.query<Row & FlushedRow>(statement);
      return rows.map((row) => {
        lives.push(row.life);
        return { ...row, life: row.life + anew };
      });
    },
  };
  const charging = openCharging({ ...lanes, holdLane, flushLane, unflushedFrom: 2 });
  try {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('10'));
    const ask = async (ids = [newRequest(), newRequest()]) => {
      const told = await Promise.all(ids.map((id) => hold(charging, payer, usd('1'), id)));
      return { ids, told: told.map(({ outcome }) => outcome) };
    };
    expect((await ask()).told).toEqual(['held', 'held']);
    await expect.poll(() => lives.length).toBe(1);
    expect((await ask()).told).toEqual(['held', 'held']);
    expect(lives).toEqual([lives[0], lives[0]]);
    anew = ' and anew';
    const { ids, told } = await ask();
    expect(told).toEqual(['ledger_unavailable', 'ledger_unavailable']);
    expect((await ask(ids)).told).toEqual(['held', 'held']);
    const unflushed = 'charging.place_batch.unflushed';
    expect(statements).toEqual(['charging.place_batch', unflushed, unflushed, unflushed]);
    // Set for those transactions alone: the next one of the same session waits again.
    expect(await lanes.holdLane.query({ text: 'SHOW synchronous_commit' })).toEqual([
      { synchronous_commit: 'on' },
    ]);
  } finally {
    await charging.close();
    await lanes.close();
  }
});
