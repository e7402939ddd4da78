import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeBatch } from '#charging/sql';
import { readBalance } from '#ledger/balance';
import { refundGrant } from '#ledger/refunds';
import { lockBook } from '#ledger/sql';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, newRequest, usd } from '#test/ledger-world';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

async function untilSomebodyWaits(): Promise<void> {
  const text = `SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (let tries = 0; tries < 1_500; tries++) {
    if ((await db.pool.query({ text })).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for the lock');
}

test('a refund that waited for a hold leaves that hold what it was promised', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId, apiKeyId } = payer;
  const { grantId } = await give(db.pool, payer, usd('5'));
  const request = { organizationId, reference: 're_1', grantId, amount: 'all' } as const;
  const waiting = await db.pool.transaction(async (tx) => {
    await tx.query(lockBook(organizationId));
    const refund = db.pool.transaction((other) => refundGrant(other, request));
    await untilSomebodyWaits();
    const ids = [newRequest()];
    const amounts = [usd('2')];
    await tx.query(placeBatch([organizationId], [1], ['place'], ids, [apiKeyId], amounts, 60_000));
    // Not awaited here: it ends after this transaction.
    return { refund };
  });
  expect(await waiting.refund).toMatchObject({ outcome: 'refunding', amount: usd('3') });
  expect(await readBalance(db.pool, organizationId)).toMatchObject({
    available: 0n,
    held: usd('2'),
  });
});
