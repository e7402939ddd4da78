import { afterAll, beforeAll, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { type TestDatabase, testDatabase } from '#test/database';
import { MemoryBuckets } from '#test/rate-world';
import { installVirtualClock, VirtualClock } from '#test/virtual-clock';
import { ruleOf, SCALE } from './bucket.ts';
import { type Demand, openLimiter } from './limiter.ts';
import { type Ask, databaseBuckets } from './store.ts';

let db: TestDatabase;
let time: VirtualClock;
beforeAll(async () => {
  db = await testDatabase();
  await installVirtualClock(db.ownerPool);
  time = new VirtualClock(db.ownerPool);
  await time.begin();
});
afterAll(() => db.drop());

const ask = (pool: string, fields: Partial<Ask>): Ask => ({
  bucket: { organizationId: 'org_1', pool, kind: 'requests' },
  rule: ruleOf(60),
  back: 0,
  want: 0,
  ...fields,
});

test('a lease is what there is of what was wanted, and what is given back is there again', async () => {
  const store = databaseBuckets(db.pool, 'node-1');
  const one = async (fields: Partial<Ask>) => (await store.exchange([ask('lease', fields)])).leases;
  expect(await one({ want: 50 })).toMatchObject([{ granted: 50 }]);
  expect(await one({ want: 50 })).toMatchObject([{ granted: 10 }]);
  expect(await one({ back: 25, want: 20 })).toMatchObject([{ granted: 20 }]);
  expect(await one({ back: 1_000, want: 100 })).toMatchObject([{ granted: 60 }]);
  // At most one capacity is owed.
  expect(await one({ back: -1_000, want: 5 })).toEqual([{ granted: 0, leftScaled: -60 * SCALE }]);
  await time.pass(90_000, 0);
  expect(await one({ want: 100 })).toMatchObject([{ granted: 30 }]);
  // Business time may jump; limits follow real time.
  await time.pass(0, 90_000);
  expect(await one({ want: 100 })).toMatchObject([{ granted: 0 }]);
});

test('asks of one round are answered in their order, whatever the order of their buckets', async () => {
  const store = databaseBuckets(db.pool, 'node-1');
  const wants = [5, 1, 4, 2, 3];
  const asks = wants.map((want, index) => ask(`order-${9 - index}`, { want }));
  const { leases } = await store.exchange(asks);
  expect(leases.map(({ granted }) => granted)).toEqual(wants);
});

test('the database decides as the pure bucket does', async () => {
  const clock = manualClock(new Date(0));
  const pure = new MemoryBuckets(clock);
  const store = databaseBuckets(db.pool, 'node-1');
  const rule = ruleOf(600_000);
  const steps = [
    { back: 0, want: 400_000 },
    { back: -100_000, want: 200_000 },
    { back: 30_000, want: 0 },
    { back: -900_000, want: 7 },
    { back: 0, want: 600_000 },
    { back: 5_000_000, want: 1 },
  ];
  for (const step of steps) {
    const told = await store.exchange([ask('alike', { ...step, rule })]);
    const expected = await pure.exchange([ask('alike', { ...step, rule })]);
    expect(told.leases).toEqual(expected.leases);
    await time.pass(7_000, 0);
    clock.advance(7_000);
  }
});

test('two nodes on one database share a limit, and neither asks for each request', async () => {
  const clock = manualClock(new Date(0));
  let statements = 0;
  const counted = {
    ...db.pool,
    query: <Row>(statement: Parameters<typeof db.pool.query>[0]) => {
      statements += 1;
      return db.pool.query<Row>(statement);
    },
  };
  const nodes = ['a', 'b'].map((node) =>
    openLimiter({
      store: databaseBuckets(counted, node),
      clock,
      patienceMs: 20_000,
      onFailure: (error) => {
        throw error;
      },
    }),
  );
  const demands: Demand[] = [
    {
      bucket: { organizationId: 'org_2', pool: 'shared', kind: 'requests' },
      rule: ruleOf(2_000),
      units: 1,
      uses: true,
      scope: 'organization',
    },
  ];
  const admitted = [0, 0];
  for (let i = 0; i < 1_500; i += 1) {
    clock.advance(1);
    const both = await Promise.all(nodes.map((node) => node.enter(demands)));
    both.forEach(({ outcome }, at) => {
      if (outcome === 'entered') admitted[at] = (admitted[at] ?? 0) + 1;
    });
  }
  const [one = 0, other = 0] = admitted;
  // What the one holds when nothing is left for the other: two leases of a sixteenth at most.
  expect(one + other).toBeGreaterThan(2_000 - 4 * 125);
  expect(one + other).toBeLessThanOrEqual(2_000);
  expect(Math.min(one, other)).toBeGreaterThan(500);
  expect(statements).toBeLessThan(400);
  await Promise.all(nodes.map((node) => node.close()));
  const [row] = await db.pool.query<{ level: bigint }>({
    text: "SELECT level FROM rate_limits.buckets WHERE pool = 'shared'",
  });
  // Closed nodes hold nothing back: what nobody used is there for the next.
  expect(row?.level).toBe(BigInt((2_000 - one - other) * SCALE));
});

test('a round says how many nodes there are', async () => {
  await db.ownerPool.query({ text: 'DELETE FROM rate_limits.nodes' });
  for (const node of ['x', 'y', 'x']) {
    await databaseBuckets(db.pool, node).exchange([ask('nodes', { want: 1 })]);
  }
  const { nodes } = await databaseBuckets(db.pool, 'z').exchange([ask('nodes', { want: 1 })]);
  expect(nodes).toBe(3);
  await time.pass(60_000, 0);
  expect((await databaseBuckets(db.pool, 'x').exchange([ask('nodes', {})])).nodes).toBe(1);
});
