import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GrantId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { verifyLedger } from '#ledger/reconcile';
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

const takeBack = ({ organizationId }: Payer, grantId: GrantId) =>
  db.pool.transaction((tx) => voidGrant(tx, { organizationId, grantId, reason: 'wrong customer' }));
const balance = (payer: Payer) => readBalance(db.pool, payer.organizationId);
const gift = async (kind: 'promotional' | 'adjustment' = 'promotional') => {
  const payer = await makePayer(db.pool);
  const { grantId } = await give(db.pool, payer, usd('10'), { kind });
  return { payer, grantId };
};
async function promoExpense(payer: Payer): Promise<bigint | undefined> {
  const [row] = await db.pool.query<{ balance: bigint }>({
    text: `SELECT sum(delta_nanos)::bigint AS balance FROM ledger.legs
            WHERE organization_id = $1 AND account = 'promo_expense'`,
    values: [payer.organizationId],
  });
  return row?.balance;
}

test.each(['promotional', 'adjustment'] as const)('%s credit is taken back once', async (kind) => {
  const { payer, grantId } = await gift(kind);
  const told = await Promise.all(Array.from({ length: 5 }, () => takeBack(payer, grantId)));
  expect(told.map((t) => t.outcome).sort()).toEqual([...Array(4).fill('already_voided'), 'voided']);
  expect(told).toContainEqual({ outcome: 'voided', amount: usd('10'), promised: 0n });
  expect(await balance(payer)).toMatchObject({ available: 0n });
  expect(await promoExpense(payer)).toBe(0n);
  const [kept] = await db.pool.query<{ void_reason: string }>({
    text: 'SELECT void_reason FROM ledger.grants WHERE organization_id = $1',
    values: [payer.organizationId],
  });
  expect(kept?.void_reason).toBe('wrong customer');
});

test('what was spent stays spent, what a hold needs stays for it, its rest is taken later', async () => {
  const { payer, grantId } = await gift();
  const spent = await hold(node.charging, payer, usd('3'));
  await settle(node.charging, payer, spent.id, usd('3'));
  const open = await hold(node.charging, payer, usd('4'));
  expect(await takeBack(payer, grantId)).toEqual({
    outcome: 'voided',
    amount: usd('3'),
    promised: usd('4'),
  });
  expect(await balance(payer)).toMatchObject({ available: 0n, held: usd('4') });
  expect(await settle(node.charging, payer, open.id, usd('1'))).toMatchObject({
    charged: usd('1'),
    available: 0n,
  });
  await bookAllStoppedGrants(db.pool);
  expect(await promoExpense(payer)).toBe(-usd('4'));
  expect(await balance(payer)).toMatchObject({ available: 0n, held: 0n });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('the rest of a voided grant goes back to where it came from, expired or not', async () => {
  const { payer, grantId } = await gift();
  const open = await hold(node.charging, payer, usd('4'));
  await takeBack(payer, grantId);
  await db.pool.query({ text: `SELECT bursar.advance_clock('400 days')` });
  await settle(node.charging, payer, open.id, usd('1'));
  await bookAllStoppedGrants(db.pool);
  expect(await promoExpense(payer)).toBe(-usd('1'));
});

test('purchases, spent and expired credit are not voided, and each is told why', async () => {
  const payer = await makePayer(db.pool);
  const bought = await give(db.pool, payer, usd('5'));
  expect(await takeBack(payer, bought.grantId)).toEqual({ outcome: 'is_a_purchase' });
  const { payer: spender, grantId } = await gift();
  const { id } = await hold(node.charging, spender, usd('10'));
  await settle(node.charging, spender, id, usd('10'));
  expect(await takeBack(spender, grantId)).toEqual({ outcome: 'nothing_left' });
  expect(await takeBack(payer, grantId)).toEqual({ outcome: 'unknown_grant' });
  const late = await gift();
  await db.pool.query({ text: `SELECT bursar.advance_clock('400 days')` });
  expect(await takeBack(late.payer, late.grantId)).toEqual({ outcome: 'expired' });
});
