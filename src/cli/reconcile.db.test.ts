import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweepEvents } from '#payments/sweep';
import { commandLine } from '#test/command-line';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
let bursar: ReturnType<typeof commandLine>;
beforeAll(async () => {
  world = await paymentsWorld();
  bursar = commandLine(world.db, world.deps);
});
afterAll(() => world.close());

test('without a difference it says so and exits with 0', async () => {
  const purchase = await world.begin(await world.organization(), '5');
  await world.pay(purchase);
  expect(await bursar('reconcile')).toMatchObject({
    exitCode: 0,
    told: { ok: true, differences: [], healed: 1, movements: 1 },
  });
  expect((await bursar.text('reconcile')).stdout).toMatch(/1 movements compared.*no difference/);
});

test('a difference is told in full with exit code 1, until it is gone', async () => {
  const purchase = await world.begin(await world.organization(), '5');
  await world.pay(purchase);
  await sweepEvents(world.deps);
  const tax = (nanos: number) =>
    world.db.ownerPool.query({
      text: 'UPDATE payments.purchases SET tax_nanos = $2 WHERE id = $1',
      values: [purchase.id, nanos],
    });
  await tax(1_000_000_000);
  const found = await bursar.text('reconcile', '--json');
  expect(found.exitCode).toBe(1);
  expect(JSON.parse(found.stdout)).toMatchObject({
    ok: false,
    differences: [
      {
        kind: 'grant_differs',
        purchase_id: purchase.id,
        organization_id: purchase.organizationId,
        happened_at: expect.stringMatching(/Z$/),
      },
      { kind: 'amount_differs', detail: '$5 taken, $6 sold' },
    ].sort((a, b) => (a.kind < b.kind ? -1 : 1)),
  });
  expect((await bursar.text('reconcile')).stdout).toContain('took another amount than was sold');
  await tax(0);
  expect(await bursar('reconcile')).toMatchObject({ exitCode: 0, told: { ok: true } });
});

test('a period can be named, and a processor that does not answer is no verdict', async () => {
  expect(await bursar('reconcile', '--from', 'yesterday')).toMatchObject({ code: 'invalid_time' });
  expect(await bursar('reconcile', '--from', '2026-02-01', '--to', '2026-01-01')).toMatchObject({
    code: 'invalid_range',
  });
  expect(await bursar('reconcile', '--to', '2026-01-01')).toMatchObject({
    told: { ok: true, movements: 0 },
  });
  await world.faults({ api: 'down' });
  expect(await bursar('reconcile')).toMatchObject({ exitCode: 1, code: 'processor_unavailable' });
  await world.faults({});
});
