import { afterAll, beforeAll, expect, test } from 'vitest';
import { readMix } from '#metering/mix';
import { worthAtOwnMix } from '#pricing/purchasing-power';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

async function spend(payer: Awaited<ReturnType<typeof makePayer>>, amount: string): Promise<void> {
  const { id } = await hold(node.charging, payer, usd(amount));
  await settle(node.charging, payer, id, usd(amount));
}

test('what was charged lately is the mix, of one organization and no other', async () => {
  const payer = await makePayer(db.pool);
  const other = await makePayer(db.pool);
  await give(db.pool, payer, usd('10'));
  await give(db.pool, other, usd('10'));
  for (const amount of ['1', '2', '3']) await spend(payer, amount);
  await spend(other, '9');
  const mix = await readMix(db.pool, payer.organizationId);
  expect(mix).toMatchObject({ charged: usd('6'), requests: 3n, seconds: 86_400n });
  expect(mix.models.map(({ charged }) => charged)).toEqual([usd('6')]);
  expect(worthAtOwnMix(usd('24'), mix)).toEqual({ requests: 12n, days: 4n });
});

test('what is older than thirty days of business time is not lately', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('10'));
  await spend(payer, '4');
  await db.ownerPool.query({
    text: `UPDATE bursar.deployment SET simulated = true,
      clock_offset = clock_offset + interval '31 days'`,
  });
  const mix = await readMix(db.pool, payer.organizationId);
  expect(mix).toMatchObject({ requests: 0n, models: [] });
  expect(worthAtOwnMix(usd('24'), mix)).toBeUndefined();
});
