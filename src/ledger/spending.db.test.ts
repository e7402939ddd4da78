import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos, sum } from '#kernel/money';
import {
  addUpSpending,
  addUpSpendingOf,
  readSpending,
  readUsableCredit,
  sliceOf,
} from '#ledger/spending';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let payer: Payer;
let of: OrganizationId;

beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  of = payer.organizationId;
  await give(db.pool, payer, usd('1000'));
});

async function spend(amount: NanoUsd): Promise<void> {
  const held = await hold(node.charging, payer, amount);
  if (held.outcome !== 'held') throw new Error(held.outcome);
  await settle(node.charging, payer, held.id, amount);
}
const later = (interval: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [interval] });
const daysAgo = async (days: number): Promise<Date> => {
  const { now } = await readUsableCredit(db.pool, of);
  return sliceOf(new Date(now.getTime() - days * 86_400_000));
};
/** What it should say: entries, in slices, without any sums. */
async function fromEntries(since: Date): Promise<unknown> {
  const rows = await db.pool.query<{ at: Date; spent: string }>({
    text: `SELECT to_timestamp(floor(extract(epoch FROM happened_at) / 300) * 300) AS at,
             sum(amount_nanos)::text AS spent FROM ledger.entries
            WHERE organization_id = $1 AND reason = 'usage.settle'
            GROUP BY 1 HAVING min(happened_at) >= $2 ORDER BY 1`,
    values: [of, since],
  });
  return rows.map(({ at, spent }) => ({ at, spent: nanos(BigInt(spent)) }));
}

test('spending is told exactly, whether none, some or all of it was added up', async () => {
  const amounts = ['1.5', '0.000000001', '7', '2', '3'].map(usd);
  for (const amount of amounts) {
    await spend(amount);
    await later('4 minutes');
  }
  const since = await daysAgo(30);
  const expected = await fromEntries(since);
  expect(await readSpending(db.pool, of, since)).toEqual(expected);
  await db.pool.query({ text: 'SELECT ledger.add_up_spending($1, 2)', values: [of] });
  expect(await readSpending(db.pool, of, since)).toEqual(expected);
  await addUpSpendingOf(db.pool, of, 2);
  await addUpSpendingOf(db.pool, of);
  const told = await readSpending(db.pool, of, since);
  expect(told).toEqual(expected);
  expect(sum(told.map(({ spent }) => spent))).toBe(sum(amounts));
});

test('what is spent after the sums is told too, in the same slice', async () => {
  await spend(usd('1'));
  await addUpSpendingOf(db.pool, of);
  await spend(usd('2'));
  const told = await readSpending(db.pool, of, await daysAgo(30));
  expect(sum(told.map(({ spent }) => spent))).toBe(usd('3'));
  await addUpSpendingOf(db.pool, of);
  expect(await readSpending(db.pool, of, await daysAgo(30))).toEqual(told);
});

test('many at once add up what one does', async () => {
  for (let i = 0; i < 12; i += 1) await spend(usd('1'));
  await Promise.all(Array.from({ length: 8 }, () => addUpSpendingOf(db.pool, of, 3)));
  const told = await readSpending(db.pool, of, await daysAgo(30));
  expect(sum(told.map(({ spent }) => spent))).toBe(usd('12'));
});

test('only what credit paid counts: no expiry, no grant, no other organization', async () => {
  const other = await makePayer(db.pool);
  await give(db.pool, other, usd('5'));
  await spend(usd('4'));
  await addUpSpendingOf(db.pool, of);
  expect(await readSpending(db.pool, other.organizationId, await daysAgo(30))).toEqual([]);
  const told = await readSpending(db.pool, of, await daysAgo(30));
  expect(told.map(({ spent }) => spent)).toEqual([usd('4')]);
});

test('what is older than anybody asks for is skipped, and forgotten', async () => {
  await spend(usd('1'));
  await spend(usd('2'));
  await later('20 days');
  await spend(usd('4'));
  await later('20 days');
  await spend(usd('8'));
  await addUpSpendingOf(db.pool, of, 1);
  const kept = () =>
    db.pool.query({
      text: `SELECT spent_nanos::text AS spent FROM ledger.spending
              WHERE organization_id = $1 ORDER BY slice_at`,
      values: [of],
    });
  expect(await kept()).toEqual([{ spent: '4000000000' }, { spent: '8000000000' }]);
  await later('20 days');
  await spend(usd('16'));
  await addUpSpendingOf(db.pool, of);
  expect(await kept()).toEqual([{ spent: '8000000000' }, { spent: '16000000000' }]);
});

test('the timer leaves organizations alone that have little to add', async () => {
  await spend(usd('1'));
  await addUpSpending(db.pool);
  const upto = await db.pool.query({
    text: 'SELECT FROM ledger.spending_upto WHERE organization_id = $1',
    values: [of],
  });
  expect(upto).toEqual([]);
  expect(await readSpending(db.pool, of, await daysAgo(30))).toHaveLength(1);
});

test('usable credit is told in the order in which it is used, without what is over', async () => {
  const { now, since } = await readUsableCredit(db.pool, of);
  const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);
  await give(db.pool, payer, usd('5'), { expiresAt: inDays(2) });
  await give(db.pool, payer, usd('7'), { expiresAt: inDays(1) });
  const { grants } = await readUsableCredit(db.pool, of);
  expect(grants.map(({ remaining }) => remaining)).toEqual([usd('7'), usd('5'), usd('1000')]);
  expect(since).not.toBeNull();
  await later('36 hours');
  const tomorrow = await readUsableCredit(db.pool, of);
  expect(tomorrow.grants.map(({ remaining }) => remaining)).toEqual([usd('5'), usd('1000')]);
  expect(tomorrow.debt).toBe(0n);
});
