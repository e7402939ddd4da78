import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import {
  byBurnDown,
  CREDIT_MOST,
  GRANT_MOST,
  type GrantKind,
  grantRefusal,
  issueGrant,
} from '#ledger/grants';
import { verifyLedger } from '#ledger/reconcile';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  type GrantTerms,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  usd,
} from '#test/ledger-world';

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

const available = async (payer: Payer): Promise<bigint> =>
  (await readBalance(db.pool, payer.organizationId)).available;

describe('F85: when credit expires', () => {
  test.each([
    ['2028-02-29T00:00:00.000Z', '2029-03-01T00:00:00.000Z'],
    ['2028-02-29T23:59:59.999Z', '2029-03-01T23:59:59.999Z'],
    ['2027-02-28T12:00:00.000Z', '2028-02-28T12:00:00.000Z'],
    ['2027-01-31T10:00:00.000Z', '2028-01-31T10:00:00.000Z'],
    // Hours that do not exist, or exist twice, in New York and Berlin: only UTC counts.
    ['2027-03-14T07:30:00.000Z', '2028-03-14T07:30:00.000Z'],
    ['2027-10-31T00:30:00.000Z', '2028-10-31T00:30:00.000Z'],
    // Already 29 February in New York's evening of the 28th, or not yet in Tokyo: only UTC counts.
    ['2028-02-28T23:30:00.000Z', '2029-02-28T23:30:00.000Z'],
    ['2028-03-01T00:30:00.000Z', '2029-03-01T00:30:00.000Z'],
  ])('bought at %s it expires at %s, in every time zone of a session', async (bought, expires) => {
    for (const zone of ['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Tokyo']) {
      const payer = await makePayer(db.pool);
      const grantId = newId('grant', systemEntropy);
      const issued = await db.pool.transaction(async (tx) => {
        await tx.query({ text: `SET LOCAL TIME ZONE '${zone}'` });
        const happenedAt = new Date(bought);
        const { organizationId } = payer;
        const terms = { amount: usd('5'), kind: 'purchase', source: 'pi', happenedAt } as const;
        return issueGrant(tx, { organizationId, grantId, ...terms });
      });
      expect(issued.expiresAt.toISOString()).toBe(expires);
    }
  });

  test('promotional credit and adjustments may end at any time of their own', async () => {
    const payer = await makePayer(db.pool);
    const expiresAt = new Date('2031-05-05T05:05:05.005Z');
    for (const kind of ['promotional', 'adjustment'] as const) {
      expect(await give(db.pool, payer, usd('1'), { kind, expiresAt })).toMatchObject({
        expiresAt,
        repaid: 0n,
      });
    }
  });
});

test('byBurnDown and the index are one order for any grants', async () => {
  const day = (n: number) => new Date(Date.UTC(2030, 0, 1 + n));
  const terms: fc.Arbitrary<GrantTerms> = fc.record({
    kind: fc.constantFrom<GrantKind>('purchase', 'promotional', 'adjustment'),
    happenedAt: fc.nat(2).map((n) => day(n)),
    expiresAt: fc.nat(2).map((n) => day(100 + n)),
  });
  const grants = fc.array(terms, { minLength: 2, maxLength: 25 });
  const check = async (some: readonly GrantTerms[]): Promise<void> => {
    const payer = await makePayer(db.pool);
    for (const one of some) await give(db.pool, payer, nanos(1n), one);
    const rows = await db.pool.query<{ id: string }>({
      text: `SELECT id FROM ledger.grants WHERE organization_id = $1
              ORDER BY expires_at, paid, granted_at, id`,
      values: [payer.organizationId],
    });
    const read = [...(await readBalance(db.pool, payer.organizationId)).grants].reverse();
    expect(read.sort(byBurnDown).map((g) => g.id)).toEqual(rows.map((row) => row.id));
  };
  await fc.assert(fc.asyncProperty(grants, check), { numRuns: 8, endOnFailure: true });
  const [index] = await db.pool.query<{ order: string }>({
    text: `SELECT pg_get_indexdef('ledger.live_grants_in_burn_order'::regclass) AS "order"`,
  });
  expect(index?.order).toContain('(organization_id, expires_at, paid, granted_at, id)');
});

test('F87: fifty grants with one nano each pay to the last nano, one entry each', async () => {
  const payer = await makePayer(db.pool);
  for (let i = 0; i < 50; i++) await give(db.pool, payer, nanos(1n));
  const first = await hold(node.charging, payer, nanos(49n));
  expect(await settle(node.charging, payer, first.id, nanos(49n))).toMatchObject({
    charged: 49n,
    available: 1n,
  });
  const last = await hold(node.charging, payer, nanos(1n));
  expect(await settle(node.charging, payer, last.id, nanos(1n))).toMatchObject({ available: 0n });
  const [paid] = await db.pool.query<{ entries: bigint; grants: bigint; most: bigint }>({
    text: `SELECT count(*) AS entries, count(DISTINCT from_account) AS grants,
                  max(amount_nanos) AS most
             FROM ledger.entries WHERE organization_id = $1 AND reason = 'usage.settle'`,
    values: [payer.organizationId],
  });
  expect(paid).toEqual({ entries: 50n, grants: 50n, most: 1n });
});

describe('F93: amounts beyond the ledger', () => {
  test('is asked before there is a book: who never had credit has room for the largest grant', async () => {
    const nobody = newId('organization', systemEntropy);
    expect(await grantRefusal(db.pool, nobody, GRANT_MOST)).toBeUndefined();
    expect(await grantRefusal(db.pool, nobody, nanos(GRANT_MOST + 1n))).toEqual({
      outcome: 'amount_out_of_range',
      most: GRANT_MOST,
    });
  });

  test('are refused by name before anything is written', async () => {
    const { organizationId } = await makePayer(db.pool);
    const refusal = (amount: bigint) => grantRefusal(db.pool, organizationId, nanos(amount));
    const outOfRange = { outcome: 'amount_out_of_range', most: GRANT_MOST };
    expect(await refusal(GRANT_MOST)).toBeUndefined();
    expect(await refusal(GRANT_MOST + 1n)).toEqual(outOfRange);
    expect(await refusal(2n ** 63n)).toEqual(outOfRange);
    expect(await refusal(0n)).toEqual(outOfRange);
    expect(await refusal(-1n)).toEqual(outOfRange);
  });

  test('credit is bounded as a whole, and up to the bound it can be used', async () => {
    const payer = await makePayer(db.pool);
    for (let i = 0; i < 8; i++) await give(db.pool, payer, GRANT_MOST);
    await give(db.pool, payer, nanos(GRANT_MOST - 5n));
    const { organizationId } = payer;
    const tooLarge = { outcome: 'balance_too_large', room: 5n };
    expect(await grantRefusal(db.pool, organizationId, nanos(6n))).toEqual(tooLarge);
    expect(await grantRefusal(db.pool, organizationId, nanos(5n))).toBeUndefined();
    await expect(give(db.pool, payer, nanos(6n))).rejects.toThrow('balance_too_large');
    await give(db.pool, payer, nanos(5n));
    expect(await available(payer)).toBe(CREDIT_MOST);
    const all = await hold(node.charging, payer, CREDIT_MOST);
    expect(await settle(node.charging, payer, all.id, CREDIT_MOST)).toMatchObject({
      charged: CREDIT_MOST,
      available: 0n,
    });
    expect(await grantRefusal(db.pool, organizationId, GRANT_MOST)).toBeUndefined();
  });

  test('frozen credit counts: it may come back', async () => {
    const payer = await makePayer(db.pool);
    const { organizationId } = payer;
    for (let i = 0; i < 8; i++) await give(db.pool, payer, GRANT_MOST);
    const { grantId } = await give(db.pool, payer, GRANT_MOST);
    const dispute = { organizationId, reference: 'dp' };
    await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId }));
    expect(await grantRefusal(db.pool, organizationId, nanos(1n))).toEqual({
      outcome: 'balance_too_large',
      room: 0n,
    });
    await db.pool.transaction((tx) => releaseFreeze(tx, dispute));
    expect(await available(payer)).toBe(CREDIT_MOST);
  });

  test('a payment told again is told its grant, even when there is no more room', async () => {
    const payer = await makePayer(db.pool);
    for (let i = 0; i < 9; i++) await give(db.pool, payer, GRANT_MOST, { source: `pi_${i}` });
    const again = await give(db.pool, payer, GRANT_MOST, { source: 'pi_3' });
    expect(again).toMatchObject({ outcome: 'already_issued', repaid: 0n });
  });
});

describe('a debt', () => {
  /** An organization that spent a purchase of $10, disputed it and lost. */
  async function debtor(): Promise<Payer> {
    const payer = await makePayer(db.pool);
    const { organizationId } = payer;
    const { grantId } = await give(db.pool, payer, usd('10'));
    const { id } = await hold(node.charging, payer, usd('10'));
    await settle(node.charging, payer, id, usd('7'));
    const dispute = { organizationId, reference: 'dp_1' };
    await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId }));
    await db.pool.transaction((tx) => seizeFreeze(tx, dispute));
    return payer;
  }

  test('blocks use but not paying, and the next purchases clear it first', async () => {
    const payer = await debtor();
    const gift = await give(db.pool, payer, usd('50'), { kind: 'promotional' });
    expect(gift.repaid).toBe(0n);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ debt: usd('7') });
    expect(await hold(node.charging, payer, usd('1'))).toMatchObject({ outcome: 'in_debt' });

    const small = await give(db.pool, payer, usd('5'), { source: 'pi_small', tax: usd('1') });
    expect(small).toMatchObject({ outcome: 'issued', repaid: usd('5') });
    expect(await hold(node.charging, payer, usd('1'))).toMatchObject({ outcome: 'in_debt' });

    const large = await give(db.pool, payer, usd('5'), { source: 'pi_large' });
    expect(large).toMatchObject({ outcome: 'issued', repaid: usd('2') });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      debt: 0n,
      available: usd('53'),
    });
    expect(await hold(node.charging, payer, usd('1'))).toMatchObject({ outcome: 'held' });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('is repaid in the transaction that grants, and once however often it is told', async () => {
    const payer = await debtor();
    const told = await Promise.all(
      Array.from({ length: 10 }, () => give(db.pool, payer, usd('20'), { source: 'pi_once' })),
    );
    expect(told.filter((t) => t.outcome === 'issued')).toHaveLength(1);
    expect(new Set(told.map((t) => t.repaid))).toEqual(new Set([usd('7')]));
    const rows = await db.pool.query<{ reason: string }>({
      text: `SELECT e.reason FROM ledger.entries e
              WHERE e.organization_id = $1 AND e.reference = 'pi_once' ORDER BY line`,
      values: [payer.organizationId],
    });
    expect(rows.map((r) => r.reason)).toEqual([
      'payment.received',
      'credit.purchase',
      'debt.repaid',
    ]);
    expect(await available(payer)).toBe(usd('13'));
  });

  test('counts as spent when the purchase that repaid it is disputed as well', async () => {
    const payer = await debtor();
    const { organizationId } = payer;
    const { grantId } = await give(db.pool, payer, usd('20'));
    const dispute = { organizationId, reference: 'dp_2' };
    expect(
      await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId })),
    ).toMatchObject({ outcome: 'frozen', amount: usd('13') });
    expect(await db.pool.transaction((tx) => seizeFreeze(tx, dispute))).toMatchObject({
      outcome: 'seized',
      seized: usd('13'),
      debt: usd('7'),
    });
    expect(await readBalance(db.pool, organizationId)).toMatchObject({ debt: usd('7') });
  });
});
