import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { MemoryBuckets } from '#test/rate-world';
import { ruleOf, SCALE } from './bucket.ts';
import { type Demand, type Limiter, openLimiter } from './limiter.ts';

const start = new Date(0);
const bucket = (kind: Demand['bucket']['kind']) =>
  ({ organizationId: 'org_1', pool: 'opus-5', kind }) as const;
const requests = (perMinute: number, burstSeconds = 60): Demand[] => [
  {
    bucket: bucket('requests'),
    rule: ruleOf(perMinute, burstSeconds),
    units: 1,
    uses: true,
    scope: 'organization',
  },
];

function world(nodes: number) {
  const clock = manualClock(start);
  const store = new MemoryBuckets(clock);
  store.nodes = nodes;
  const open = (): Limiter => openLimiter({ store, clock, onFailure: () => {} });
  return { clock, store, limiters: Array.from({ length: nodes }, open) };
}

const entered = async (limiter: Limiter | undefined, demands: Demand[]): Promise<boolean> =>
  (await limiter?.enter(demands))?.outcome === 'entered';

async function burst(limiters: readonly Limiter[], demands: Demand[], count: number) {
  const asked = Array.from({ length: count }, (_, i) =>
    entered(limiters[i % limiters.length], demands),
  );
  return (await Promise.all(asked)).filter(Boolean).length;
}

describe('nodes together', () => {
  test('a lone node gets the whole limit, at once or one by one', async () => {
    const atOnce = world(1);
    expect(await burst(atOnce.limiters, requests(60), 80)).toBe(60);
    const slowly = world(1);
    let count = 0;
    for (let i = 0; i < 80; i += 1) count += await burst(slowly.limiters, requests(60), 1);
    expect(count).toBe(60);
  });

  test('what one node does not use, the other gets', async () => {
    const { limiters, clock, store } = world(2);
    const [one, other] = limiters;
    // It refills by nothing worth counting meanwhile.
    const rule = { perMinute: 1, capacity: 1_000 };
    const demands = requests(1).map((demand) => ({ ...demand, rule }));
    expect(await entered(one, demands)).toBe(true);
    // The first node still has its lease in hand; once idle, it gives it back.
    const before = await burst(other === undefined ? [] : [other], demands, 1_200);
    expect(before).toBeGreaterThanOrEqual(990);
    expect(before).toBeLessThan(999);
    clock.advance(2_500);
    one?.tick();
    await Promise.resolve();
    const [level] = store.levels.values();
    expect(Math.floor((level?.scaled ?? 0) / SCALE)).toBe(999 - before);
  });

  test('with one second of burst, 60 a minute are one a second', async () => {
    const { limiters, clock } = world(1);
    const demands = requests(60, 1);
    let count = 0;
    for (let second = 0; second < 30; second += 1) {
      count += await burst(limiters, demands, 3);
      clock.advance(1_000);
    }
    expect(count).toBe(30);
  });

  test('any span of time admits no more than burst, refill and what was in hand', async () => {
    const traffic = fc.array(
      fc.record({
        ms: fc.integer({ min: 0, max: 4_000 }),
        node: fc.integer({ min: 0, max: 3 }),
        count: fc.integer({ min: 1, max: 60 }),
      }),
      { minLength: 5, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 10, max: 600 }),
        fc.constantFrom(1, 10, 60),
        traffic,
        async (nodes, perMinute, burstSeconds, steps) => {
          const { limiters, clock } = world(nodes);
          const demands = requests(perMinute, burstSeconds);
          const { capacity } = ruleOf(perMinute, burstSeconds);
          const log: { at: number; count: number }[] = [];
          for (const { ms, node, count } of steps) {
            clock.advance(ms);
            for (const limiter of limiters) limiter.tick();
            const chosen = limiters[node % nodes];
            const admitted = await burst(chosen === undefined ? [] : [chosen], demands, count);
            log.push({ at: clock.elapsedMs(), count: admitted });
          }
          // A lease is at most a sixteenth, and twice that may be in hand.
          const inHand = nodes * 2 * Math.ceil(capacity / 16);
          for (let from = 0; from < log.length; from += 1) {
            let sum = 0;
            for (const { at, count } of log.slice(from)) {
              sum += count;
              const span = at - (log[from]?.at ?? 0);
              const most = capacity + Math.ceil((perMinute * span) / 60_000) + inHand;
              expect(sum).toBeLessThanOrEqual(most);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('one node', () => {
  test('asks the store seldom while it has a lease, and never while it knows there is nothing', async () => {
    const { limiters, store, clock } = world(1);
    const [limiter] = limiters;
    for (let i = 0; i < 5_000; i += 1) {
      await limiter?.enter(requests(10_000));
      if (i % 10 === 9) clock.advance(1);
    }
    expect(store.rounds).toBeLessThan(60);
    const poor = world(1);
    await burst(poor.limiters, requests(60), 60);
    const { rounds } = poor.store;
    expect(await burst(poor.limiters, requests(60), 500)).toBe(0);
    expect(poor.store.rounds).toBe(rounds);
  });

  test('a refusal names the limit that takes longest and when there is room again', async () => {
    const { limiters, clock } = world(1);
    const [limiter] = limiters;
    const demands: Demand[] = [
      ...requests(60),
      {
        bucket: bucket('input_tokens'),
        rule: ruleOf(600),
        units: 500,
        uses: true,
        scope: 'organization',
      },
      {
        bucket: bucket('output_tokens'),
        rule: ruleOf(600),
        units: 1,
        uses: false,
        scope: 'organization',
      },
    ];
    expect(await entered(limiter, demands)).toBe(true);
    const refused = await limiter?.enter(demands);
    expect(refused).toMatchObject({ outcome: 'refused', kind: 'input_tokens', perMinute: 600 });
    expect(refused?.outcome === 'refused' && refused.retryAfterMs).toBe(40_000);
    clock.advance(40_000);
    expect(await entered(limiter, demands)).toBe(true);
  });

  test('what was really used counts: too little is owed, too much is there again', async () => {
    const { limiters, clock } = world(1);
    const [limiter] = limiters;
    const demands: Demand[] = [
      {
        bucket: bucket('input_tokens'),
        rule: ruleOf(6_000),
        units: 3_000,
        uses: true,
        scope: 'organization',
      },
    ];
    const first = await limiter?.enter(demands);
    if (first?.outcome !== 'entered') throw new Error('refused');
    first.count('input_tokens', 0);
    const second = await limiter?.enter(demands);
    if (second?.outcome !== 'entered') throw new Error('refused');
    second.count('input_tokens', 9_000);
    second.count('input_tokens', 9_000);
    const third = await limiter?.enter(demands);
    expect(third).toMatchObject({ outcome: 'refused', retryAfterMs: 60_000 });
    // What is owed is said at the next tick, before time fills the bucket that others see.
    limiter?.tick();
    await Promise.resolve();
    clock.advance(60_000);
    expect(await entered(limiter, demands)).toBe(true);
  });

  test('output is counted as it is produced, and only then refuses', async () => {
    const { limiters } = world(1);
    const [limiter] = limiters;
    const demands: Demand[] = [
      {
        bucket: bucket('output_tokens'),
        rule: ruleOf(1_000),
        units: 1,
        uses: false,
        scope: 'organization',
      },
    ];
    const calls = await Promise.all([limiter?.enter(demands), limiter?.enter(demands)]);
    for (const call of calls) {
      if (call?.outcome === 'entered') call.count('output_tokens', 700);
    }
    expect(await entered(limiter, demands)).toBe(false);
  });
});

describe('a store that is away', () => {
  test('refuses nobody who is within this node’s part, and holds nobody up', async () => {
    const { limiters, store } = world(1);
    const [limiter] = limiters;
    store.nodes = 4;
    expect(await entered(limiter, requests(400))).toBe(true);
    store.reachable = false;
    // A quarter of the limit, and what was in hand.
    const admitted = await burst(limiter === undefined ? [] : [limiter], requests(400), 400);
    expect(admitted).toBeGreaterThanOrEqual(99);
    expect(admitted).toBeLessThan(160);
  });

  test('a node that never heard of the store goes by the whole limit', async () => {
    const { limiters, store } = world(1);
    store.reachable = false;
    expect(await burst(limiters, requests(60), 80)).toBe(60);
  });

  test('one that never answers is waited for once, and then no more', async () => {
    const clock = manualClock(start);
    const store = { exchange: () => new Promise<never>(() => {}) };
    const limiter = openLimiter({ store, clock, onFailure: () => {} });
    expect(await burst([limiter], requests(60), 80)).toBe(60);
    expect(await burst([limiter], requests(60), 20)).toBe(0);
  });

  test('a debt that could not be said is said later', async () => {
    const { limiters, store, clock } = world(1);
    const [limiter] = limiters;
    const demands: Demand[] = [
      {
        ...{ bucket: bucket('output_tokens'), rule: ruleOf(6_000), units: 1, uses: false },
        scope: 'organization',
      },
    ];
    const call = await limiter?.enter(demands);
    store.reachable = false;
    if (call?.outcome === 'entered') call.count('output_tokens', 9_000);
    limiter?.tick();
    await new Promise((resolve) => setImmediate(resolve));
    store.reachable = true;
    clock.advance(1_000);
    limiter?.tick();
    await new Promise((resolve) => setImmediate(resolve));
    const [level] = store.levels.values();
    expect(Math.floor((level?.scaled ?? 0) / SCALE)).toBeLessThan(-2_800);
  });

  test('what was used meanwhile is owed when it is back', async () => {
    const { limiters, store, clock } = world(1);
    const [limiter] = limiters;
    store.reachable = false;
    expect(await burst(limiters, requests(60), 40)).toBe(40);
    store.reachable = true;
    clock.advance(1_000);
    limiter?.tick();
    await Promise.resolve();
    expect(await burst(limiters, requests(60), 80)).toBeLessThanOrEqual(21);
  });
});
