import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GrantId, newId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { verifyLedger } from '#ledger/reconcile';
import { refundGrant, refundPaid } from '#ledger/refunds';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

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

const freeze = ({ organizationId }: Payer, grantId: GrantId, reference = 'dp') =>
  db.pool.transaction((tx) => freezeGrant(tx, { organizationId, reference, grantId }));
const release = ({ organizationId }: Payer, reference = 'dp') =>
  db.pool.transaction((tx) => releaseFreeze(tx, { organizationId, reference }));
const seize = ({ organizationId }: Payer, claimed?: NanoUsd, reference = 'dp') => {
  const part = claimed === undefined ? {} : { claimed };
  return db.pool.transaction((tx) => seizeFreeze(tx, { organizationId, reference, ...part }));
};
const balance = (payer: Payer) => readBalance(db.pool, payer.organizationId);
const book = () => bookAllStoppedGrants(db.pool);

/** A purchase of $10 with $2 of tax, of which so much was spent. */
async function customer(spent: string) {
  const payer = await makePayer(db.pool);
  const { grantId } = await give(db.pool, payer, usd('10'), { tax: usd('2') });
  if (usd(spent) > 0n) {
    const { id } = await hold(node.charging, payer, usd(spent));
    await settle(node.charging, payer, id, usd(spent));
  }
  return { payer, grantId };
}

/** Balances of all accounts that moved, by the entries. */
async function accounts(payer: Payer): Promise<Record<string, bigint>> {
  const rows = await db.pool.query<{ account: string; balance: bigint }>({
    text: `SELECT split_part(account, ':', 1) AS account, sum(delta_nanos)::bigint AS balance
             FROM ledger.legs WHERE organization_id = $1 GROUP BY 1`,
    values: [payer.organizationId],
  });
  return Object.fromEntries(rows.map((row) => [row.account, row.balance]));
}

describe('F59: a dispute', () => {
  test('freezes the unspent part of its own grant, and nothing of the others', async () => {
    const { payer, grantId } = await customer('3');
    await give(db.pool, payer, usd('5'));
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'frozen', amount: usd('7') });
    expect(await balance(payer)).toMatchObject({ available: usd('5'), frozen: usd('7'), debt: 0n });
    const beyond = await hold(node.charging, payer, usd('5.000000001'));
    expect(beyond.outcome).toBe('insufficient_credit');
    expect((await hold(node.charging, payer, usd('5'))).outcome).toBe('held');
  });

  test('that is won gives back exactly what was frozen', async () => {
    const { payer, grantId } = await customer('3');
    await freeze(payer, grantId);
    expect(await release(payer)).toEqual({ outcome: 'released', amount: usd('7') });
    expect(await balance(payer)).toMatchObject({ available: usd('7'), frozen: 0n, debt: 0n });
    const { id } = await hold(node.charging, payer, usd('7'));
    expect(await settle(node.charging, payer, id, usd('7'))).toMatchObject({ charged: usd('7') });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('that is lost takes the money back where it is: frozen, spent, tax', async () => {
    const { payer, grantId } = await customer('3');
    await freeze(payer, grantId);
    expect(await seize(payer)).toMatchObject({
      outcome: 'seized',
      seized: usd('7'),
      debt: usd('3'),
      breakage: 0n,
      tax: usd('2'),
    });
    expect(await accounts(payer)).toEqual({
      processor_balance: 0n,
      stripe_clearing: 0n,
      tax_payable: 0n,
      grant: 0n,
      dispute_frozen: 0n,
      revenue: usd('3'),
      customer_debt: -usd('3'),
    });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('of a part of the payment leaves the rest to the customer and makes no debt', async () => {
    const { payer, grantId } = await customer('3');
    await freeze(payer, grantId);
    expect(await seize(payer, usd('4'))).toMatchObject({
      seized: usd('4'),
      debt: 0n,
      tax: usd('0.8'),
      released: usd('3'),
    });
    expect(await balance(payer)).toMatchObject({ available: usd('3'), frozen: 0n, debt: 0n });
    expect((await hold(node.charging, payer, usd('3'))).outcome).toBe('held');
  });

  test('told twice, late or out of order is answered and changes nothing', async () => {
    const { payer, grantId } = await customer('3');
    expect(await release(payer)).toEqual({ outcome: 'unknown_freeze' });
    expect(await seize(payer)).toEqual({ outcome: 'unknown_freeze' });
    expect(await freeze(payer, newId('grant', systemEntropy))).toEqual({
      outcome: 'unknown_grant',
    });
    const first = await Promise.all(Array.from({ length: 5 }, () => freeze(payer, grantId)));
    expect(first.map((f) => f.outcome).sort()).toEqual([
      ...Array(4).fill('already_frozen'),
      'frozen',
    ]);
    expect(await freeze(payer, grantId, 'dp_2')).toEqual({
      outcome: 'frozen_by_another',
      reference: 'dp',
    });
    const ends = await Promise.all(Array.from({ length: 5 }, () => release(payer)));
    expect(ends.map((e) => e.outcome).sort()).toEqual([
      ...Array(4).fill('already_released'),
      'released',
    ]);
    expect(await seize(payer)).toEqual({ outcome: 'already_released', amount: usd('7') });
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'already_released', amount: usd('7') });
    expect(await balance(payer)).toMatchObject({ available: usd('7'), debt: 0n });

    await freeze(payer, grantId, 'dp_2');
    await seize(payer, undefined, 'dp_2');
    const again = { outcome: 'already_seized', amount: usd('7') };
    expect(await seize(payer, undefined, 'dp_2')).toEqual(again);
    expect(await release(payer, 'dp_2')).toEqual(again);
    expect(await balance(payer)).toMatchObject({ available: 0n, frozen: 0n, debt: usd('3') });
  });

  test('of credit that is spent is recorded though it freezes nothing', async () => {
    const { payer, grantId } = await customer('10');
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'frozen', amount: 0n });
    expect(await seize(payer)).toMatchObject({ seized: 0n, debt: usd('10'), tax: usd('2') });
  });

  test('is of purchases only', async () => {
    const payer = await makePayer(db.pool);
    const { grantId } = await give(db.pool, payer, usd('1'), { kind: 'promotional' });
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'not_a_purchase' });
    const stranger = await makePayer(db.pool);
    expect(await freeze(stranger, grantId)).toEqual({ outcome: 'unknown_grant' });
  });
});

describe('a dispute while requests are under way', () => {
  test('leaves their holds what they need and freezes the rest when they end', async () => {
    const { payer, grantId } = await customer('0');
    const used = await hold(node.charging, payer, usd('4'));
    const spare = await hold(node.charging, payer, usd('2'));
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'frozen', amount: usd('4') });
    expect(await balance(payer)).toMatchObject({ available: 0n, held: usd('6') });
    expect((await hold(node.charging, payer, usd('0.000000001'))).outcome).not.toBe('held');
    expect(await settle(node.charging, payer, used.id, usd('3'))).toMatchObject({
      charged: usd('3'),
      available: 0n,
    });
    await book();
    expect(await balance(payer)).toMatchObject({ frozen: usd('4') });
    await voidHold(node.charging, payer, spare.id);
    expect(await balance(payer)).toMatchObject({ available: 0n, frozen: usd('4') });
    await book();
    expect(await balance(payer)).toMatchObject({ available: 0n, frozen: usd('7') });
    expect(await release(payer)).toEqual({ outcome: 'released', amount: usd('7') });
    expect(await balance(payer)).toMatchObject({ available: usd('7') });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('and won before they end: what they leave can be held again, though nothing moved', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('10'));
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'frozen', amount: 0n });
    expect(await release(payer)).toEqual({ outcome: 'released', amount: 0n });
    await voidHold(node.charging, payer, held.id);
    expect((await hold(node.charging, payer, usd('10'))).outcome).toBe('held');
  });

  test('freezes all of it when other credit can carry the holds', async () => {
    const { payer, grantId } = await customer('0');
    await give(db.pool, payer, usd('5'));
    const held = await hold(node.charging, payer, usd('4'));
    expect(await freeze(payer, grantId)).toEqual({ outcome: 'frozen', amount: usd('10') });
    expect(await balance(payer)).toMatchObject({ available: usd('1'), held: usd('4') });
    expect(await settle(node.charging, payer, held.id, usd('4'))).toMatchObject({
      charged: usd('4'),
      available: usd('1'),
    });
  });

  test('covers their holds even if the clock was set back since they were placed', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('6'));
    await db.ownerPool.query({
      text: `UPDATE ledger.holds SET placed_at = placed_at + interval '1 hour' WHERE id = $1`,
      values: [held.id],
    });
    await freeze(payer, grantId);
    await db.pool.query({ text: `SELECT bursar.advance_clock('2 hours')` });
    expect(await balance(payer)).toMatchObject({ available: 0n, held: usd('6') });
    expect(await settle(node.charging, payer, held.id, usd('6'))).toMatchObject({
      charged: usd('6'),
    });
  });

  test('and lost before they end: what they leave repays the debt it was counted as', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('6'));
    await freeze(payer, grantId);
    expect(await seize(payer)).toMatchObject({ seized: usd('4'), debt: usd('6'), tax: usd('2') });
    await book();
    expect(await balance(payer)).toMatchObject({ available: 0n, debt: usd('6'), held: usd('6') });
    expect(await settle(node.charging, payer, held.id, usd('1'))).toMatchObject({
      charged: usd('1'),
    });
    await book();
    expect(await balance(payer)).toMatchObject({ available: 0n, debt: usd('1'), frozen: 0n });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('and lost, the debt paid meanwhile: what they leave is the customer’s', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('6'));
    await freeze(payer, grantId);
    await seize(payer);
    expect(await give(db.pool, payer, usd('20'))).toMatchObject({ repaid: usd('6') });
    await settle(node.charging, payer, held.id, usd('1'));
    expect(await balance(payer)).toMatchObject({ available: usd('14'), debt: 0n });
    await book();
    expect(await balance(payer)).toMatchObject({ available: usd('19'), debt: 0n });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('and lost, then disputed again: the promised part pays the debt before anything else', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('6'));
    await freeze(payer, grantId, 'dp_1');
    await seize(payer, undefined, 'dp_1');
    expect(await freeze(payer, grantId, 'dp_2')).toEqual({ outcome: 'frozen', amount: 0n });
    await voidHold(node.charging, payer, held.id);
    await book();
    expect(await balance(payer)).toMatchObject({ available: 0n, debt: 0n, frozen: 0n });
    expect(await seize(payer, undefined, 'dp_2')).toMatchObject({ seized: 0n, debt: 0n, tax: 0n });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('and lost, then disputed again: what was frozen before is neither frozen nor promised anew', async () => {
    const { payer, grantId } = await customer('0');
    const early = await hold(node.charging, payer, usd('6'));
    await freeze(payer, grantId, 'dp_1');
    await seize(payer, undefined, 'dp_1');
    await give(db.pool, payer, usd('20'));
    await hold(node.charging, payer, usd('10'));
    await settle(node.charging, payer, early.id, usd('1'));
    expect(await balance(payer)).toMatchObject({ available: usd('4') });
    expect(await freeze(payer, grantId, 'dp_2')).toEqual({ outcome: 'frozen', amount: 0n });
    expect(await balance(payer)).toMatchObject({ available: usd('4') });
  });

  test('of a part: what they leave stays the customer’s', async () => {
    const { payer, grantId } = await customer('0');
    const held = await hold(node.charging, payer, usd('6'));
    await freeze(payer, grantId);
    expect(await seize(payer, usd('4'))).toMatchObject({ seized: usd('4'), debt: 0n });
    await voidHold(node.charging, payer, held.id);
    expect(await balance(payer)).toMatchObject({ available: usd('6'), debt: 0n });
  });
});

describe('refunded parts are not claimed again', () => {
  test('but a claim of exactly what is left is taken', async () => {
    const { payer, grantId } = await customer('3');
    const { organizationId } = payer;
    const refund = { organizationId, reference: 're', grantId, amount: usd('5') };
    await db.pool.transaction((tx) => refundGrant(tx, refund));
    await freeze(payer, grantId);
    expect(await seize(payer, usd('5'))).toMatchObject({ seized: usd('2'), debt: usd('3') });
  });

  test('by a lost dispute, nor more than was paid', async () => {
    const { payer, grantId } = await customer('3');
    const { organizationId } = payer;
    const refund = { organizationId, reference: 're', grantId, amount: usd('5') };
    await db.pool.transaction((tx) => refundGrant(tx, refund));
    await db.pool.transaction((tx) => refundPaid(tx, refund));
    await freeze(payer, grantId);
    expect(await seize(payer, usd('5.000000001'))).toEqual({
      outcome: 'exceeds_payment',
      claimable: usd('5'),
    });
    expect(await seize(payer)).toMatchObject({ seized: usd('2'), debt: usd('3'), tax: usd('1') });
    expect(await accounts(payer)).toMatchObject({
      processor_balance: 0n,
      stripe_clearing: 0n,
      refund_clearing: 0n,
      tax_payable: 0n,
    });
  });

  test('by a second dispute of the same payment', async () => {
    const { payer, grantId } = await customer('3');
    await freeze(payer, grantId, 'dp_1');
    await seize(payer, usd('8'), 'dp_1');
    await freeze(payer, grantId, 'dp_2');
    expect(await seize(payer, undefined, 'dp_2')).toMatchObject({ seized: 0n, debt: usd('2') });
    expect(await accounts(payer)).toMatchObject({
      processor_balance: 0n,
      tax_payable: 0n,
      customer_debt: -usd('3'),
    });
  });
});
