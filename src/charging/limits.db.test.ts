import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Charging } from '#charging/charging';
import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import { newId } from '#kernel/ids';
import { readSpendLimits, type SpendLimit } from '#orgs/spend-limits';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  toNextMonth,
  usd,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let charging: Charging;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  await toNextMonth(db.pool);
  node = chargingOn(db.url);
  charging = node.charging;
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1000'));
});

type Limited = 'organization' | 'workspace' | 'api_key';
const subjectOf = (level: Limited): string =>
  level === 'organization'
    ? payer.organizationId
    : level === 'workspace'
      ? payer.workspaceId
      : payer.apiKeyId;

const limit = (
  level: Limited,
  amount: string | null,
  action: 'notify_only' | 'notify_and_pause' = 'notify_and_pause',
) =>
  setSpendLimit(db.pool, {
    organizationId: payer.organizationId,
    level,
    subjectId: subjectOf(level),
    amount: amount === null ? null : usd(amount),
    action,
    setBy: 'test',
  });

async function only(): Promise<SpendLimit> {
  const [first, ...more] = await readSpendLimits(db.pool, payer.organizationId);
  if (first === undefined || more.length > 0) throw new Error('expected one limit');
  return first;
}

const used = async (amount: string): Promise<void> => {
  const { id } = await hold(charging, payer, usd(amount));
  await settle(charging, payer, id, usd(amount));
};

/** For every organization of this database. */
const nextMonth = () => toNextMonth(db.pool);

test('a hold that would pass the limit is refused, and the level that refuses is named', async () => {
  for (const level of ['organization', 'workspace', 'api_key'] as const) {
    payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1000'));
    await limit(level, '10');
    expect((await hold(charging, payer, usd('10'))).outcome).toBe('held');
    expect(await hold(charging, payer, usd('0.000000001'))).toMatchObject({
      outcome: 'limit_reached',
      level,
      subjectId: subjectOf(level),
    });
  }
});

test('F79: of three limits near their end the tightest refuses, of equals the widest', async () => {
  await limit('organization', '30');
  await limit('workspace', '20');
  await limit('api_key', '10');
  expect(await hold(charging, payer, usd('11'))).toMatchObject({ level: 'api_key' });
  await limit('api_key', '25');
  expect(await hold(charging, payer, usd('21'))).toMatchObject({ level: 'workspace' });
  await limit('workspace', '25');
  expect(await hold(charging, payer, usd('26'))).toMatchObject({ level: 'workspace' });
  await limit('organization', '5');
  expect(await hold(charging, payer, usd('26'))).toMatchObject({ level: 'organization' });
});

test('a thousand holds at once never pass a limit by a nano', async () => {
  await limit('workspace', '137');
  const other = chargingOn(db.url);
  const all = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) =>
      hold(i % 2 === 0 ? charging : other.charging, payer, usd('1')),
    ),
  );
  await other.close();
  expect(all.filter((h) => h.outcome === 'held')).toHaveLength(137);
  expect(all.filter((h) => h.outcome === 'limit_reached')).toHaveLength(863);
  expect(await only()).toMatchObject({ held: usd('137'), charged: 0n });
});

test('what a request did not use is free again for the limit', async () => {
  await limit('api_key', '10');
  const { id } = await hold(charging, payer, usd('10'));
  await settle(charging, payer, id, usd('4'));
  expect(await only()).toMatchObject({ held: 0n, charged: usd('4') });
  expect((await hold(charging, payer, usd('6'))).outcome).toBe('held');
  expect((await hold(charging, payer, usd('0.01'))).outcome).toBe('limit_reached');
});

test('0 blocks everything, even a request that promises nothing', async () => {
  await limit('organization', '0');
  expect((await hold(charging, payer, usd('0'))).outcome).toBe('limit_reached');
  expect((await hold(charging, payer, usd('0.01'))).outcome).toBe('limit_reached');
});

test('a limit that only notifies refuses nothing and says when it was reached', async () => {
  await limit('organization', '5', 'notify_only');
  await used('4');
  expect((await only()).reachedAt).toBeNull();
  await used('1');
  const reached = await only();
  expect(reached).toMatchObject({ charged: usd('5') });
  expect(reached.reachedAt).toBeInstanceOf(Date);
  await used('100');
  expect((await only()).reachedAt).toEqual(reached.reachedAt);
});

test('F78: lowered below what is spent, the next admission is denied and what runs finishes', async () => {
  await limit('organization', '100');
  const running = await hold(charging, payer, usd('10'));
  await used('20');
  await limit('organization', '15');
  expect((await hold(charging, payer, usd('1'))).outcome).toBe('limit_reached');
  expect(await settle(charging, payer, running.id, usd('10'))).toMatchObject({
    outcome: 'settled',
    charged: usd('10'),
  });
  expect(await only()).toMatchObject({ charged: usd('30'), held: 0n });
});

test('a first limit counts what this month has used and what is still open', async () => {
  await used('3');
  await hold(charging, payer, usd('2'));
  for (const level of ['organization', 'workspace', 'api_key'] as const) {
    await limit(level, '6');
    expect(await only()).toMatchObject({ level, charged: usd('3'), held: usd('2') });
    expect((await hold(charging, payer, usd('2'))).outcome).toBe('limit_reached');
    await limit(level, null);
    expect(await readSpendLimits(db.pool, payer.organizationId)).toEqual([]);
  }
  expect((await hold(charging, payer, usd('2'))).outcome).toBe('held');
});

test('F80, F81: a request counts in the month of its admission, whenever it is settled', async () => {
  await limit('organization', '10');
  const before = await hold(charging, payer, usd('9'));
  await nextMonth();
  expect(await only()).toMatchObject({ charged: 0n, held: 0n });
  expect((await hold(charging, payer, usd('10'))).outcome).toBe('held');
  await settle(charging, payer, before.id, usd('9'));
  expect(await only()).toMatchObject({ charged: 0n, held: usd('10') });
  const refused = await hold(charging, payer, usd('1'));
  const [clock] = await db.pool.query<{ next: Date }>({
    text: 'SELECT orgs.month_after(bursar.now()) AS next',
  });
  expect(refused).toMatchObject({ outcome: 'limit_reached', liftsAt: clock?.next });
  expect(clock?.next.toISOString()).toMatch(/-01T00:00:00.000Z$/);
});

test('F80: a request that runs over midnight grows within the limit of its own month', async () => {
  await limit('workspace', '10');
  await used('4');
  const { id } = await hold(charging, payer, usd('1'));
  await nextMonth();
  const extend = (to: string) =>
    charging.extend({
      organizationId: payer.organizationId,
      requestId: id,
      toAmount: usd(to),
    });
  expect(await extend('6.000000001')).toMatchObject({
    outcome: 'limit_reached',
    level: 'workspace',
  });
  expect(await extend('6')).toMatchObject({ outcome: 'held' });
  expect((await hold(charging, payer, usd('10'))).outcome).toBe('held');
  await settle(charging, payer, id, usd('6'));
  expect(await only()).toMatchObject({ charged: 0n, held: usd('10') });
});

test('H4: holds of a dead process stop counting for the limit too', async () => {
  await limit('api_key', '10');
  const dead = chargingOn(db.url, { leaseMs: 30 });
  await hold(dead.charging, payer, usd('10'));
  await dead.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect((await hold(charging, payer, usd('10'))).outcome).toBe('held');
  expect(await only()).toMatchObject({ held: usd('10') });
});

test('the sweeper frees limits together with the ledger, and a late settlement counts again', async () => {
  await limit('api_key', '10');
  const dead = chargingOn(db.url, { leaseMs: 30 });
  const { id } = await hold(dead.charging, payer, usd('10'));
  await dead.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  await expireLapsedHolds(db.pool, 1_000);
  expect(await only()).toMatchObject({ held: 0n, charged: 0n });
  expect(await settle(charging, payer, id, usd('7'))).toMatchObject({ flags: ['late'] });
  expect(await only()).toMatchObject({ held: 0n, charged: usd('7') });
});

test('another key of the organization has room of its own under a key limit', async () => {
  await limit('api_key', '1');
  const second: Payer = { ...payer, apiKeyId: newId('apiKey', systemEntropy) };
  await db.pool.query({
    text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
           VALUES ($1, $2, $3, 'workspace', 'second', 'test')`,
    values: [payer.organizationId, second.apiKeyId, payer.workspaceId],
  });
  const [mine, theirs] = await Promise.all([
    hold(charging, payer, usd('2')),
    hold(charging, second, usd('2')),
  ]);
  expect([mine.outcome, theirs.outcome]).toEqual(['limit_reached', 'held']);
});

test('a limit for nobody is refused', async () => {
  expect(
    await setSpendLimit(db.pool, {
      organizationId: payer.organizationId,
      level: 'api_key',
      subjectId: (await makePayer(db.pool)).apiKeyId,
      amount: usd('1'),
      action: 'notify_and_pause',
      setBy: 'test',
    }),
  ).toBe('unknown_subject');
});

test('the first request of a month counts in that month alone, with room to spare', async () => {
  await limit('organization', '100');
  await used('30');
  await nextMonth();
  const { id } = await hold(charging, payer, usd('20'));
  expect(await only()).toMatchObject({ charged: 0n, held: usd('20') });
  await settle(charging, payer, id, usd('5'));
  expect(await only()).toMatchObject({ charged: usd('5'), held: 0n });
});
