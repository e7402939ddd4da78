import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '#kernel/ids';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, recordOf, usd } from '#test/ledger-world';

let db: TestDatabase;
let lane: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  lane = chargingOn(db.url);
});
afterAll(async () => {
  await lane.close();
  await db.drop();
});

test('F28: a settlement booked later keeps its time, within its hold and now', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('10'));
  const [before, within, after] = [
    await hold(lane.charging, payer, usd('1')),
    await hold(lane.charging, payer, usd('1')),
    await hold(lane.charging, payer, usd('1')),
  ];
  // The hold's time has microseconds, a Date none: a Date made now may be the earlier of the two.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const delivered = new Date();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const settleAt = (id: RequestId, happenedAt: Date) =>
    lane.charging.settle({
      organizationId: payer.organizationId,
      requestId: id,
      resolution: 'settle',
      cost: usd('0.5'),
      record: recordOf(payer),
      happenedAt,
    });
  await Promise.all([
    settleAt(before.id, new Date(0)),
    settleAt(within.id, delivered),
    settleAt(after.id, new Date('2100-01-01')),
  ]);
  const rows = await db.pool.query<{ id: string; early: boolean; late: boolean; at: Date }>({
    text: `SELECT e.reference AS id, e.happened_at = h.placed_at AS early,
                  e.happened_at = e.recorded_at AS late, e.happened_at AS at
             FROM ledger.entries e
             JOIN ledger.holds h ON h.organization_id = e.organization_id AND h.id = e.reference
            WHERE e.organization_id = $1`,
    values: [payer.organizationId],
  });
  const found = new Map(rows.map((row) => [row.id, row]));
  expect(found.get(before.id)).toMatchObject({ early: true, late: false });
  expect(found.get(within.id)).toMatchObject({ early: false, late: false, at: delivered });
  expect(found.get(after.id)).toMatchObject({ early: false, late: true });
});
