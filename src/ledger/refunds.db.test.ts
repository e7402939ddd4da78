import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GrantId, newId } from '#kernel/ids';
import { fromCents, type NanoUsd, nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { verifyLedger } from '#ledger/reconcile';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
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

const refund = (
  { organizationId }: Payer,
  grantId: GrantId,
  amount: NanoUsd | 'all',
  reference = 're',
  unit = nanos(1n),
) => {
  const request = { organizationId, reference, grantId, amount, unit };
  return db.pool.transaction((tx) => refundGrant(tx, request));
};
const paid = ({ organizationId }: Payer, reference = 're') =>
  db.pool.transaction((tx) => refundPaid(tx, { organizationId, reference }));
const failed = ({ organizationId }: Payer, reference = 're') =>
  db.pool.transaction((tx) => refundFailed(tx, { organizationId, reference }));
const balance = (payer: Payer) => readBalance(db.pool, payer.organizationId);
const spend = async (payer: Payer, amount: NanoUsd): Promise<void> => {
  const { id } = await hold(node.charging, payer, amount);
  await settle(node.charging, payer, id, amount);
};

/** What each platform account has, by the entries of this organization. */
async function platform(payer: Payer): Promise<Record<string, bigint>> {
  const rows = await db.pool.query<{ account: string; balance: bigint }>({
    text: `SELECT account, sum(delta_nanos)::bigint AS balance FROM ledger.legs
            WHERE organization_id = $1 AND account NOT LIKE 'grant:%' GROUP BY 1`,
    values: [payer.organizationId],
  });
  return Object.fromEntries(rows.map((row) => [row.account, row.balance]));
}
const AT_REST = {
  processor_balance: 0n,
  stripe_clearing: 0n,
  refund_clearing: 0n,
  tax_payable: 0n,
};

async function customer(credit: string, tax: string) {
  const payer = await makePayer(db.pool);
  const { grantId } = await give(db.pool, payer, usd(credit), { tax: usd(tax) });
  return { payer, grantId };
}

test('F55: all of an unspent purchase goes back with its tax, in two steps, once', async () => {
  const { payer, grantId } = await customer('20', '4.6');
  const told = await Promise.all(Array.from({ length: 5 }, () => refund(payer, grantId, 'all')));
  expect(told.map((t) => t.outcome).sort()).toEqual([
    ...Array(4).fill('already_refunding'),
    'refunding',
  ]);
  expect(told).toContainEqual({ outcome: 'refunding', amount: usd('20'), tax: usd('4.6') });
  expect(await balance(payer)).toMatchObject({ available: 0n });
  expect(await platform(payer)).toMatchObject({ refund_clearing: usd('24.6'), tax_payable: 0n });
  const outcomes = [await paid(payer), await paid(payer)];
  expect(outcomes.map((o) => o.outcome)).toEqual(['paid', 'already_paid']);
  expect(await platform(payer)).toEqual(AT_REST);
});

describe('F56: after a part was spent', () => {
  test('only what is unspent can be refunded', async () => {
    const { payer, grantId } = await customer('20', '4');
    await spend(payer, usd('12.5'));
    expect(await refund(payer, grantId, usd('7.500000001'))).toEqual({
      outcome: 'exceeds_unspent',
      refundable: usd('7.5'),
    });
    expect(await refund(payer, grantId, 'all')).toEqual({
      outcome: 'refunding',
      amount: usd('7.5'),
      tax: usd('1.5'),
    });
    expect(await refund(payer, grantId, 'all', 're_2')).toEqual({
      outcome: 'exceeds_unspent',
      refundable: 0n,
    });
  });

  test('what a hold was promised is not refunded, and the hold is served', async () => {
    const { payer, grantId } = await customer('10', '0');
    const { id } = await hold(node.charging, payer, usd('6'));
    expect(await refund(payer, grantId, usd('5'))).toEqual({
      outcome: 'exceeds_unspent',
      refundable: usd('4'),
    });
    expect(await refund(payer, grantId, 'all')).toMatchObject({ amount: usd('4') });
    expect(await balance(payer)).toMatchObject({ available: 0n });
    expect(await settle(node.charging, payer, id, usd('6'))).toMatchObject({ charged: usd('6') });
  });
});

describe('F57: in parts', () => {
  test('any number of odd cents adds up to the payment, with nothing left over', async () => {
    const { payer, grantId } = await customer('10', '0.97');
    const cent = fromCents(1n);
    let total = 0n;
    for (const [i, cents] of [1n, 333n, 7n, 250n, 99n].entries()) {
      const told = await refund(payer, grantId, fromCents(cents), `re_${i}`, cent);
      if (told.outcome !== 'refunding') throw new Error(told.outcome);
      expect((told.amount + told.tax) % cent).toBe(0n);
      total += told.amount + told.tax;
      await paid(payer, `re_${i}`);
    }
    const last = await refund(payer, grantId, 'all', 're_last', cent);
    if (last.outcome !== 'refunding') throw new Error(last.outcome);
    await paid(payer, 're_last');
    expect(total + last.amount + last.tax).toBe(usd('10.97'));
    expect(await platform(payer)).toEqual(AT_REST);
  });

  test('what cannot be paid out in cents is refused, or stays as credit', async () => {
    const { payer, grantId } = await customer('10', '1');
    await spend(payer, usd('0.123456789'));
    const cent = fromCents(1n);
    expect(await refund(payer, grantId, usd('1.005'), 're_1', cent)).toEqual({
      outcome: 'not_payable',
    });
    expect(await refund(payer, grantId, 'all', 're_2', cent)).toEqual({
      outcome: 'refunding',
      amount: usd('9.87'),
      tax: usd('0.98'),
    });
    expect(await balance(payer)).toMatchObject({ available: usd('0.006543211') });
  });
});

describe('F58: a refund that fails', () => {
  test('gives the credit and the tax back once, even if it was paid before', async () => {
    for (const wasPaid of [false, true]) {
      const { payer, grantId } = await customer('20', '4.6');
      await refund(payer, grantId, usd('8'));
      if (wasPaid) await paid(payer);
      const told = await Promise.all(Array.from({ length: 5 }, () => failed(payer)));
      expect(told.map((t) => t.outcome).sort()).toEqual([
        ...Array(4).fill('already_failed'),
        'returned',
      ]);
      expect((await paid(payer)).outcome).toBe('already_failed');
      expect(await balance(payer)).toMatchObject({ available: usd('20') });
      expect(await platform(payer)).toMatchObject({
        refund_clearing: 0n,
        tax_payable: usd('4.6'),
        processor_balance: -usd('24.6'),
      });
      expect(await refund(payer, grantId, 'all', 're_again')).toMatchObject({
        amount: usd('20'),
        tax: usd('4.6'),
      });
      await paid(payer, 're_again');
    }
  });

  test('after the grant expired leaves the customer nothing and breakage once', async () => {
    const payer = await makePayer(db.pool);
    const [row] = await db.pool.query<{ at: Date }>({
      text: `SELECT bursar.now() + interval '1 day' AS at`,
    });
    if (row === undefined) throw new Error('no clock');
    const { grantId } = await give(db.pool, payer, usd('5'), { expiresAt: row.at });
    await refund(payer, grantId, usd('2'));
    await db.pool.query({ text: `SELECT bursar.advance_clock('2 days')` });
    await bookAllStoppedGrants(db.pool);
    await failed(payer);
    expect(await balance(payer)).toMatchObject({ available: 0n });
    await bookAllStoppedGrants(db.pool);
    expect(await bookAllStoppedGrants(db.pool)).toBe(0);
    expect(await platform(payer)).toMatchObject({ breakage: usd('5'), refund_clearing: 0n });
  });

  test('while the grant is frozen freezes what comes back', async () => {
    const { payer, grantId } = await customer('10', '0');
    const { organizationId } = payer;
    const dispute = { organizationId, reference: 'dp', grantId };
    await refund(payer, grantId, usd('4'));
    await db.pool.transaction((tx) => freezeGrant(tx, dispute));
    await failed(payer);
    expect(await balance(payer)).toMatchObject({ available: 0n, frozen: usd('6') });
    await bookAllStoppedGrants(db.pool);
    expect(await balance(payer)).toMatchObject({ available: 0n, frozen: usd('10') });
  });
});

describe('what is not refunded', () => {
  test('F54: a payment that is not credited yet; once it is, the refund goes through', async () => {
    const payer = await makePayer(db.pool);
    const early = await refund(payer, newId('grant', systemEntropy), 'all');
    expect(early).toEqual({ outcome: 'unknown_grant' });
    expect([(await paid(payer)).outcome, (await failed(payer)).outcome]).toEqual([
      'unknown_refund',
      'unknown_refund',
    ]);
    const { grantId } = await give(db.pool, payer, usd('5'));
    expect(await refund(payer, grantId, 'all')).toMatchObject({ outcome: 'refunding' });
    expect(await balance(payer)).toMatchObject({ available: 0n });
  });

  test('promotional, frozen and expired credit', async () => {
    const { payer, grantId } = await customer('5', '0');
    const { organizationId } = payer;
    const gift = await give(db.pool, payer, usd('5'), { kind: 'promotional' });
    expect(await refund(payer, gift.grantId, 'all')).toEqual({ outcome: 'not_a_purchase' });
    const dispute = { organizationId, reference: 'dp' };
    await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId }));
    expect(await refund(payer, grantId, 'all')).toEqual({ outcome: 'frozen' });
    await db.pool.transaction((tx) => releaseFreeze(tx, dispute));
    await db.pool.query({ text: `SELECT bursar.advance_clock('400 days')` });
    expect(await refund(payer, grantId, 'all')).toEqual({ outcome: 'expired' });
  });
});

test('F86: a refund of the middle grant touches neither its neighbours nor what they paid', async () => {
  const payer = await makePayer(db.pool);
  const day = 86_400_000;
  const base = Date.UTC(2040, 0, 1);
  const [first, middle, last] = [
    await give(db.pool, payer, usd('5'), { expiresAt: new Date(base) }),
    await give(db.pool, payer, usd('5'), { expiresAt: new Date(base + day) }),
    await give(db.pool, payer, usd('5'), { expiresAt: new Date(base + 2 * day) }),
  ];
  await spend(payer, usd('6'));
  expect(await refund(payer, first.grantId, 'all', 're_1')).toEqual({
    outcome: 'exceeds_unspent',
    refundable: 0n,
  });
  expect(await refund(payer, middle.grantId, 'all', 're_2')).toMatchObject({ amount: usd('4') });
  const { grants } = await balance(payer);
  expect(grants.map((g) => [g.id, g.remaining])).toEqual([
    [first.grantId, 0n],
    [middle.grantId, 0n],
    [last.grantId, usd('5')],
  ]);
});

test('a refund of nothing, or of less, is a mistake of who asks and changes nothing', async () => {
  const { payer, grantId } = await customer('5', '1');
  for (const amount of [0n, -1n]) {
    const wrong = refund(payer, grantId, nanos(amount));
    await expect(wrong).rejects.toThrow('a refund is of an amount above 0');
  }
  expect(await balance(payer)).toMatchObject({ available: usd('5') });
});

test('what a lost dispute has claimed is not refunded as well, though the credit is back', async () => {
  const { payer, grantId } = await customer('5', '0');
  const { organizationId } = payer;
  const { id } = await hold(node.charging, payer, usd('5'));
  const dispute = { organizationId, reference: 'dp_claimed' };
  await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId }));
  const taken = await db.pool.transaction((tx) => seizeFreeze(tx, dispute));
  expect(taken).toMatchObject({ seized: 0n, debt: usd('5') });
  // Another purchase repays that debt before the hold leaves what was made a debt of.
  await give(db.pool, payer, usd('10'));
  await voidHold(node.charging, payer, id);
  await bookAllStoppedGrants(db.pool);
  const { grants, ...rest } = await balance(payer);
  expect(rest).toMatchObject({ available: usd('10'), debt: 0n });
  expect(grants.find((g) => g.id === grantId)).toMatchObject({
    state: 'active',
    remaining: usd('5'),
  });
  expect(await refund(payer, grantId, 'all', 're_claimed')).toEqual({
    outcome: 'exceeds_unspent',
    refundable: 0n,
  });
});

test('with every refund paid the ledger is at rest and proves itself', async () => {
  const open = await db.pool.query<{ organization_id: Payer['organizationId']; reference: string }>(
    {
      text: `SELECT organization_id, reference FROM ledger.refunds WHERE state = 'refunding'`,
    },
  );
  expect(open.length).toBeGreaterThan(0);
  for (const { organization_id: organizationId, reference } of open) {
    await db.pool.transaction((tx) => refundPaid(tx, { organizationId, reference }));
  }
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});
