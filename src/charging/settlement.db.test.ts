import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expireLapsedHolds } from '#charging/lapse';
import type { RequestId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { readHold } from '#ledger/holds';
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
} from '#test/ledger-world';
import { installVirtualClock, VirtualClock } from '#test/virtual-clock';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let clock: VirtualClock;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  await installVirtualClock(db.ownerPool);
  clock = new VirtualClock(db.pool);
  await clock.begin();
  node = chargingOn(db.url, { leaseMs: 10 * DAY });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
});

const held = async (amount: NanoUsd): Promise<RequestId> =>
  (await hold(node.charging, payer, amount, newRequest())).id;

/** What each grant paid for a request, in order. */
async function paidBy(id: RequestId) {
  const view = await readHold(db.pool, payer.organizationId, id);
  return view?.grants;
}

async function entryOf(id: RequestId) {
  const [entry] = await db.pool.query<{ happened_at: Date; recorded_at: Date }>({
    text: `SELECT happened_at, recorded_at FROM ledger.entries
            WHERE organization_id = $1 AND reference = $2`,
    values: [payer.organizationId, id],
  });
  return [entry?.happened_at.getTime(), entry?.recorded_at.getTime()];
}

test('of grants that expire together the gift is used up first, one by one and in a batch', async () => {
  const expiresAt = new Date(clock.business + DAY);
  await give(db.pool, payer, usd('5'), { expiresAt });
  const gift = await give(db.pool, payer, usd('5'), { expiresAt, kind: 'promotional' });
  const ids = [await held(usd('1')), await held(usd('1')), await held(usd('1'))];
  const [first, ...others] = ids;
  if (first !== undefined) await settle(node.charging, payer, first, usd('1'));
  await Promise.all(others.map((id) => settle(node.charging, payer, id, usd('1'))));
  for (const id of ids) expect(await paidBy(id)).toEqual([{ id: gift.grantId, amount: usd('1') }]);
});

test('two grants that stopped pay together what a hold was promised, and no more', async () => {
  const soon = new Date(clock.business + DAY);
  const a = await give(db.pool, payer, usd('1'), { expiresAt: soon });
  const b = await give(db.pool, payer, usd('5'), { expiresAt: new Date(soon.getTime() + 1) });
  const c = await give(db.pool, payer, usd('5'));
  const requestId = await held(usd('2'));
  await clock.set(soon.getTime() + SECOND);
  const { organizationId } = payer;
  await node.charging.extend({ organizationId, requestId, toAmount: usd('3') });
  await settle(node.charging, payer, requestId, usd('3'));
  expect(await paidBy(requestId)).toEqual(
    [a, b, c].map(({ grantId: id }) => ({ id, amount: usd('1') })),
  );
});

test('H4: the sweeper goes by real time, however far business time is ahead', async () => {
  await give(db.pool, payer, usd('5'), { expiresAt: new Date(clock.business + 99 * DAY) });
  const dying = chargingOn(db.url, { leaseMs: SECOND });
  const dead = await hold(dying.charging, payer, usd('1'));
  const living = await held(usd('1'));
  await clock.pass(2 * SECOND, 20 * DAY);
  await expireLapsedHolds(db.pool, 100);
  const stateOf = async (id: RequestId) =>
    (await readHold(db.pool, payer.organizationId, id))?.state;
  expect([await stateOf(dead.id), await stateOf(living)]).toEqual(['expired', 'open']);
  await dying.close();
});

describe('a settlement that was journaled', () => {
  const journaled = (requestId: RequestId, at: number) =>
    node.charging.settle({
      ...{ organizationId: payer.organizationId, requestId, resolution: 'settle' },
      ...{ cost: usd('1'), record: recordOf(payer), happenedAt: new Date(at) },
    });

  test('happened when it says and is recorded when it is booked, one by one and in a batch', async () => {
    await give(db.pool, payer, usd('5'));
    const ids = [await held(usd('1')), await held(usd('1')), await held(usd('1'))];
    const placed = clock.business;
    await clock.pass(600 * SECOND, 0);
    const [first, ...others] = ids;
    if (first !== undefined) await journaled(first, placed + SECOND);
    await Promise.all(others.map((id) => journaled(id, placed + SECOND)));
    for (const id of ids) expect(await entryOf(id)).toEqual([placed + SECOND, clock.business]);
  });

  test('F28: never happened before its hold, nor later than now', async () => {
    await give(db.pool, payer, usd('5'));
    const [early, late] = [await held(usd('1')), await held(usd('1'))];
    const placed = clock.business;
    await clock.pass(600 * SECOND, 0);
    await journaled(early, placed - SECOND);
    await journaled(late, clock.business + DAY);
    expect(await entryOf(early)).toEqual([placed, clock.business]);
    expect(await entryOf(late)).toEqual([clock.business, clock.business]);
  });
});
