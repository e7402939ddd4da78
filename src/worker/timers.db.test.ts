import { afterAll, beforeAll, expect, test } from 'vitest';
import { give, makePayer, usd } from '#test/ledger-world';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';
import { timers } from '#worker/timers';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

test('expired credit becomes breakage by a timer, also when only the test clock has moved', async () => {
  const { pool } = world.deps;
  await world.db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const payer = await makePayer(pool);
  await give(pool, payer, usd('5'));
  const timer = timers(world.deps).find(({ name }) => name === 'book stopped grants');
  const booked = () =>
    pool.query({
      text: `SELECT amount_nanos AS amount FROM ledger.entries
              WHERE organization_id = $1 AND reason = 'credit.expire'`,
      values: [payer.organizationId],
    });
  await timer?.run();
  expect(await booked()).toEqual([]);
  await pool.query({ text: `SELECT bursar.advance_clock('366 days')` });
  await timer?.run();
  await timer?.run();
  expect(await booked()).toEqual([{ amount: usd('5') }]);
});
