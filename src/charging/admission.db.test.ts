import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, newRequest, type Payer, usd } from '#test/ledger-world';
import { installVirtualClock, VirtualClock } from '#test/virtual-clock';

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

const available = async (payer: Payer) =>
  (await readBalance(db.pool, payer.organizationId)).available;

describe('a key', () => {
  test('that does not exist starts nothing, alone or beside one that does', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const stranger = { ...payer, apiKeyId: newId('apiKey', systemEntropy) };
    const refused = { outcome: 'key_revoked' };
    expect(await hold(node.charging, stranger, usd('1'))).toMatchObject(refused);
    const both = [stranger, payer].map((each) => hold(node.charging, each, usd('1')));
    expect(await Promise.all(both)).toMatchObject([refused, { outcome: 'held' }]);
  });

  test('I15: revoked while its hold waits for the lock starts nothing', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const waiting = await db.pool.transaction(async (tx) => {
      await tx.query({
        text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
        values: [payer.organizationId],
      });
      // Not awaited here: it ends after this transaction.
      const asked = { outcome: hold(node.charging, payer, usd('1')) };
      await untilSomebodyWaits();
      await db.ownerPool.query({
        text: `UPDATE orgs.api_keys SET status = 'revoked' WHERE organization_id = $1`,
        values: [payer.organizationId],
      });
      return asked;
    });
    expect(await waiting.outcome).toMatchObject({ outcome: 'key_revoked' });
  });
});

test('H4: a hold asked for again after its lease has passed does not hold', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const dead = chargingOn(db.url, { leaseMs: 30 });
  const { id } = await hold(dead.charging, payer, usd('1'));
  await dead.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(await hold(node.charging, payer, usd('1'), id)).toMatchObject({
    outcome: 'already_resolved',
  });
});

async function untilSomebodyWaits(): Promise<void> {
  // Asked by the role that waits: what others wait for is not shown.
  const text = `SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (let tries = 0; tries < 1_500; tries++) {
    if ((await db.pool.query({ text })).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for the lock');
}

describe('F82, F83: at the very instant at which a grant expires', () => {
  let clock: VirtualClock;
  beforeAll(async () => {
    await installVirtualClock(db.ownerPool);
    clock = new VirtualClock(db.pool);
    await clock.begin();
  });

  /** Two grants of $5; the first one expires a day from now. */
  async function expiring(): Promise<{ payer: Payer; instant: number }> {
    const payer = await makePayer(db.pool);
    const instant = clock.business + 86_400_000;
    await give(db.pool, payer, usd('5'), { expiresAt: new Date(instant) });
    await give(db.pool, payer, usd('5'));
    return { payer, instant };
  }

  test('it covers no hold that is placed', async () => {
    const { payer, instant } = await expiring();
    await clock.set(instant);
    expect(await hold(node.charging, payer, usd('2'))).toMatchObject({ available: usd('3') });
    expect(await available(payer)).toBe(usd('3'));
    expect(await hold(node.charging, payer, usd('4'))).toMatchObject({
      outcome: 'insufficient_credit',
    });
  });

  test('it covers what a hold was promised before, and nothing that is added', async () => {
    const { payer, instant } = await expiring();
    const requestId = newRequest();
    await clock.set(instant - 1);
    await hold(node.charging, payer, usd('2'), requestId);
    await clock.set(instant);
    expect(await available(payer)).toBe(usd('5'));
    const { organizationId } = payer;
    const extended = await node.charging.extend({ organizationId, requestId, toAmount: usd('4') });
    expect(extended).toMatchObject({ outcome: 'held', available: usd('3') });
    expect(await available(payer)).toBe(usd('3'));
    expect(await hold(node.charging, payer, usd('4'))).toMatchObject({
      outcome: 'insufficient_credit',
    });
  });

  test('F84: what is left of it is breakage, whatever is held from then on', async () => {
    const { payer, instant } = await expiring();
    await clock.set(instant);
    await hold(node.charging, payer, usd('2'));
    await bookAllStoppedGrants(db.pool);
    const { grants } = await readBalance(db.pool, payer.organizationId);
    expect(grants.map(({ remaining }) => remaining)).toEqual([usd('0'), usd('5')]);
  });
});
