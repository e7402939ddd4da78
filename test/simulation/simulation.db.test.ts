import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';
import { runSeed } from './run-seed.ts';
import { openSimulationDatabase, type SimulationDatabase } from './world.ts';

let db: TestDatabase;
let database: SimulationDatabase;
beforeAll(async () => {
  db = await testDatabase();
  const superUrl = new URL(inject('testServer').adminUrl);
  superUrl.pathname = new URL(db.url).pathname;
  database = await openSimulationDatabase({ ...db, superUrl: superUrl.href });
});
afterAll(async () => {
  await database.close();
  await db.drop();
});

test('25 seeds of several nodes, faults and time agree with the plain model', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const { violation, trace } = await runSeed(database, seed);
    expect(violation, `seed ${seed}:\n${trace.join('\n')}`).toBeUndefined();
  }
}, 600_000);

test('a seed tells the same story every time it is told', async () => {
  const [one, other] = [await runSeed(database, 4711), await runSeed(database, 4711)];
  expect(one.trace.length).toBeGreaterThan(20);
  expect(other.trace).toEqual(one.trace);
});

test('the story of a seed does not depend on how many promises an answer passes through', async () => {
  for (const seed of [1, 5, 14, 23]) {
    const [one, other] = [
      await runSeed(database, seed),
      await runSeed(database, seed, { promises: 9 }),
    ];
    expect(other.violation).toBeUndefined();
    expect(other.trace).toEqual(one.trace);
  }
});

test('a seed that goes no further is told with what it waits for', async () => {
  const never: SimulationDatabase = {
    ...database,
    pool: { ...database.pool, transaction: () => new Promise(() => {}) },
  };
  const { violation, stalled } = await runSeed(never, 1, {}, 300);
  expect(violation).toMatch(/^no progress for 0.3 s, waiting for .* grant of org_s1-A \(begun\)/);
  expect(stalled).toBe(true);
});

test('a ledger that forgets a charge is caught, and the trace says where', async () => {
  await db.ownerPool.query({
    text: `CREATE FUNCTION ledger.forget() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.remaining_nanos := OLD.remaining_nanos; RETURN NEW; END $$;
           CREATE TRIGGER forgetful BEFORE UPDATE OF remaining_nanos ON ledger.grants
           FOR EACH ROW WHEN (NEW.remaining_nanos < OLD.remaining_nanos)
           EXECUTE FUNCTION ledger.forget();`,
  });
  const { violation, trace } = await runSeed(database, 1);
  expect(violation).toBeDefined();
  expect(trace.join('\n')).toContain('settle');
});
