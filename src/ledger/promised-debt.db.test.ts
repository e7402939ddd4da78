import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, seizeFreeze } from '#ledger/disputes';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, settle, usd, voidHold } from '#test/ledger-world';

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

test('what a hold leaves of a seized grant repays what was made a debt of it, and no other debt', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const spent = await give(db.pool, payer, usd('7'));
  const request = await hold(node.charging, payer, usd('7'));
  await settle(node.charging, payer, request.id, usd('7'));
  const claimed = await give(db.pool, payer, usd('10'));
  const { id } = await hold(node.charging, payer, usd('4'));
  const lose = (reference: string, grantId: typeof spent.grantId, part: string) =>
    db.pool.transaction(async (tx) => {
      await freezeGrant(tx, { organizationId, reference, grantId });
      return await seizeFreeze(tx, { organizationId, reference, claimed: usd(part) });
    });
  expect(await lose('dp_1', spent.grantId, '7')).toMatchObject({ debt: usd('7') });
  // $6 of it are frozen; of the $4 that the hold keeps, $2 are claimed.
  expect(await lose('dp_2', claimed.grantId, '8')).toMatchObject({ debt: usd('2') });
  await voidHold(node.charging, payer, id);
  await bookAllStoppedGrants(db.pool);
  expect(await readBalance(db.pool, organizationId)).toMatchObject({
    debt: usd('7'),
    available: usd('2'),
  });
});
