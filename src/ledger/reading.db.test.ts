import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { readStatement } from '#ledger/statement';
import { voidGrant } from '#ledger/voiding';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, usd } from '#test/ledger-world';

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

test('who never had credit has zeros and an empty statement', async () => {
  const nobody = newId('organization', systemEntropy);
  const zeros = { available: 0n, held: 0n, frozen: 0n, debt: 0n, grants: [] };
  expect(await readBalance(db.pool, nobody)).toEqual(zeros);
  const page = await readStatement(db.pool, nobody, { limit: 5 });
  expect(page).toEqual({ lines: [], hasMore: false });
});

test('a page has as many lines as were asked for, and says whether there are more', async () => {
  const payer = await makePayer(db.pool);
  for (const amount of ['1', '2', '3']) await give(db.pool, payer, usd(amount));
  const read = (limit: number, before?: string) =>
    readStatement(db.pool, payer.organizationId, {
      limit,
      ...(before === undefined ? {} : { before }),
    });
  const first = await read(2);
  expect(first.lines.map((line) => line.amount)).toEqual([usd('3'), usd('2')]);
  expect(first.hasMore).toBe(true);
  const last = await read(2, first.lines.at(-1)?.seq);
  expect(last.lines.map((line) => line.amount)).toEqual([usd('1')]);
  expect(last.hasMore).toBe(false);
  expect(await read(3)).toMatchObject({ hasMore: false });
});

test('a gift taken back is told by a reference of its own', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const { grantId } = await give(db.pool, payer, usd('1'), { kind: 'promotional' });
  const reason = 'given twice';
  await db.pool.transaction((tx) => voidGrant(tx, { organizationId, grantId, reason }));
  const { lines } = await readStatement(db.pool, organizationId, { limit: 1 });
  expect(lines[0]).toMatchObject({ kind: 'credit.void', reference: `void:${grantId}` });
});
