import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants, bookStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { verifyLedger } from '#ledger/reconcile';
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

const book = () => bookAllStoppedGrants(db.pool);
const wait = (step: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [step] });

/** A time `step` from now in business time. */
async function later(step: string): Promise<Date> {
  const [row] = await db.pool.query<{ at: Date }>({
    text: `SELECT date_trunc('second', bursar.now() + $1::interval) AS at`,
    values: [step],
  });
  if (row === undefined) throw new Error('no clock');
  return row.at;
}

interface Booked {
  readonly reason: string;
  readonly reference: string;
  readonly amount: bigint;
  readonly at: Date;
}
/** What was booked for an organization besides purchases and use, in order. */
const booked = (payer: Payer): Promise<Booked[]> =>
  db.pool.query<Booked>({
    text: `SELECT reason, reference, amount_nanos AS amount, happened_at AS at FROM ledger.entries
            WHERE organization_id = $1 AND reason NOT LIKE 'usage.%' AND reason NOT LIKE 'payment.%'
              AND reason NOT IN ('credit.purchase', 'credit.promotional')
            ORDER BY transaction_no, line`,
    values: [payer.organizationId],
  });
const reasons = async (payer: Payer) => (await booked(payer)).map((b) => [b.reason, b.amount]);

describe('F84: breakage', () => {
  test('is booked once, as of the expiry, however late, often and concurrently', async () => {
    const payer = await makePayer(db.pool);
    const expiresAt = await later('1 day');
    const { grantId } = await give(db.pool, payer, usd('5'), { expiresAt });
    await give(db.pool, payer, usd('2'));
    await book();
    expect(await booked(payer)).toEqual([]);
    await wait('40 days');
    const before = await readBalance(db.pool, payer.organizationId);
    await Promise.all(Array.from({ length: 8 }, () => bookStoppedGrants(db.pool, 100)));
    await book();
    expect(await booked(payer)).toEqual([
      { reason: 'credit.expire', reference: `expiry:${grantId}`, amount: usd('5'), at: expiresAt },
    ]);
    const after = await readBalance(db.pool, payer.organizationId);
    expect([before.available, after.available]).toEqual([usd('2'), usd('2')]);
    expect(await book()).toBe(0);
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('is of the instant: one microsecond before the expiry nothing stops (F82)', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'), { expiresAt: await later('1 hour') });
    const bookAt = async (shift: string) => {
      const [row] = await db.pool.query<{ changed: number }>({
        text: `SELECT ledger.book_stopped($1, usable_until + $2::interval) AS changed
                 FROM ledger.grants WHERE organization_id = $1`,
        values: [payer.organizationId, shift],
      });
      return row?.changed;
    };
    expect(await bookAt('-1 microsecond')).toBe(0);
    expect(await bookAt('0')).toBe(1);
  });

  test('waits for the holds it may still have to pay for (F83)', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'), { expiresAt: await later('1 day') });
    const used = await hold(node.charging, payer, usd('2'));
    const given = await hold(node.charging, payer, usd('1'));
    await wait('2 days');
    await book();
    expect(await booked(payer)).toEqual([]);
    await settle(node.charging, payer, used.id, usd('2'));
    await book();
    expect(await booked(payer)).toEqual([]);
    await voidHold(node.charging, payer, given.id);
    await book();
    expect(await reasons(payer)).toEqual([['credit.expire', usd('3')]]);
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('of one grant does not take what holds need of another', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'), { expiresAt: await later('1 day') });
    await give(db.pool, payer, usd('3'), { expiresAt: await later('3 days') });
    await wait('2 days');
    const open = await hold(node.charging, payer, usd('2'));
    await wait('2 days');
    await book();
    expect(await reasons(payer)).toEqual([['credit.expire', usd('5')]]);
    expect(await settle(node.charging, payer, open.id, usd('2'))).toMatchObject({
      charged: usd('2'),
    });
    await book();
    expect(await reasons(payer)).toEqual([
      ['credit.expire', usd('5')],
      ['credit.expire', usd('1')],
    ]);
  });

  test('does not wait for holds that came after', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'), { expiresAt: await later('1 day') });
    await give(db.pool, payer, usd('5'));
    await wait('2 days');
    await hold(node.charging, payer, usd('4'));
    await book();
    expect(await reasons(payer)).toEqual([['credit.expire', usd('5')]]);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ available: usd('1') });
  });

  test('of many organizations is worked off in batches, and a busy book is left for later', async () => {
    const expiresAt = await later('1 day');
    const payers = await Promise.all(Array.from({ length: 7 }, () => makePayer(db.pool)));
    for (const payer of payers) await give(db.pool, payer, usd('1'), { expiresAt });
    await wait('2 days');
    const [busy, ...others] = payers.toSorted((a, b) =>
      a.organizationId < b.organizationId ? -1 : 1,
    );
    if (busy === undefined) throw new Error('no payer');
    await db.pool.transaction(async (tx) => {
      await tx.query({
        text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
        values: [busy.organizationId],
      });
      await bookAllStoppedGrants(db.pool, 3);
      expect(await booked(busy)).toEqual([]);
    });
    await book();
    for (const payer of [busy, ...others]) {
      expect(await reasons(payer)).toEqual([['credit.expire', usd('1')]]);
    }
  });

  test('of more organizations than one batch takes is booked in one go, and they are counted', async () => {
    await book();
    const expiresAt = await later('1 day');
    const payers = await Promise.all(Array.from({ length: 3 }, () => makePayer(db.pool)));
    for (const payer of payers) await give(db.pool, payer, usd('1'), { expiresAt });
    await wait('2 days');
    expect(await bookAllStoppedGrants(db.pool, 1)).toBe(3);
    for (const payer of payers) {
      expect(await reasons(payer)).toEqual([['credit.expire', usd('1')]]);
    }
  });
});

describe('a frozen grant that also expires', () => {
  async function frozenThenExpired() {
    const payer = await makePayer(db.pool);
    const { organizationId } = payer;
    const expiresAt = await later('1 day');
    const { grantId } = await give(db.pool, payer, usd('10'), { expiresAt });
    const early = await hold(node.charging, payer, usd('4'));
    const dispute = { organizationId, reference: 'dp' };
    const frozen = await db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId }));
    expect(frozen).toEqual({ outcome: 'frozen', amount: usd('6') });
    await wait('2 days');
    await settle(node.charging, payer, early.id, usd('1'));
    await book();
    // What was frozen stays frozen; the three dollars that the hold left have expired.
    expect(await reasons(payer)).toEqual([
      ['dispute.freeze', usd('6')],
      ['credit.expire', usd('3')],
    ]);
    return { payer, dispute };
  }

  test('gets exactly that back if the dispute is won, and it expires when it is back', async () => {
    const { payer, dispute } = await frozenThenExpired();
    expect(await db.pool.transaction((tx) => releaseFreeze(tx, dispute))).toEqual({
      outcome: 'released',
      amount: usd('6'),
    });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: 0n,
      frozen: 0n,
    });
    await book();
    const [, , released, expired] = await booked(payer);
    expect([released?.reason, expired?.reason]).toEqual(['dispute.release', 'credit.expire']);
    expect(expired?.amount).toBe(usd('6'));
    // Seen by effective time, nothing expires that is not there.
    expect(expired?.at.getTime()).toBeGreaterThanOrEqual(released?.at.getTime() ?? Infinity);
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('F60: is taken once if it is lost: frozen, spent and expired part each where it is', async () => {
    const { payer, dispute } = await frozenThenExpired();
    expect(await db.pool.transaction((tx) => seizeFreeze(tx, dispute))).toEqual({
      outcome: 'seized',
      seized: usd('6'),
      debt: usd('1'),
      breakage: usd('3'),
      tax: 0n,
      released: 0n,
    });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ debt: usd('1') });
    expect(await book()).toBe(0);
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });
});
