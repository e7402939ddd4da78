import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyLedger } from '#ledger/reconcile';
import { type TestDatabase, testDatabase } from '#test/database';
import { historyStep, LEASE_MS, type Step } from '#test/ledger-history';
import { Teller } from '#test/ledger-teller';
import { chargingOn, makePayer } from '#test/ledger-world';
import { installVirtualClock, VirtualClock } from '#test/virtual-clock';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let clock: VirtualClock;

beforeAll(async () => {
  db = await testDatabase();
  // Only the history may move time, or an expiry could fall between model and database.
  await installVirtualClock(db.ownerPool);
  clock = new VirtualClock(db.pool);
  await clock.begin();
  node = chargingOn(db.url, { leaseMs: LEASE_MS });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

async function replay(steps: readonly Step[]): Promise<void> {
  const payer = await makePayer(db.pool);
  const { charging } = node;
  const setClock = (now: number) => clock.set(now);
  const world = { pool: db.pool, charging, setClock };
  // Time only moves forward, also from one history to the next.
  const teller = new Teller(world, payer, [payer.apiKeyId], clock.business);
  for (const step of steps) await teller.tell(step);
}

const histories = fc.array(historyStep, { minLength: 5, maxLength: 40 });

test('I2, I3, I4, I8, I10, I11, I16: any history of all commands agrees with the plain model', async () => {
  await fc.assert(fc.asyncProperty(histories, replay), {
    numRuns: 80,
    interruptAfterTimeLimit: 20_000,
  });
});

test('I1, I5, I12, I17, I18, I19: what those histories left behind passes every check', async () => {
  const { checks } = await verifyLedger(db.pool);
  expect(checks.flatMap(({ violations }) => violations)).toEqual([]);
});
