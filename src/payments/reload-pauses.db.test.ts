import { afterAll, beforeAll, expect, test } from 'vitest';
import { ZERO } from '#kernel/money';
import { syncDispute } from '#payments/disputes';
import { reloadPauses, resumeAfterLoss } from '#payments/reload-pauses';
import { usd } from '#test/ledger-world';
import { type Credited, type MoneyBackWorld, moneyBackWorld } from '#test/money-back';

let world: MoneyBackWorld;
beforeAll(async () => {
  world = await moneyBackWorld();
});
afterAll(() => world.close());

const paused = async (of: Credited) =>
  (await reloadPauses(world.db.pool, of.payer.organizationId)).map((pause) => pause.subject);
const askedAgain = (of: Credited) =>
  world.db.ownerPool.query({
    text: `SELECT 1 FROM graphile_worker._private_jobs AS p
      JOIN graphile_worker.jobs AS j ON j.id = p.id
      WHERE p.payload ->> 'organization_id' = $1 AND j.task_identifier = 'credit_low'`,
    values: [of.payer.organizationId],
  });
const resume = (id: string) => world.db.pool.transaction((tx) => resumeAfterLoss(tx, id));

/** $10, of which $4 are spent, of an organization that has auto-reload; and a dispute of it. */
async function disputed() {
  const of = await world.credited(usd('10'), ZERO);
  await world.spend(of.payer, usd('4'));
  await world.db.ownerPool.query({
    text: `INSERT INTO payments.auto_reload (organization_id, enabled, threshold_nanos, target_nanos,
        max_per_day, changed_by) VALUES ($1, false, 1, 2, 3, 'user_1')`,
    values: [of.payer.organizationId],
  });
  const dispute = world.office.dispute(of.payment, usd('10'));
  await syncDispute(world.deps, dispute.id);
  return { of, dispute };
}

test('while a payment is disputed nothing is bought by itself; won, it is asked again at once', async () => {
  const { of, dispute } = await disputed();
  expect(await paused(of)).toEqual([dispute.id]);
  expect(await askedAgain(of)).toEqual([]);
  world.office.decide(dispute, 'won');
  await syncDispute(world.deps, dispute.id);
  expect(await paused(of)).toEqual([]);
  expect(await askedAgain(of)).toHaveLength(1);
});

test('after a loss it stays paused until an operator lets it go on, and the debt stays', async () => {
  const { of, dispute } = await disputed();
  expect(await resume(dispute.id)).toEqual({ outcome: 'not_lost' });
  world.office.decide(dispute, 'lost');
  await syncDispute(world.deps, dispute.id);
  expect(await paused(of)).toEqual([dispute.id]);
  expect(await askedAgain(of)).toEqual([]);
  const { organizationId } = of.payer;
  expect(await resume(dispute.id)).toEqual({ outcome: 'resumed', organizationId });
  expect(await askedAgain(of)).toHaveLength(1);
  expect((await world.balance(of.payer)).debt).toBe(usd('4'));
  // Reading it again does not pause again.
  await syncDispute(world.deps, dispute.id);
  expect(await paused(of)).toEqual([]);
  expect(await resume(dispute.id)).toEqual({ outcome: 'not_paused' });
  expect(await resume('du_none')).toEqual({ outcome: 'unknown_dispute' });
});
