import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';
import { installVirtualClock, VirtualClock } from '#test/virtual-clock';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let clock: VirtualClock;
beforeAll(async () => {
  db = await testDatabase();
  await installVirtualClock(db.ownerPool);
  clock = new VirtualClock(db.pool);
  await clock.begin();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

/** Somebody with credit, whose key ends a second from now. */
async function expiring(): Promise<{ payer: Payer; instant: number }> {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const instant = clock.business + 1_000;
  await db.ownerPool.query({
    text: 'UPDATE orgs.api_keys SET expires_at = $2 WHERE organization_id = $1',
    values: [payer.organizationId, new Date(instant)],
  });
  return { payer, instant };
}

const REFUSED = { outcome: 'key_expired' };

test('a key starts requests until the instant at which it expires, and not at it', async () => {
  const { payer, instant } = await expiring();
  await clock.set(instant - 1);
  const running = await hold(node.charging, payer, usd('1'));
  expect(running).toMatchObject({ outcome: 'held' });
  await clock.set(instant);
  expect(await hold(node.charging, payer, usd('1'))).toMatchObject(REFUSED);
  // What was running when it expired is charged as ever.
  expect(await settle(node.charging, payer, running.id, usd('1'))).toMatchObject({
    outcome: 'settled',
    charged: usd('1'),
  });
});

test('beside another organization in the same batch as well', async () => {
  const { payer, instant } = await expiring();
  const other = await makePayer(db.pool);
  await give(db.pool, other, usd('5'));
  const both = () => Promise.all([payer, other].map((each) => hold(node.charging, each, usd('1'))));
  await clock.set(instant - 1);
  expect(await both()).toMatchObject([{ outcome: 'held' }, { outcome: 'held' }]);
  await clock.set(instant);
  expect(await both()).toMatchObject([REFUSED, { outcome: 'held' }]);
});
