import { afterAll, beforeAll, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { newId, type OrganizationId } from '#kernel/ids';
import { nanos, parseUsd, ZERO } from '#kernel/money';
import { reloadAsker } from '#payments/reload-asked';
import { saveReloadSettings } from '#payments/reload-settings';
import { systemEntropy } from '#src/system';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world?.close());

const queued = (organizationId: OrganizationId) =>
  world.db.ownerPool.query<{ cause: string }>({
    text: `SELECT payload ->> 'cause' AS cause FROM graphile_worker._private_jobs
       WHERE payload ->> 'organization_id' = $1 AND payload ->> 'cause' IS NOT NULL`,
    values: [organizationId],
  });
const settle = async (organizationId: OrganizationId, enabled: boolean) =>
  saveReloadSettings(
    world.deps,
    organizationId,
    {
      enabled,
      threshold: parseUsd('10') ?? ZERO,
      target: parseUsd('50') ?? ZERO,
      maxPerDay: 3,
      maxPerMonth: nanos(100n * 1_000_000_000n),
    },
    'user_ada',
  );

test('a request that is refused for credit has the question asked again, once in a while', async () => {
  const clock = manualClock(new Date());
  const ask = reloadAsker(world.db.pool, clock, { warn: () => {} });
  const organizationId = await world.organization();
  await settle(organizationId, true);
  for (let refused = 0; refused < 100; refused += 1) ask(organizationId);
  await expect.poll(() => queued(organizationId)).toEqual([{ cause: 'request_refused' }]);
  clock.advance(5_000);
  ask(organizationId);
  await expect.poll(() => queued(organizationId)).toHaveLength(1);
});

test('nothing is queued for who has it switched off, or never set it', async () => {
  const asked: OrganizationId[] = [];
  const ask = reloadAsker(world.db.pool, manualClock(new Date()), { warn: () => {} });
  const off = await world.organization();
  await settle(off, false);
  for (const one of [off, newId('organization', systemEntropy)]) {
    ask(one);
    asked.push(one);
  }
  // One that is on, asked last, tells when the others have been looked at.
  const on = await world.organization();
  await settle(on, true);
  ask(on);
  await expect.poll(() => queued(on)).toHaveLength(1);
  for (const one of asked) expect(await queued(one)).toEqual([]);
});
