import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pool } from '#db/pool';
import { readLastVerification } from '#ledger/seals';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, usd } from '#test/ledger-world';
import { workNight } from '#worker/nightly';

let db: TestDatabase;
const told: { level: string; fields: Record<string, unknown>; message: string }[] = [];
const note = (level: string) => (fields: Record<string, unknown>, message: string) => {
  told.push({ level, fields, message });
};
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  await until('monday');
});
afterAll(() => db.drop());

const worker = () =>
  workNight({
    pool: db.pool,
    databaseUrl: db.url,
    log: { info: note('info'), warn: note('warn'), error: note('error') },
  });

/** Moves business time to noon of the next such day. */
async function until(day: string): Promise<void> {
  for (let days = 0; days < 8; days++) {
    const [row] = await db.pool.query<{ day: string }>({
      text: `SELECT trim(to_char(bursar.advance_clock(CASE
               WHEN extract(hour FROM bursar.now() AT TIME ZONE 'UTC') = 12 THEN interval '1 day'
               ELSE date_trunc('day', bursar.now() AT TIME ZONE 'UTC') + interval '36 hours'
                      - bursar.now() AT TIME ZONE 'UTC' END) AT TIME ZONE 'UTC', 'day')) AS day`,
    });
    if (row?.day === day) return;
  }
  throw new Error(`no ${day}`);
}

const seals = async (pool: Pool) => (await pool.query({ text: 'SELECT FROM ledger.seals' })).length;

test('of several workers one verifies and seals, once a night by business time', async () => {
  await give(db.pool, await makePayer(db.pool), usd('5'));
  const results = await Promise.all([worker(), worker(), worker()]);
  expect(results.flat()).toMatchObject([{ ok: true, mode: 'incremental', entries: 2n, sealed: 1 }]);
  expect(await worker()).toEqual([]);
  await until('tuesday');
  expect(await worker()).toMatchObject([{ ok: true, mode: 'incremental', sealed: 0 }]);
  expect(await seals(db.pool)).toBe(1);
  expect(await readLastVerification(db.pool)).toMatchObject({ ok: true, entries: 2n, failed: [] });
});

test('on a Sunday everything is read from the first entry', async () => {
  await until('sunday');
  expect((await worker()).map((result) => result.mode)).toEqual(['full', 'incremental']);
});

test('a night whose worker died is done by another when its lease has passed', async () => {
  await until('wednesday');
  await db.ownerPool.query({
    text: `INSERT INTO ledger.nights (night, leased_until)
           VALUES ((bursar.now() AT TIME ZONE 'UTC')::date, bursar.real_now() + interval '1 hour')`,
  });
  expect(await worker()).toEqual([]);
  await db.ownerPool.query({
    text: `UPDATE ledger.nights SET leased_until = bursar.real_now() - interval '1 s'
            WHERE done_at IS NULL`,
  });
  expect(await worker()).toMatchObject([{ ok: true }]);
});

test('a ledger that does not verify rings once a night, by name, and is not sealed', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await db.ownerPool.query({
    text: 'UPDATE ledger.grants SET remaining_nanos = remaining_nanos - 1 WHERE organization_id = $1',
    values: [payer.organizationId],
  });
  await until('thursday');
  const before = await seals(db.pool);
  expect(await worker()).toMatchObject([{ ok: false, sealed: 0 }]);
  expect(await worker()).toEqual([]);
  expect(await seals(db.pool)).toBe(before);
  expect(told).toMatchObject([
    {
      level: 'error',
      message: 'the ledger does not verify',
      fields: {
        checks: expect.arrayContaining(['stored_balances_replay']),
        violations: expect.arrayContaining([expect.stringContaining(payer.organizationId)]),
      },
    },
  ]);
  expect(await readLastVerification(db.pool)).toMatchObject({
    ok: false,
    failed: expect.arrayContaining(['stored_balances_replay']),
  });
});
