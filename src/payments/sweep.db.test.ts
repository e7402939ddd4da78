import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseUsd } from '#kernel/money';
import { sweepEvents } from '#payments/sweep';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

async function paid(): Promise<{
  org: Parameters<PaymentsWorld['available']>[0];
  payment: string;
}> {
  const org = await world.organization();
  const told = await world.pay(await world.begin(org, '5'));
  return { org, payment: String(Reflect.get(Object(told), 'payment_intent')) };
}

/** As where the database breaks off while this payment is settled. */
const breakingAt = (payment: string) => ({
  ...world.deps,
  processor: {
    ...world.deps.processor,
    retrievePayment: async (id: string) => {
      if (id === payment) throw new Error('connection terminated');
      return world.deps.processor.retrievePayment(id);
    },
    retrieveCheckout: async (id: string) => {
      const page = await world.deps.processor.retrieveCheckout(id);
      const paid = page.outcome === 'found' ? page.checkout.paymentIntentId : null;
      if (paid === payment) throw new Error('connection terminated');
      return page;
    },
  },
});

async function cursor() {
  const [row] = await world.db.ownerPool.query<{ after: string | null; tries: number }>({
    text: `SELECT last_event_id AS after, failing_tries AS tries FROM payments.event_cursor`,
  });
  return row;
}

const passedOver = () =>
  world.log.filter((line) => line.message === 'an event cannot be worked and is passed over');

it('an event whose work broke off is worked again by the next sweep', async () => {
  const { org, payment } = await paid();
  await sweepEvents(breakingAt(payment));
  expect(await world.available(org)).toBe(0n);
  await sweepEvents(world.deps);
  expect(await world.available(org)).toBe(parseUsd('5'));
  expect((await cursor())?.tries).toBe(0);
});

it('an event that can never be worked is told and passed over after ten tries', async () => {
  const poisoned = await paid();
  const other = await paid();
  const deps = breakingAt(poisoned.payment);
  await sweepEvents(deps);
  expect(await world.available(other.org)).toBe(parseUsd('5'));
  const held = await cursor();
  for (let sweep = 2; sweep <= 9; sweep++) await sweepEvents(deps);
  expect(await cursor()).toEqual({ after: held?.after, tries: 9 });
  expect(passedOver()).toHaveLength(0);
  await sweepEvents(deps);
  expect(passedOver()).toHaveLength(1);
  expect(await cursor()).toMatchObject({ tries: 0 });
  expect((await cursor())?.after).not.toBe(held?.after);

  // What comes after it is met as if nothing had been.
  const later = await paid();
  await sweepEvents(deps);
  expect(await world.available(later.org)).toBe(parseUsd('5'));
});

it('a sweep that begins without a position leaves nothing of the last day to others', async () => {
  const older = await paid();
  // More events than one answer of the processor holds come after it.
  for (let more = 0; more < 51; more++) await paid();
  await world.db.ownerPool.query({
    text: `UPDATE payments.event_cursor SET last_event_id = 'evt_forgotten'`,
  });
  await sweepEvents(world.deps);
  expect(await world.available(older.org)).toBe(parseUsd('5'));
});

it('a processor that cannot be asked uses up no tries', async () => {
  const { org, payment } = await paid();
  await sweepEvents(breakingAt(payment));
  await world.faults({ api: 'down' });
  for (let sweep = 0; sweep < 3; sweep++) await sweepEvents(world.deps);
  await world.faults({ api: 'normal' });
  expect(await cursor()).toMatchObject({ tries: 1 });
  await sweepEvents(world.deps);
  expect(await world.available(org)).toBe(parseUsd('5'));
});
