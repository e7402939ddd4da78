import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Charging } from '#charging/charging';
import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import type { RequestId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let charging: Charging;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  node = chargingOn(db.url);
  charging = node.charging;
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
});

const extend = (requestId: RequestId, toAmount: NanoUsd) =>
  charging.extend({ organizationId: payer.organizationId, requestId, toAmount });
const balance = () => readBalance(db.pool, payer.organizationId);
const wait = (step: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1)', values: [step] });

test('H5: a hold grows while its stream runs, and all of it can be charged', async () => {
  await give(db.pool, payer, usd('10'));
  const { id } = await hold(charging, payer, usd('2'));
  expect(await extend(id, usd('5'))).toEqual({ outcome: 'held', available: usd('5') });
  expect(await extend(id, usd('9'))).toEqual({ outcome: 'held', available: usd('1') });
  expect(await balance()).toMatchObject({ held: usd('9'), available: usd('1') });
  expect(await settle(charging, payer, id, usd('8'))).toMatchObject({
    charged: usd('8'),
    flags: [],
    available: usd('2'),
  });
});

test('asking twice for the same extension is asking once', async () => {
  await give(db.pool, payer, usd('10'));
  const { id } = await hold(charging, payer, usd('2'));
  const answers = await Promise.all([
    extend(id, usd('6')),
    extend(id, usd('6')),
    extend(id, usd('4')),
  ]);
  expect(answers.map((a) => a.outcome)).toEqual(['held', 'held', 'held']);
  expect(await balance()).toMatchObject({ held: usd('6') });
});

test('an extension beyond what is available is refused and changes nothing', async () => {
  await give(db.pool, payer, usd('10'));
  const { id } = await hold(charging, payer, usd('2'));
  expect(await extend(id, usd('10.000000001'))).toEqual({
    outcome: 'insufficient_credit',
    available: usd('8'),
    required: usd('10.000000001'),
  });
  expect(await balance()).toMatchObject({ held: usd('2') });
  expect((await extend(id, usd('10'))).outcome).toBe('held');
});

test('extensions and holds at once never promise more than there is', async () => {
  await give(db.pool, payer, usd('100'));
  const first = await Promise.all(
    Array.from({ length: 50 }, () => hold(charging, payer, usd('1'))),
  );
  const other = chargingOn(db.url);
  const answers = await Promise.all([
    ...first.map((h) => extend(h.id, usd('2'))),
    ...Array.from({ length: 50 }, () => hold(other.charging, payer, usd('1'))),
  ]);
  await other.close();
  expect(answers.filter((a) => a.outcome === 'held')).toHaveLength(50);
  expect(await balance()).toMatchObject({ held: usd('100'), available: 0n });
});

test('a hold that is over cannot grow, and says how it ended', async () => {
  await give(db.pool, payer, usd('10'));
  const settled = await hold(charging, payer, usd('1'));
  await settle(charging, payer, settled.id, usd('1'));
  const voided = await hold(charging, payer, usd('1'));
  await voidHold(charging, payer, voided.id);
  expect((await extend(settled.id, usd('2'))).outcome).toBe('already_resolved');
  expect((await extend(voided.id, usd('2'))).outcome).toBe('already_resolved');
  expect((await extend(newRequest(), usd('2'))).outcome).toBe('unknown_hold');
});

test('H4: a hold whose lease has passed cannot grow, swept or not', async () => {
  await give(db.pool, payer, usd('10'));
  const dead = chargingOn(db.url, { leaseMs: 30 });
  const { id } = await hold(dead.charging, payer, usd('1'));
  await dead.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect((await extend(id, usd('2'))).outcome).toBe('hold_expired');
});

test('F89: a request admitted before its key was revoked may grow to its end', async () => {
  await give(db.pool, payer, usd('10'));
  const { id } = await hold(charging, payer, usd('1'));
  await db.pool.query({
    text: `UPDATE orgs.api_keys SET status = 'revoked' WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  expect((await extend(id, usd('2'))).outcome).toBe('held');
  expect((await hold(charging, payer, usd('1'))).outcome).toBe('key_revoked');
});

test('F83: what is added after a grant expired is not covered by it', async () => {
  await give(db.pool, payer, usd('10'), { expiresAt: new Date(Date.now() + 3_600_000) });
  const { id } = await hold(charging, payer, usd('4'));
  await wait('2 hours');
  expect(await balance()).toMatchObject({ available: 0n, held: usd('4') });
  expect((await extend(id, usd('5'))).outcome).toBe('insufficient_credit');
  await give(db.pool, payer, usd('3'));
  expect((await extend(id, usd('6'))).outcome).toBe('held');
  expect(await settle(charging, payer, id, usd('6'))).toMatchObject({
    charged: usd('6'),
    available: usd('1'),
  });
});

test('an extension counts for the limits of its key, and is refused by the tightest', async () => {
  await give(db.pool, payer, usd('100'));
  await setSpendLimit(db.pool, {
    organizationId: payer.organizationId,
    level: 'workspace',
    subjectId: payer.workspaceId,
    amount: usd('10'),
    action: 'notify_and_pause',
    setBy: 'test',
  });
  const { id } = await hold(charging, payer, usd('4'));
  expect((await extend(id, usd('10'))).outcome).toBe('held');
  expect(await extend(id, usd('11'))).toMatchObject({
    outcome: 'limit_reached',
    level: 'workspace',
    subjectId: payer.workspaceId,
  });
});

test('a request that is promised nothing needs credit left, in one batch as in two', async () => {
  await give(db.pool, payer, usd('5'));
  const together = await Promise.all([
    hold(charging, payer, usd('5')),
    hold(charging, payer, usd('0')),
  ]);
  expect(together.map((h) => h.outcome)).toEqual(['held', 'insufficient_credit']);
  expect((await hold(charging, payer, usd('0'))).outcome).toBe('insufficient_credit');
});

test('a hold of nothing lapses like any other', async () => {
  await give(db.pool, payer, usd('5'));
  const dead = chargingOn(db.url, { leaseMs: 30 });
  await hold(dead.charging, payer, usd('0'));
  await dead.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(await expireLapsedHolds(db.pool, 1_000)).toBeGreaterThan(0);
  expect(await expireLapsedHolds(db.pool, 1_000)).toBe(0);
});
