import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expireLapsedHolds } from '#charging/lapse';
import type { Pool } from '#db/pool';
import { readBalance } from '#ledger/balance';
import { accountKind, FLOWS } from '#ledger/flows';
import { byBurnDown } from '#ledger/grants';
import { verifyLedger } from '#ledger/reconcile';
import { readStatement } from '#ledger/statement';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, settle, usd } from '#test/ledger-world';

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

const DAY = 86_400_000;
const businessNow = async (pool: Pool): Promise<Date> => {
  const [row] = await pool.query<{ now: Date }>({ text: 'SELECT bursar.now() AS now' });
  if (row === undefined) throw new Error('no clock');
  return row.now;
};
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

describe('grants', () => {
  test('F51: one payment makes one grant however often and however concurrently it is told', async () => {
    const payer = await makePayer(db.pool);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => give(db.pool, payer, usd('5'), { source: 'pi_same' })),
    );
    expect(outcomes.filter((o) => o.outcome === 'issued')).toHaveLength(1);
    expect(new Set(outcomes.map((o) => o.grantId)).size).toBe(1);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('5'),
    });
  });

  test('a purchase books money in, credit and tax, and leaves clearing at zero', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('20'), { tax: usd('4.6') });
    const rows = await db.pool.query<{ reason: string; amount: bigint }>({
      text: `SELECT reason, amount_nanos AS amount FROM ledger.entries
              WHERE organization_id = $1 ORDER BY line`,
      values: [payer.organizationId],
    });
    expect(rows).toEqual([
      { reason: 'payment.received', amount: usd('24.6') },
      { reason: 'credit.purchase', amount: usd('20') },
      { reason: 'payment.tax', amount: usd('4.6') },
    ]);
  });

  test('F85: credit bought on 29 February expires on 1 March, others a calendar year later', async () => {
    const payer = await makePayer(db.pool);
    const when = async (at: string) =>
      (await give(db.pool, payer, usd('5'), { happenedAt: new Date(at) })).expiresAt.toISOString();
    expect(await when('2028-02-29T10:00:00Z')).toBe('2029-03-01T10:00:00.000Z');
    expect(await when('2026-11-21T23:59:59Z')).toBe('2027-11-21T23:59:59.000Z');
    expect(await when('2027-02-28T00:00:00Z')).toBe('2028-02-28T00:00:00.000Z');
  });

  test('F93: a grant beyond the ledger is refused whole', async () => {
    const payer = await makePayer(db.pool);
    expect(await refusal(give(db.pool, payer, usd('999999999')))).toBe('accepted');
    const tooLarge = db.pool.query({
      text: `INSERT INTO ledger.grants (organization_id, id, kind, amount_nanos, source, granted_at,
               expires_at) VALUES ($1, 'g', 'purchase', $2, 's', bursar.now(), bursar.now())`,
      values: [payer.organizationId, 2n ** 63n - 1n],
    });
    expect(await refusal(tooLarge)).toMatch(/check constraint/);
  });

  test('burn-down takes the soonest expiry, then promotional, then the oldest', async () => {
    const payer = await makePayer(db.pool);
    const now = await businessNow(db.pool);
    const at = (days: number) => new Date(now.getTime() + days * DAY);
    await give(db.pool, payer, usd('1'), { expiresAt: at(30) });
    await give(db.pool, payer, usd('1'), { kind: 'promotional', expiresAt: at(30) });
    await give(db.pool, payer, usd('1'), { expiresAt: at(10) });
    await give(db.pool, payer, usd('1'), { expiresAt: at(30), happenedAt: at(-5) });
    const before = await readBalance(db.pool, payer.organizationId);
    const order = await db.pool.query<{ id: string }>({
      text: `SELECT id FROM ledger.grants WHERE organization_id = $1
              ORDER BY expires_at, paid, granted_at, id`,
      values: [payer.organizationId],
    });
    expect(before.grants.map((g) => g.id)).toEqual(order.map((row) => row.id));
    expect([...before.grants].reverse().sort(byBurnDown)).toEqual(before.grants);
    expect(before.grants.map((g) => g.kind)).toEqual([
      'purchase',
      'promotional',
      'purchase',
      'purchase',
    ]);
    const { id } = await hold(node.charging, payer, usd('3'));
    await settle(node.charging, payer, id, usd('2.5'));
    const after = await readBalance(db.pool, payer.organizationId);
    expect(after.grants.map((g) => g.remaining)).toEqual([0n, 0n, usd('0.5'), usd('1')]);
  });

  test('F87: a charge over many grants with single nanos left is exact', async () => {
    const payer = await makePayer(db.pool);
    for (let i = 0; i < 50; i++) await give(db.pool, payer, usd('0.000000001'));
    await give(db.pool, payer, usd('1'));
    const { id } = await hold(node.charging, payer, usd('0.5'));
    expect(await settle(node.charging, payer, id, usd('0.5'))).toMatchObject({
      charged: usd('0.5'),
      available: usd('0.50000005'),
    });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });
});

describe('expiry needs no job to be true', () => {
  test('F82, F84: credit is usable until the instant it expires and not at it', async () => {
    const payer = await makePayer(db.pool);
    const now = await businessNow(db.pool);
    await give(db.pool, payer, usd('1'), { expiresAt: new Date(now.getTime() + DAY) });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ available: usd('1') });
    await db.pool.query({ text: `SELECT bursar.advance_clock('1 day')` });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: 0n,
      grants: [{ state: 'expired', remaining: usd('1') }],
    });
    expect(await hold(node.charging, payer, usd('0.000000001'))).toMatchObject({
      outcome: 'insufficient_credit',
      available: 0n,
    });
  });

  test('F83: a hold taken before stays spendable; what it leaves has expired', async () => {
    const payer = await makePayer(db.pool);
    const now = await businessNow(db.pool);
    await give(db.pool, payer, usd('1'), { expiresAt: new Date(now.getTime() + DAY) });
    await give(db.pool, payer, usd('2'));
    const early = await hold(node.charging, payer, usd('0.6'));
    await db.pool.query({ text: `SELECT bursar.advance_clock('2 days')` });
    // 0.6 of the expired dollar still covers the hold: all of the other grant is free.
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('2'),
      held: usd('0.6'),
    });
    const all = await hold(node.charging, payer, usd('2'));
    expect(all).toMatchObject({ outcome: 'held', available: 0n });
    expect(await settle(node.charging, payer, early.id, usd('0.5'))).toMatchObject({
      charged: usd('0.5'),
      available: 0n,
    });
    expect(await settle(node.charging, payer, all.id, usd('2'))).toMatchObject({
      charged: usd('2'),
      available: 0n,
    });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });
});

describe('the database refuses what the code would never do', () => {
  test('entries cannot be changed, removed or truncated, not even by the owner', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    for (const pool of [db.pool, db.ownerPool]) {
      const attempts = [
        'UPDATE ledger.entries SET amount_nanos = 1',
        'DELETE FROM ledger.entries',
        'TRUNCATE ledger.entries',
      ];
      for (const text of attempts) {
        expect(await refusal(pool.query({ text }))).toMatch(/permission denied|never changed/);
      }
    }
  });

  test('the application cannot rewrite what a grant promised', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    for (const change of ['amount_nanos = 1', 'expires_at = bursar.now()', `source = 'x'`]) {
      const attempt = db.pool.query({ text: `UPDATE ledger.grants SET ${change}` });
      expect(await refusal(attempt)).toMatch(/permission denied/);
    }
  });

  test('a grant cannot fall below zero', async () => {
    const payer = await makePayer(db.pool);
    const { grantId } = await give(db.pool, payer, usd('1'));
    const overdraw = db.pool.query({
      text: `SELECT ledger.post($1, 'x', '{usage.settle}', ARRAY['grant:' || $2::text], '{revenue}',
               '{1000000001}', bursar.now(), bursar.now())`,
      values: [payer.organizationId, grantId],
    });
    expect(await refusal(overdraw)).toMatch(/grant_floor/);
  });

  test('the permitted flows are the same table in code and in the database', async () => {
    const kinds = [...new Set(Object.values(FLOWS).flatMap((f) => [f.from, f.to]))];
    const account = (kind: string) => (kind === 'grant' ? 'grant:g1' : kind);
    const asked = Object.keys(FLOWS).flatMap((reason) =>
      kinds.flatMap((from) => kinds.map((to) => ({ reason, from, to }))),
    );
    const rows = await db.pool.query<{ reason: string; from: string; to: string }>({
      text: `SELECT reason, f AS "from", t AS "to"
               FROM unnest($1::text[], $2::text[], $3::text[]) AS a (f, t, reason)
              WHERE ledger.flow_allowed(f, t, reason)`,
      values: [
        asked.map((a) => account(a.from)),
        asked.map((a) => account(a.to)),
        asked.map((a) => a.reason),
      ],
    });
    const permitted = rows.map((r) => [r.reason, accountKind(r.from), accountKind(r.to)]);
    expect(permitted.sort()).toEqual(
      Object.entries(FLOWS)
        .map(([reason, f]) => [reason, f.from, f.to])
        .sort(),
    );
  });

  test('a move of money that no flow permits is refused', async () => {
    const payer = await makePayer(db.pool);
    const { grantId } = await give(db.pool, payer, usd('1'));
    const gift = db.pool.query({
      text: `SELECT ledger.post($1, 'x', '{credit.adjustment}', '{revenue}',
               ARRAY['grant:' || $2::text], '{1}', bursar.now(), bursar.now())`,
      values: [payer.organizationId, grantId],
    });
    expect(await refusal(gift)).toMatch(/not permitted|grant_ceiling/);
    const leak = db.pool.query({
      text: `SELECT ledger.post($1, 'x', '{usage.settle}', ARRAY['grant:' || $2::text],
               '{promo_expense}', '{1}', bursar.now(), bursar.now())`,
      values: [payer.organizationId, grantId],
    });
    expect(await refusal(leak)).toMatch(/not permitted/);
  });

  test('the clock moves only with the simulators, and only forward', async () => {
    expect(await refusal(db.pool.query({ text: `SELECT bursar.advance_clock('-1 s')` }))).toMatch(
      /only moves forward/,
    );
    const own = await testDatabase();
    try {
      const move = own.pool.query({ text: `SELECT bursar.advance_clock('1 day')` });
      expect(await refusal(move)).toMatch(/only with the simulators/);
    } finally {
      await own.drop();
    }
  });
});

test('the statement lists every move of credit, newest first, in pages without a gap', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  for (let i = 0; i < 5; i++) {
    const { id } = await hold(node.charging, payer, usd('1'));
    await settle(node.charging, payer, id, usd('0.1'));
  }
  const first = await readStatement(db.pool, payer.organizationId, { limit: 4 });
  const last = first.lines.at(-1);
  if (last === undefined) throw new Error('an empty page');
  const second = await readStatement(db.pool, payer.organizationId, { limit: 4, before: last.seq });
  expect([first.hasMore, second.hasMore]).toEqual([true, false]);
  expect([...first.lines, ...second.lines].map((l) => [l.kind, l.amount])).toEqual([
    ...Array.from({ length: 5 }, () => ['usage.settle', -usd('0.1')]),
    ['credit.purchase', usd('5')],
  ]);
});

test('the sweeper books lapsed holds and frees nothing twice', async () => {
  const dying = chargingOn(db.url, { leaseMs: 20 });
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1'));
  await hold(dying.charging, payer, usd('1'));
  await dying.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  const swept = await Promise.all([expireLapsedHolds(db.pool, 10), expireLapsedHolds(db.pool, 10)]);
  expect(Math.max(...swept)).toBeGreaterThan(0);
  expect(await expireLapsedHolds(db.pool, 10)).toBe(0);
  expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ available: usd('1') });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

describe('verification', () => {
  const planted: readonly [string, string][] = [
    ['stored_balances_replay', 'UPDATE ledger.grants SET remaining_nanos = remaining_nanos - 1'],
    ['held_is_the_sum_of_open_holds', 'UPDATE ledger.books SET held_nanos = held_nanos + 1'],
    ['sequence_has_no_gap', 'UPDATE ledger.books SET next_transaction = next_transaction + 1'],
    [
      'charges_are_entries',
      `UPDATE ledger.holds SET charged_nanos = charged_nanos + 1 WHERE state = 'settled'`,
    ],
    ['every_grant_was_booked_once', 'UPDATE ledger.grants SET amount_nanos = amount_nanos + 1'],
  ];
  test.each(planted)('%s is violated by a planted change, and says where', async (name, text) => {
    const own = await testDatabase();
    const lane = chargingOn(own.url);
    try {
      const payer = await makePayer(own.pool);
      await give(own.pool, payer, usd('5'));
      const { id } = await hold(lane.charging, payer, usd('1'));
      await settle(lane.charging, payer, id, usd('1'));
      expect(await verifyLedger(own.pool)).toMatchObject({ ok: true, entries: 3n });
      await own.ownerPool.query({ text });
      const result = await verifyLedger(own.pool);
      const failed = result.checks.filter((c) => !c.ok);
      expect(result.ok).toBe(false);
      expect(failed.map((c) => c.name)).toContain(name);
      expect(failed.flatMap((c) => c.violations).join()).toContain(payer.organizationId);
    } finally {
      await lane.close();
      await own.drop();
    }
  });
});
