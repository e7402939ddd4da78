import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { readBalanceAsOf } from '#ledger/as-of';
import { type Balance, readBalance } from '#ledger/balance';
import { bookStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { sealLedger } from '#ledger/seals';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  recordOf,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  // Only the test clock moves time: an instant then has one state.
  for (const [name, kind] of [
    ['now', 'STABLE'],
    ['now_under_lock', 'VOLATILE'],
  ]) {
    await db.ownerPool.query({
      text: `CREATE OR REPLACE FUNCTION bursar.${name}() RETURNS timestamptz LANGUAGE sql ${kind} AS
             $$ SELECT '2026-11-21T00:00:00Z'::timestamptz + clock_offset FROM bursar.deployment $$`,
    });
  }
  node = chargingOn(db.url, { leaseMs: 600_000 });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

async function wait(seconds: number): Promise<Date> {
  const [row] = await db.pool.query<{ now: Date }>({
    text: 'SELECT bursar.advance_clock(make_interval(secs => $1)) AS now',
    values: [seconds],
  });
  if (row === undefined) throw new Error('no clock');
  return row.now;
}

const DAY = 86_400;

type Step =
  | { does: 'grant'; amount: bigint; days: number; kind: 'purchase' | 'promotional' }
  | { does: 'hold' | 'extend'; amount: bigint }
  | { does: 'settle'; which: number; percent: bigint }
  | { does: 'void'; which: number }
  | { does: 'freeze' | 'release'; which: number }
  | { does: 'book' | 'seal' }
  | { does: 'wait'; days: number };

const which = fc.nat(20);
const amountTo = (max: bigint) => fc.bigInt({ min: 1n, max });
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(
    3,
    fc.record({
      does: fc.constant('grant' as const),
      amount: amountTo(3_000_000_000n),
      days: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom('purchase' as const, 'promotional' as const),
    }),
  ),
  weighted(
    6,
    fc.record({
      does: fc.constantFrom('hold' as const, 'hold' as const, 'extend' as const),
      amount: amountTo(900_000_000n),
    }),
  ),
  weighted(
    2,
    fc.record({
      does: fc.constant('settle' as const),
      which,
      percent: fc.constantFrom(0n, 37n, 100n, 140n),
    }),
  ),
  weighted(1, fc.record({ does: fc.constant('void' as const), which })),
  weighted(
    2,
    fc.record({
      does: fc.constantFrom('freeze' as const, 'freeze' as const, 'release' as const),
      which,
    }),
  ),
  weighted(1, fc.record({ does: fc.constantFrom('book' as const, 'seal' as const) })),
  weighted(
    1,
    fc.record({ does: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 3 }) }),
  ),
);

class History {
  readonly payer: Payer;
  readonly #open: { id: RequestId; amount: bigint }[] = [];
  readonly #purchases: Awaited<ReturnType<typeof give>>['grantId'][] = [];
  readonly #disputes: string[] = [];

  constructor(payer: Payer) {
    this.payer = payer;
  }

  #take(which: number) {
    return this.#open.splice(which % Math.max(this.#open.length, 1), 1)[0];
  }

  async do(s: Step, now: Date): Promise<void> {
    if (s.does === 'grant') {
      const expiresAt = new Date(now.getTime() + s.days * DAY * 1000);
      const { kind } = s;
      const made = await give(db.pool, this.payer, nanos(s.amount), { kind, expiresAt });
      if (kind === 'purchase') this.#purchases.push(made.grantId);
    } else if (s.does === 'hold') {
      const id = newRequest();
      const { outcome } = await hold(node.charging, this.payer, nanos(s.amount), id);
      if (outcome === 'held') this.#open.push({ id, amount: s.amount });
    } else if (s.does === 'extend') {
      const [first] = this.#open;
      if (first === undefined) return;
      const toAmount = nanos(first.amount + s.amount);
      const { organizationId } = this.payer;
      const command = { organizationId, requestId: first.id, toAmount };
      const { outcome } = await node.charging.extend(command);
      if (outcome === 'held') first.amount = toAmount;
    } else if (s.does === 'settle') {
      const target = this.#take(s.which);
      if (target === undefined) return;
      const cost = nanos((target.amount * s.percent) / 100n);
      await settle(node.charging, this.payer, target.id, cost);
    } else if (s.does === 'void') {
      const target = this.#take(s.which);
      if (target !== undefined) await voidHold(node.charging, this.payer, target.id);
    } else if (s.does === 'freeze') {
      const grantId = this.#purchases[s.which % Math.max(this.#purchases.length, 1)];
      if (grantId === undefined) return;
      const reference = `dp_${this.#disputes.length}`;
      const { organizationId } = this.payer;
      const { outcome } = await db.pool.transaction((tx) =>
        freezeGrant(tx, { organizationId, reference, grantId }),
      );
      if (outcome === 'frozen') this.#disputes.push(reference);
    } else if (s.does === 'release') {
      const reference = this.#disputes[s.which % Math.max(this.#disputes.length, 1)];
      if (reference === undefined) return;
      const { organizationId } = this.payer;
      await db.pool.transaction((tx) => releaseFreeze(tx, { organizationId, reference }));
    } else if (s.does === 'book') await bookStoppedGrants(db.pool, 100);
    else if (s.does === 'seal') await sealLedger(db.pool);
    else if (s.does === 'wait') await wait(s.days * DAY);
  }
}

const shown = ({ grants, ...rest }: Balance) => ({
  ...rest,
  grants: grants.map(({ id, state, amount: of, remaining }) => [id, state, of, remaining]),
});

test('what a balance was at any moment can be read later, whatever happened since', async () => {
  const remember = async (steps: readonly Step[]): Promise<void> => {
    const history = new History(await makePayer(db.pool));
    const { organizationId } = history.payer;
    const moments: { at: Date; was: Balance }[] = [];
    for (const s of steps) {
      const now = await wait(1);
      await history.do(s, now);
      const at = s.does === 'wait' ? await wait(1) : now;
      moments.push({ at, was: await readBalance(db.pool, organizationId) });
    }
    for (const { at, was } of moments) {
      const then = await readBalanceAsOf(db.pool, organizationId, at, 'recorded');
      expect([at, shown(then)]).toEqual([at, shown(was)]);
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 45 }), remember), {
    numRuns: 25,
    endOnFailure: false,
  });
});

test('a payment booked late counts by effective time from when the money arrived', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const arrived = await wait(1);
  const booked = await wait(DAY);
  await give(db.pool, payer, usd('5'), { happenedAt: arrived });
  await wait(DAY);
  const at = async (when: Date, by: 'effective' | 'recorded') =>
    (await readBalanceAsOf(db.pool, organizationId, when, by)).available;
  const between = new Date(arrived.getTime() + 1000);
  expect([await at(between, 'effective'), await at(between, 'recorded')]).toEqual([usd('5'), 0n]);
  expect([await at(booked, 'effective'), await at(booked, 'recorded')]).toEqual([
    usd('5'),
    usd('5'),
  ]);
  expect(await at(new Date(arrived.getTime() - 1), 'effective')).toBe(0n);
});

test('a settlement booked late frees its hold, by effective time, when it took effect', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  await wait(1);
  await give(db.pool, payer, usd('5'));
  const { id } = await hold(node.charging, payer, usd('2'));
  const served = await wait(60);
  await wait(3600);
  await node.charging.settle({
    organizationId,
    requestId: id,
    resolution: 'settle',
    cost: usd('1'),
    record: recordOf(payer),
    happenedAt: served,
  });
  const then = new Date(served.getTime() + 1000);
  expect(await readBalanceAsOf(db.pool, organizationId, then, 'recorded')).toMatchObject({
    held: usd('2'),
    available: usd('3'),
  });
  expect(await readBalanceAsOf(db.pool, organizationId, then, 'effective')).toMatchObject({
    held: 0n,
    available: usd('4'),
    grants: [{ remaining: usd('4') }],
  });
});

test('what was owed and frozen at any moment can be read later, also when it is paid', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const dispute = { organizationId, reference: 'dp_debt' };
  const { grantId } = await give(db.pool, payer, usd('5'));
  const { id } = await hold(node.charging, payer, usd('2'));
  await settle(node.charging, payer, id, usd('2'));
  const moments = [await wait(1)];
  for (const happen of [
    () => db.pool.transaction((tx) => freezeGrant(tx, { ...dispute, grantId })),
    () => db.pool.transaction((tx) => seizeFreeze(tx, dispute)),
    () => give(db.pool, payer, usd('10')),
  ]) {
    await wait(1);
    await happen();
    moments.push(await wait(1));
  }
  const then = await Promise.all(
    moments.map((at) => readBalanceAsOf(db.pool, organizationId, at, 'recorded')),
  );
  expect(then.map(({ available, frozen, debt }) => [available, frozen, debt])).toEqual([
    [usd('3'), 0n, 0n],
    [0n, usd('3'), 0n],
    [0n, 0n, usd('2')],
    [usd('8'), 0n, 0n],
  ]);
});
