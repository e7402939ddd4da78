import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportStatement } from '#ledger/export';
import { sealLedger } from '#ledger/seals';
import { exportStart } from '#ledger/statement-sql';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  // Only the test clock moves time: a seal is exactly as old as a test says.
  for (const [name, kind] of [
    ['now', 'STABLE'],
    ['now_under_lock', 'VOLATILE'],
  ]) {
    await db.ownerPool.query({
      text: `CREATE OR REPLACE FUNCTION bursar.${name}() RETURNS timestamptz LANGUAGE sql ${kind} AS
             $$ SELECT '2026-11-21T00:00:00Z'::timestamptz + clock_offset FROM bursar.deployment $$`,
    });
  }
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

const HOUR_MS = 3_600_000;

/** The time after so many hours. */
async function pass(hours: number): Promise<Date> {
  const [row] = await db.pool.query<{ now: Date }>({
    text: 'SELECT bursar.advance_clock(make_interval(hours => $1)) AS now',
    values: [hours],
  });
  if (row === undefined) throw new Error('no clock');
  return row.now;
}

async function spend(payer: Payer, cost: string): Promise<void> {
  const { id } = await hold(node.charging, payer, usd(cost));
  await settle(node.charging, payer, id, usd(cost));
}

type Line = Readonly<Record<'id' | 'kind' | 'amount_usd' | 'balance_usd' | 'recorded_at', string>>;

async function exported(payer: Payer, range: object = {}): Promise<Line[]> {
  let text = '';
  const { organizationId } = payer;
  for await (const part of exportStatement(db.pool, {
    organizationId,
    format: 'jsonl',
    ...range,
  })) {
    text += part;
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const told = (lines: readonly Line[]) =>
  lines.map((line) => [line.id, line.amount_usd, line.balance_usd]);

/** The transaction after which an export from this instant reads, and what all grants had then. */
async function start(payer: Payer, from: Date): Promise<readonly [bigint, string]> {
  const [row] = await db.pool.query<{ after: bigint; total_nanos: string }>(
    exportStart(payer.organizationId, from),
  );
  return [row?.after ?? -1n, row?.total_nanos ?? ''];
}

test('an export from an instant starts at a seal, with the total of everything before it', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await give(db.pool, payer, usd('2'), { kind: 'promotional' });
  await spend(payer, '0.300000001');
  // This one needs both grants.
  await spend(payer, '2.5');
  await sealLedger(db.pool);
  const from = await pass(48);
  await spend(payer, '0.2');
  await give(db.pool, payer, usd('1'));
  expect(await start(payer, from)).toEqual([4n, usd('4.199999999').toString()]);
  const lines = await exported(payer, { from });
  expect(told(lines)).toEqual([
    ['5.1', '-0.2', '3.999999999'],
    ['6.2', '1', '4.999999999'],
  ]);
  expect(lines).toEqual((await exported(payer)).slice(-2));
  expect(await exported(payer, { from, by: 'recorded' })).toEqual(lines);
});

test('of many seals an export starts at the last that is a day older than its first line', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('10'));
  const sealedAt: Date[] = [];
  for (const cost of ['1', '2', '3']) {
    await spend(payer, cost);
    sealedAt.push(await pass(1));
    await sealLedger(db.pool);
    await pass(23);
  }
  await spend(payer, '0.5');
  const whole = await exported(payer);
  const day = 24 * HOUR_MS;
  const began: bigint[] = [];
  const totals = new Map([
    [0n, usd('0')],
    [2n, usd('9')],
    [3n, usd('7')],
    [4n, usd('4')],
  ]);
  for (const [i, at] of sealedAt.entries()) {
    for (const shift of [-1, 0, 1]) {
      const from = new Date(at.getTime() + day + shift);
      const [after, total] = await start(payer, from);
      expect(total).toBe(totals.get(after)?.toString());
      began.push(after);
      const tail = whole.filter((line) => new Date(line.recorded_at) >= from);
      expect([i, await exported(payer, { from })]).toEqual([i, tail]);
    }
  }
  expect(began).toEqual([0n, 2n, 2n, 2n, 3n, 3n, 3n, 4n, 4n]);
});

test('what happened before the instant but was written after the seal counts, and is no line', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await sealLedger(db.pool);
  const happenedAt = await pass(1);
  const from = await pass(47);
  await give(db.pool, payer, usd('2'), { happenedAt });
  await spend(payer, '1');
  expect(told(await exported(payer, { from }))).toEqual([['3.1', '-1', '6']]);
  expect(told(await exported(payer, { from, by: 'recorded' }))).toEqual([
    ['2.2', '2', '7'],
    ['3.1', '-1', '6'],
  ]);
  expect(told(await exported(payer, { from, to: from }))).toEqual([]);
});

test('an export from after everything that was sealed has no line, one from long ago has all', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await spend(payer, '1');
  await sealLedger(db.pool);
  const from = await pass(48);
  expect(await start(payer, from)).toEqual([2n, usd('4').toString()]);
  expect(await exported(payer, { from })).toEqual([]);
  const all = await exported(payer, { from: new Date('2020-01-01T00:00:00Z') });
  expect(told(all)).toEqual([
    ['1.2', '5', '5'],
    ['2.1', '-1', '4'],
  ]);
});
