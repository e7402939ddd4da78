import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pool } from '#db/pool';
import { readLastVerifications } from '#ledger/seals';
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

/** As the owner of the server, who may switch off what would refuse. */
async function tamper(text: string): Promise<void> {
  for (const each of ['DISABLE', text, 'ENABLE']) {
    const whole = each === text ? text : `ALTER TABLE ledger.entries ${each} TRIGGER USER`;
    await db.ownerPool.query({ text: whole });
  }
}

const unsealed = async (organization: string): Promise<number> => {
  const text = `SELECT FROM ledger.entries e WHERE organization_id = $1 AND line = 1
    AND transaction_no > (SELECT max(to_transaction) FROM ledger.seals s
                           WHERE s.organization_id = e.organization_id)`;
  return (await db.pool.query({ text, values: [organization] })).length;
};

const seals = async (pool: Pool) => (await pool.query({ text: 'SELECT FROM ledger.seals' })).length;

test('of several workers one verifies and seals, once a night by business time', async () => {
  await give(db.pool, await makePayer(db.pool), usd('5'));
  const results = await Promise.all([worker(), worker(), worker()]);
  expect(results.flat()).toMatchObject([{ ok: true, mode: 'incremental', entries: 2n, sealed: 1 }]);
  expect(await worker()).toEqual([]);
  await until('tuesday');
  expect(await worker()).toMatchObject([{ ok: true, mode: 'incremental', sealed: 0 }]);
  expect(await seals(db.pool)).toBe(1);
  expect(await readLastVerifications(db.pool)).toMatchObject([
    { ok: true, mode: 'incremental', entries: 2n, failed: [] },
  ]);
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

test('what a Sunday finds broken is not sealed over, that night or later', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await until('saturday');
  expect(await worker()).toMatchObject([{ ok: true, sealed: 1 }]);
  const shift = (by: string) => `UPDATE ledger.entries SET happened_at = happened_at ${by}
    WHERE organization_id = '${payer.organizationId}'`;
  await tamper(shift("- interval '1 s'"));
  await give(db.pool, payer, usd('1'));
  await until('sunday');
  const broken = { ok: false, mode: 'full', failed: ['hash_chain_is_intact'] };
  expect(await worker()).toMatchObject([{ ok: false, mode: 'full' }]);
  expect((await readLastVerifications(db.pool))[0]).toMatchObject(broken);
  await until('monday');
  expect(await worker()).toMatchObject([{ ok: false, mode: 'full' }]);
  expect(await unsealed(payer.organizationId)).toBe(1);
  await tamper(`${shift("+ interval '1 s'")} AND transaction_no = 1`);
  await until('tuesday');
  expect(await worker()).toMatchObject([
    { ok: true, mode: 'full' },
    { ok: true, mode: 'incremental', sealed: 1 },
  ]);
  expect(told.map(({ message }) => message)).toEqual(Array(2).fill('the ledger does not verify'));
  told.length = 0;
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
  const [last] = await readLastVerifications(db.pool);
  expect(last).toMatchObject({
    ok: false,
    failed: expect.arrayContaining(['stored_balances_replay']),
  });
});
