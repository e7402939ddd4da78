import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GrantId } from '#kernel/ids';
import { readBalanceAsOf } from '#ledger/as-of';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze } from '#ledger/disputes';
import { voidGrant } from '#ledger/voiding';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

async function after(step: string): Promise<Date> {
  const [row] = await db.pool.query<{ at: Date }>({
    text: `SELECT date_trunc('second', bursar.now() + $1::interval) AS at`,
    values: [step],
  });
  if (row === undefined) throw new Error('no clock');
  return row.at;
}
const wait = (step: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [step] });

async function spend(payer: Payer, cost: string): Promise<void> {
  const { id } = await hold(node.charging, payer, usd(cost));
  await settle(node.charging, payer, id, usd(cost));
}

/** As it is, and as the past will show it: they must be the same. */
async function stateOf({ organizationId }: Payer, grantId: GrantId): Promise<string | undefined> {
  const [now] = await db.pool.query<{ at: string }>({ text: 'SELECT bursar.now()::text AS at' });
  const { grants } = await readBalance(db.pool, organizationId);
  const past = await readBalanceAsOf(db.pool, organizationId, now?.at ?? '', 'recorded');
  expect(past.grants.map(({ id, state }) => [id, state])).toEqual(
    grants.map(({ id, state }) => [id, state]),
  );
  return grants.find(({ id }) => id === grantId)?.state;
}

test('a grant that ended unspent is expired, whether or not the job has booked it', async () => {
  const payer = await makePayer(db.pool);
  const { grantId } = await give(db.pool, payer, usd('5'), { expiresAt: await after('1 day') });
  await spend(payer, '2');
  expect(await stateOf(payer, grantId)).toBe('active');
  await wait('2 days');
  expect(await stateOf(payer, grantId)).toBe('expired');
  await bookAllStoppedGrants(db.pool);
  const { grants } = await readBalance(db.pool, payer.organizationId);
  expect(grants).toMatchObject([{ state: 'expired', remaining: 0n }]);
  expect(await stateOf(payer, grantId)).toBe('expired');
});

test('a grant that was used up before its end stays used up', async () => {
  const payer = await makePayer(db.pool);
  const { grantId } = await give(db.pool, payer, usd('5'), { expiresAt: await after('1 day') });
  await spend(payer, '5');
  expect(await stateOf(payer, grantId)).toBe('exhausted');
  await wait('2 days');
  await bookAllStoppedGrants(db.pool);
  expect(await stateOf(payer, grantId)).toBe('exhausted');
});

test('a disputed grant is frozen until the dispute ends, also past its end', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const { grantId } = await give(db.pool, payer, usd('5'), { expiresAt: await after('1 day') });
  const dispute = { organizationId, reference: 'dp_1', grantId };
  await db.pool.transaction((tx) => freezeGrant(tx, dispute));
  expect(await stateOf(payer, grantId)).toBe('frozen');
  await wait('2 days');
  expect(await stateOf(payer, grantId)).toBe('frozen');
  await db.pool.transaction((tx) => releaseFreeze(tx, dispute));
  expect(await stateOf(payer, grantId)).toBe('expired');
  await bookAllStoppedGrants(db.pool);
  expect(await stateOf(payer, grantId)).toBe('expired');
});

test('a grant given by mistake is voided, while holds still use it and after', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const terms = { kind: 'promotional', expiresAt: await after('1 day') } as const;
  const { grantId } = await give(db.pool, payer, usd('5'), terms);
  const { id } = await hold(node.charging, payer, usd('1'));
  const reason = 'a mistake';
  await db.pool.transaction((tx) => voidGrant(tx, { organizationId, grantId, reason }));
  expect(await stateOf(payer, grantId)).toBe('voided');
  await settle(node.charging, payer, id, usd('1'));
  await bookAllStoppedGrants(db.pool);
  await wait('2 days');
  expect(await stateOf(payer, grantId)).toBe('voided');
});
