import { afterAll, beforeAll, expect, it } from 'vitest';
import { advanceClock, declareSimulated } from '#db/deployment';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import type { PaymentsDeps } from '#payments/deps';
import { settlePayment } from '#payments/settle';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const HOUR_MS = 3_600_000;
const YEAR_DAYS = 366;

/** A settled purchase whose charge the processor dates `shiftMs` from now. */
async function settled(shiftMs: number): Promise<{ org: OrganizationId; chargedAt: Date }> {
  const org = await world.organization();
  const told = await world.pay(await world.begin(org, '5'));
  const payment = String(Reflect.get(Object(told), 'payment_intent'));
  let chargedAt = new Date(Number.NaN);
  const processor: PaymentsDeps['processor'] = {
    ...world.deps.processor,
    async retrievePayment(id) {
      const answer = await world.deps.processor.retrievePayment(id);
      if (answer.outcome !== 'found' || answer.payment.chargedAt === null) return answer;
      chargedAt = new Date(answer.payment.chargedAt.getTime() + shiftMs);
      return { ...answer, payment: { ...answer.payment, chargedAt } };
    },
  };
  const settlement = await settlePayment({ ...world.deps, processor }, payment, 'webhook');
  expect(settlement).toEqual({ outcome: 'credited' });
  return { org, chargedAt };
}

async function grantOf(org: OrganizationId) {
  const [row] = await world.db.ownerPool.query<{ granted: Date; expires: Date; year: Date }>({
    text: `SELECT granted_at AS granted, expires_at AS expires,
        bursar.one_year_after(granted_at) AS year
      FROM ledger.grants WHERE organization_id = $1`,
    values: [org],
  });
  if (row === undefined) throw new Error('no grant');
  expect(row.expires).toEqual(row.year);
  return row;
}

const now = async (): Promise<number> => {
  const [row] = await world.db.ownerPool.query<{ at: Date }>({ text: 'SELECT bursar.now() AS at' });
  return row?.at.getTime() ?? 0;
};

it('credit bought on a day we heard of late expires a year after the payment, not the news', async () => {
  const { org, chargedAt } = await settled(-24 * HOUR_MS);
  expect((await grantOf(org)).granted).toEqual(chargedAt);
});

it('the time is the one the processor gives its charge', async () => {
  const before = Math.floor((await now()) / 1000) * 1000;
  const { org, chargedAt } = await settled(0);
  expect((await grantOf(org)).granted).toEqual(chargedAt);
  expect(chargedAt.getTime()).toBeGreaterThanOrEqual(before);
});

it('a processor whose clock is ahead grants nothing from the future', async () => {
  const { org } = await settled(HOUR_MS);
  expect((await grantOf(org)).granted.getTime()).toBeLessThanOrEqual(await now());
});

it('credit bought after the test clock was moved past a year is not expired at once', async () => {
  await declareSimulated(world.deps.pool, true);
  await advanceClock(world.deps.pool, YEAR_DAYS * 24 * 3_600);
  const { org } = await settled(-HOUR_MS);
  expect((await readBalance(world.deps.pool, org)).available).toBe(parseUsd('5'));
  const age = (await now()) - (await grantOf(org)).granted.getTime();
  expect(age).toBeGreaterThanOrEqual(HOUR_MS);
  expect(age).toBeLessThan(HOUR_MS + 60_000);
});
