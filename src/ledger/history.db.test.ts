import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { type TestDatabase, testDatabase } from '#test/database';
import { LedgerModel } from '#test/ledger-model';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  settle,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  // Only the test clock may move time here, or an expiry could fall between model and database.
  await db.ownerPool.query({
    text: `CREATE OR REPLACE FUNCTION bursar.now() RETURNS timestamptz LANGUAGE sql STABLE AS
           $$ SELECT '2026-11-21T00:00:00Z'::timestamptz + clock_offset FROM bursar.deployment $$`,
  });
  node = chargingOn(db.url, { leaseMs: 600_000 });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

type Step =
  | { does: 'grant'; amount: bigint; days: number; kind: 'purchase' | 'promotional' }
  | { does: 'hold'; amount: bigint }
  | { does: 'settle'; which: number; percent: bigint }
  | { does: 'void'; which: number }
  | { does: 'wait'; days: number };

const amount = fc.oneof(
  fc.bigInt({ min: 1n, max: 9n }),
  fc.bigInt({ min: 1n, max: 3_000_000_000n }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('grant' as const),
      amount,
      days: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom('purchase' as const, 'promotional' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('hold' as const), amount }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('settle' as const),
      which: fc.nat(20),
      percent: fc.constantFrom(0n, 1n, 37n, 99n, 100n, 140n),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('void' as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('wait' as const),
      days: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

const DAY = 86_400_000;

async function businessNow(): Promise<Date> {
  const [row] = await db.pool.query<{ now: Date }>({ text: 'SELECT bursar.now() AS now' });
  if (row === undefined) throw new Error('no clock');
  return row.now;
}

async function replay(steps: readonly Step[]): Promise<void> {
  const payer = await makePayer(db.pool);
  const model = new LedgerModel();
  const open: { id: RequestId; amount: bigint }[] = [];
  const take = (which: number) => open.splice(which % Math.max(open.length, 1), 1)[0];
  for (const s of steps) {
    const now = await businessNow();
    model.now = now.getTime();
    if (s.does === 'grant') {
      const expiresAt = new Date(now.getTime() + s.days * DAY);
      const { grantId } = await give(db.pool, payer, nanos(s.amount), { kind: s.kind, expiresAt });
      model.grant(grantId, s.kind, s.amount, now, expiresAt);
    } else if (s.does === 'hold') {
      const id = newRequest();
      const real = await hold(node.charging, payer, nanos(s.amount), id);
      expect(real.outcome).toBe(model.hold(id, s.amount));
      if (real.outcome === 'held') open.push({ id, amount: s.amount });
    } else if (s.does === 'wait') {
      await db.pool.query({
        text: 'SELECT bursar.advance_clock(make_interval(days => $1))',
        values: [s.days],
      });
      model.now = (await businessNow()).getTime();
    } else {
      const target = take(s.which);
      if (target === undefined) continue;
      if (s.does === 'void') {
        await voidHold(node.charging, payer, target.id);
        model.void(target.id);
      } else {
        const cost = nanos((target.amount * s.percent) / 100n);
        const real = await settle(node.charging, payer, target.id, cost);
        expect(real).toMatchObject({ outcome: 'settled', charged: model.settle(target.id, cost) });
      }
    }
    const balance = await readBalance(db.pool, payer.organizationId);
    expect(balance).toMatchObject({ available: model.available, held: model.held });
    expect(balance.available).toBeGreaterThanOrEqual(0n);
    expect(balance.grants.map((g) => [g.id, g.remaining])).toEqual(
      model.grants.map((g) => [g.id, g.remaining]),
    );
  }
}

test('any history of grants, holds, settlements and time agrees with the plain model', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), replay), {
    numRuns: 60,
    endOnFailure: false,
  });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});
