import { Logger, run } from 'graphile-worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enqueue } from '#db/jobs';
import { type TestDatabase, testDatabase } from '#test/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

test('a job queued in a committed transaction is run by a worker of the application role', async () => {
  const seen: unknown[] = [];
  const runner = await run({
    connectionString: database.url,
    concurrency: 1,
    noHandleSignals: true,
    pollInterval: 200,
    logger: new Logger(() => () => {}),
    taskList: {
      note: async (payload) => {
        seen.push(payload);
      },
    },
  });
  try {
    await database.pool.transaction((tx) => enqueue(tx, 'note', { kept: true }));
    await database.pool
      .transaction(async (tx) => {
        await enqueue(tx, 'note', { kept: false });
        throw new Error('undo');
      })
      .catch(() => {});
    await expect.poll(() => seen).toEqual([{ kept: true }]);
  } finally {
    await runner.stop();
  }
});

test('jobs with one key replace each other while they wait', async () => {
  const later = new Date('2100-01-01T00:00:00Z');
  for (const round of [1, 2, 3]) {
    await enqueue(database.pool, 'later', { round }, { jobKey: 'one', runAt: later });
  }
  const rows = await database.ownerPool.query<{ count: bigint }>({
    text: "SELECT count(*) AS count FROM graphile_worker.jobs WHERE key = 'one'",
  });
  expect(rows).toEqual([{ count: 1n }]);
});
