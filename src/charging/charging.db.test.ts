import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expireLapsedHolds } from '#charging/lapse';
import { nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  recordOf,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let other: ReturnType<typeof chargingOn>;

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
  other = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await other.close();
  await db.drop();
});

const NEVER_MS = 2_147_483_647;

const clean = async () => expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });

describe('one request', () => {
  test('is held, settled for exactly its cost, and the rest is free again', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const held = await hold(node.charging, payer, usd('0.5'));
    expect(held).toMatchObject({ outcome: 'held', available: usd('4.5') });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('4.5'),
      held: usd('0.5'),
    });
    const settled = await settle(node.charging, payer, held.id, usd('0.123456789'));
    expect(settled).toEqual({
      outcome: 'settled',
      charged: usd('0.123456789'),
      available: usd('4.876543211'),
      flags: [],
    });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('4.876543211'),
      held: 0n,
    });
    await clean();
  });

  test('is resolved once: a second settlement tells what the first one charged', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const { id } = await hold(node.charging, payer, usd('1'));
    const both = await Promise.all([
      settle(node.charging, payer, id, usd('0.25')),
      settle(other.charging, payer, id, usd('0.25')),
    ]);
    expect(both.map((o) => o.outcome).sort()).toEqual(['already_resolved', 'settled']);
    expect(await voidHold(node.charging, payer, id)).toMatchObject({
      outcome: 'already_resolved',
      charged: usd('0.25'),
    });
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('4.75'),
    });
    await clean();
  });

  test('F2: a hold asked for twice by one id is one hold', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const id = newRequest();
    const first = await hold(node.charging, payer, usd('1'), id);
    const second = await hold(other.charging, payer, usd('1'), id);
    expect([first.outcome, second.outcome]).toEqual(['held', 'held']);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ held: usd('1') });
    await settle(node.charging, payer, id, usd('1'));
    expect(await hold(node.charging, payer, usd('1'), id)).toMatchObject({
      outcome: 'already_resolved',
    });
  });

  test('S6: a void charges nothing and frees the whole hold', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const { id } = await hold(node.charging, payer, usd('5'));
    expect(await voidHold(node.charging, payer, id)).toMatchObject({
      outcome: 'voided',
      charged: 0n,
      available: usd('5'),
    });
    await clean();
  });

  test('S7: usage lost to a broken stream is noted for the operator, not charged', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const { id } = await hold(node.charging, payer, usd('1'));
    await voidHold(node.charging, payer, id, usd('0.3'));
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('5'),
    });
    const [row] = await db.pool.query<{ amount: bigint }>({
      text: `SELECT amount_nanos AS amount FROM ledger.entries
              WHERE reference = $1 AND reason = 'upstream.loss'`,
      values: [id],
    });
    expect(row?.amount).toBe(usd('0.3'));
    await clean();
  });

  test('S13, F33: a cost above the hold takes what is available, the operator pays the rest', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    const { id } = await hold(node.charging, payer, usd('0.4'));
    const kept = await hold(node.charging, payer, usd('0.5'));
    expect(await settle(node.charging, payer, id, usd('2'))).toEqual({
      outcome: 'settled',
      charged: usd('0.5'),
      available: 0n,
      flags: ['overrun'],
    });
    expect(await settle(node.charging, payer, kept.id, usd('0.5'))).toMatchObject({
      charged: usd('0.5'),
      flags: [],
    });
    await clean();
  });
});

describe('nobody spends what they do not have', () => {
  test('T1, F27: two processes and a balance for exactly N admit exactly N', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        hold(i % 2 === 0 ? node.charging : other.charging, payer, usd('0.01')),
      ),
    );
    const admitted = outcomes.filter((o) => o.outcome === 'held');
    expect(admitted).toHaveLength(100);
    const settled = await Promise.all(
      admitted.map(({ id }, i) =>
        settle(i % 2 === 0 ? other.charging : node.charging, payer, id, usd('0.01')),
      ),
    );
    expect(settled.every((o) => o.outcome === 'settled')).toBe(true);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: 0n,
      held: 0n,
    });
    await clean();
  });

  test('a refusal names what is available and what was required', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('0.2'));
    expect(await hold(node.charging, payer, usd('0.3'))).toMatchObject({
      outcome: 'insufficient_credit',
      available: usd('0.2'),
      required: usd('0.3'),
    });
  });

  test('one command the database cannot take does not fail its neighbours', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const outcomes = await Promise.all([
      hold(node.charging, payer, usd('1')),
      hold(node.charging, payer, nanos(-1n)),
      hold(node.charging, payer, usd('1')),
    ]);
    expect(outcomes.map((o) => o.outcome)).toEqual(['held', 'ledger_unavailable', 'held']);
  });

  test('F17: crossing organizations in any order never deadlocks', async () => {
    const failuresBefore = node.failures.length + other.failures.length;
    const payers = await Promise.all(Array.from({ length: 12 }, () => makePayer(db.pool)));
    await Promise.all(payers.map((p) => give(db.pool, p, usd('5'))));
    const shuffled = (seed: number) =>
      Array.from({ length: 240 }, (_, i) => payers[(i * seed + i) % payers.length]).filter(
        (p) => p !== undefined,
      );
    const run = async (n: typeof node, seed: number) => {
      const held = await Promise.all(
        shuffled(seed).map((p) => hold(n.charging, p, usd('0.01')).then((h) => ({ p, h }))),
      );
      return Promise.all(held.map(({ p, h }) => settle(n.charging, p, h.id, usd('0.005'))));
    };
    const results = (await Promise.all([run(node, 5), run(other, 7)])).flat();
    expect(new Set(results.map((r) => r.outcome))).toEqual(new Set(['settled']));
    expect(node.failures.length + other.failures.length).toBe(failuresBefore);
    await clean();
  });
});

describe('who may start a request is decided with the hold', () => {
  test('F89: a revoked key starts nothing, and what was running is settled', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    const running = await hold(node.charging, payer, usd('1'));
    await db.pool.query({
      text: `UPDATE orgs.api_keys SET status = 'revoked' WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
    expect(await hold(node.charging, payer, usd('1'))).toMatchObject({ outcome: 'key_revoked' });
    expect(await settle(node.charging, payer, running.id, usd('1'))).toMatchObject({
      outcome: 'settled',
    });
  });

  test('a suspended organization starts nothing', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'));
    await db.pool.query({
      text: `UPDATE orgs.organizations SET status = 'suspended' WHERE id = $1`,
      values: [payer.organizationId],
    });
    expect(await hold(node.charging, payer, usd('1'))).toMatchObject({
      outcome: 'organization_suspended',
    });
  });
});

describe('a hold of a dead process', () => {
  test('H4, F3: stops counting when its lease has passed, sweeper or not', async () => {
    const dying = chargingOn(db.url, { leaseMs: 40 });
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    const { id } = await hold(dying.charging, payer, usd('1'));
    await dying.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
      available: usd('1'),
      held: 0n,
    });
    const next = await hold(node.charging, payer, usd('0.9'));
    expect(next).toMatchObject({ outcome: 'held' });
    // Late: only what nobody else holds may still be taken.
    expect(await settle(node.charging, payer, id, usd('0.5'))).toEqual({
      outcome: 'settled',
      charged: usd('0.1'),
      available: 0n,
      flags: ['late', 'overrun'],
    });
    await clean();
  });

  test('H4: a hold that lapsed and was voided is resolved for good', async () => {
    const dying = chargingOn(db.url, { leaseMs: 20 });
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    const { id } = await hold(dying.charging, payer, usd('1'));
    await dying.close();
    await new Promise((resolve) => setTimeout(resolve, 40));
    await expireLapsedHolds(db.pool, 100);
    expect(await voidHold(node.charging, payer, id)).toMatchObject({ outcome: 'voided' });
    expect(await voidHold(node.charging, payer, id)).toMatchObject({ outcome: 'already_resolved' });
    expect(await settle(node.charging, payer, id, usd('1'))).toMatchObject({
      outcome: 'already_resolved',
      charged: 0n,
    });
  });

  test('H4: a lease that has passed is not renewed back to life', async () => {
    const stalled = chargingOn(db.url, { leaseMs: 30, renewEveryMs: NEVER_MS });
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    await hold(stalled.charging, payer, usd('1'));
    await new Promise((resolve) => setTimeout(resolve, 40));
    await stalled.charging.renew();
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ held: 0n });
    await stalled.close();
  });

  test('H4: a living process keeps its hold', async () => {
    const living = chargingOn(db.url, { leaseMs: 600_000, renewEveryMs: 20 });
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'));
    const { id } = await hold(living.charging, payer, usd('1'));
    const lapses = async () => {
      const [row] = await db.pool.query<{ at: string }>({
        text: 'SELECT lease_expires_at::text AS at FROM ledger.holds WHERE id = $1',
        values: [id],
      });
      return row?.at;
    };
    const first = await lapses();
    await expect.poll(lapses).not.toBe(first);
    expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ held: usd('1') });
    await living.close();
  });
});

test('F18: one locked book holds up its own organization, not the others', async () => {
  const lanes = chargingOn(db.url, { lane: { lockTimeoutMs: 150 } });
  const [locked, free] = [await makePayer(db.pool), await makePayer(db.pool)];
  await give(db.pool, locked, usd('5'));
  await give(db.pool, free, usd('5'));
  await db.pool.transaction(async (tx) => {
    await tx.query({
      text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
      values: [locked.organizationId],
    });
    const outcomes = await Promise.all([
      hold(lanes.charging, locked, usd('1')),
      hold(lanes.charging, free, usd('1')),
      hold(lanes.charging, locked, usd('1')),
      hold(lanes.charging, free, usd('1')),
    ]);
    expect(outcomes.map((o) => o.outcome)).toEqual([
      'ledger_unavailable',
      'held',
      'ledger_unavailable',
      'held',
    ]);
  });
  expect(await hold(lanes.charging, locked, usd('1'))).toMatchObject({ outcome: 'held' });
  await lanes.close();
});

test('a settlement the database can never take is rejected and its hold left to lapse', async () => {
  const lanes = chargingOn(db.url, { leaseMs: 300, renewEveryMs: 50 });
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1'));
  const { id } = await hold(lanes.charging, payer, usd('1'));
  const impossible = {
    organizationId: payer.organizationId,
    requestId: id,
    resolution: 'settle',
    cost: usd('0.5'),
    record: recordOf(payer, { model: 'a\u0000b' }),
  } as const;
  expect(await lanes.charging.settle(impossible)).toEqual({ outcome: 'rejected' });
  const balance = () => readBalance(db.pool, payer.organizationId);
  await expect.poll(balance).toMatchObject({ available: usd('1'), held: 0n });
  await lanes.close();
});

test('a store that keeps a batch of holds waiting counts as silent until it answers', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  expect(node.charging.silent()).toBe(false);
  let waiting: Promise<unknown> = Promise.resolve();
  await db.pool.transaction(async (tx) => {
    await tx.query({
      text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
      values: [payer.organizationId],
    });
    waiting = hold(node.charging, payer, usd('1'));
    await expect.poll(() => node.charging.silent()).toBe(true);
  });
  expect(await waiting).toMatchObject({ outcome: 'held' });
  await expect.poll(() => node.charging.silent()).toBe(false);
});

test('an unreachable store refuses within the second and never throws', async () => {
  const gone = chargingOn('postgres://nobody@127.0.0.1:1/none');
  const payer = { ...(await makePayer(db.pool)) };
  expect(await hold(gone.charging, payer, usd('1'))).toMatchObject({
    outcome: 'ledger_unavailable',
  });
  await gone.close();
});
