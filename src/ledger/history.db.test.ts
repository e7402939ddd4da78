import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyLedger } from '#ledger/reconcile';
import { type TestDatabase, testDatabase } from '#test/database';
import { historyStep, LEASE_MS, type Step } from '#test/ledger-history';
import { Teller } from '#test/ledger-teller';
import { chargingOn, makePayer, type Payer } from '#test/ledger-world';
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

async function replay(steps: readonly Step[]): Promise<Teller> {
  const payer = await makePayer(db.pool);
  const { charging } = node;
  const setClock = (now: number) => clock.set(now);
  const world = { pool: db.pool, charging, setClock };
  // Time only moves forward, also from one history to the next.
  const teller = new Teller(world, payer, [payer.apiKeyId], clock.business);
  for (const step of steps) await teller.tell(step);
  await sameEntries(payer, teller);
  return teller;
}

/** What was written, and as of when, to the microsecond. */
async function sameEntries(payer: Payer, { history }: Teller): Promise<void> {
  const entries = await db.pool.query<{ written: string }>({
    name: 'history.entries',
    text: `SELECT concat_ws(' ', transaction_no, reason, from_account, to_account, amount_nanos,
                  reference, (extract(epoch FROM happened_at) * 1000)::numeric(20, 3)) AS written
             FROM ledger.entries WHERE organization_id = $1 ORDER BY transaction_no, line`,
    values: [payer.organizationId],
  });
  const expected = history.ledger.entries.map((e) =>
    [e.transaction, e.reason, e.from, e.to, e.amount, e.reference, e.happenedAt.toFixed(3)].join(
      ' ',
    ),
  );
  expect(entries.map((entry) => entry.written)).toEqual(expected);
}

// Each was found at random once, and runs always.

test('H4: a late settlement books every lapse, so what those holds kept is breakage at once', async () => {
  const { history } = await replay([
    { does: 'grant', kind: 'purchase', amount: 2n, tax: 0n, days: 1 },
    { does: 'hold', amount: 1n, key: 0 },
    { does: 'hold', amount: 1n, key: 0 },
    { does: 'wait', hours: 300 },
    { does: 'settle', which: 0, percent: 0n },
    { does: 'void', which: 0, loss: 0n },
    { does: 'wait', hours: 1 },
    { does: 'book' },
  ]);
  const [grant] = history.ledger.grants;
  expect(grant).toMatchObject({ remaining: 0n, broken: 2n });
});

test('H4: a lapsed hold leaves the limits too, also where credit and not the limit was short', async () => {
  const { history } = await replay([
    { does: 'limit', level: 0, amount: 100n, pauses: true },
    { does: 'grant', kind: 'purchase', amount: 10n, tax: 0n, days: 6 },
    { does: 'hold', amount: 8n, key: 0 },
    { does: 'wait', hours: 1 },
    { does: 'hold', amount: 5n, key: 0 },
    { does: 'grant', kind: 'purchase', amount: 100n, tax: 0n, days: 6 },
    { does: 'hold', amount: 94n, key: 0 },
  ]);
  expect(history.ledger.held).toBe(99n);
});

const histories = fc.array(historyStep, { minLength: 5, maxLength: 40 });

test('I2, I3, I4, I8, I10, I11, I16: any history of all commands agrees with the plain model', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => void (await replay(steps))),
    {
      numRuns: 80,
      interruptAfterTimeLimit: 20_000,
    },
  );
});

test('I1, I5, I12, I17, I18, I19: what those histories left behind passes every check', async () => {
  const { checks } = await verifyLedger(db.pool, { mode: 'full' });
  expect(checks.flatMap(({ violations }) => violations)).toEqual([]);
});
