import { afterEach, expect, test } from 'vitest';
import {
  type Asking,
  ask,
  eventually,
  question,
  scriptedUpstream,
  startGateway,
  streamEvents,
} from '#test/gateway-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const events = streamEvents({
  texts: Array.from({ length: 10 }, (_, index) => `part ${index} 🌍`),
});
const whole = events.join('');
const COST = 25n * 5_000n + 15n * 25_000n;
const CLIENTS = 30;
const ATTEMPTS_MAX = 6;

/** Numbers that look random and are the same in every run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Answers in small steps, so that clients leave and come back in the middle. */
async function world(options: Parameters<typeof startGateway>[1]) {
  const upstream = await scriptedUpstream(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) {
      response.write(event);
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  const gateway = await startGateway(upstream.url, {
    pumpLimits: { count: 10_000, ms: 600_000 },
    ...options,
  });
  closing.push(
    () => upstream.close(),
    () => gateway.gateway.close(),
  );
  return { upstream, gateway };
}

const [ROOM_FOR_ALL, ROOM_FOR_SOME, ROOM_FOR_NONE] = [1_000_000_000, 20_000, 100];
test.each([ROOM_FOR_ALL, ROOM_FOR_SOME, ROOM_FOR_NONE])(
  'F49d: however clients leave and retry, each gets its answer and each call is charged once (%i bytes)',
  async (nodeBytes) => {
    const { upstream, gateway } = await world({
      replayLimits: { callBytes: 4_194_304, nodeBytes },
    });
    const { charging } = gateway;
    const random = chance(nodeBytes);

    /** A client library: it asks again, and counts, until it has a whole answer. */
    async function client(number: number): Promise<number> {
      const leavesAt = Array.from({ length: ATTEMPTS_MAX - 1 }, () => random(2 * whole.length));
      for (let count = 0; ; count += 1) {
        const bytes = leavesAt[count] ?? Number.POSITIVE_INFINITY;
        const asking: Asking = {
          headers: { 'x-stainless-retry-count': String(count) },
          // Every third question is one that others ask too.
          body: {
            ...question,
            stream: true,
            max_tokens: number % 3 === 0 ? 1_000 : 1_001 + number,
          },
          leaveWhen: ({ length }) => length > bytes,
        };
        const { broken, body } = await ask(gateway, asking);
        if (broken) continue;
        expect(body.toString()).toBe(whole);
        return count + 1;
      }
    }
    const attempts = await Promise.all(
      Array.from({ length: CLIENTS }, (_, number) => client(number)),
    );
    await eventually(() => charging.holds.size === 0, 30_000);
    const made = attempts.reduce((sum, count) => sum + count, 0);
    const executed = upstream.seen.length;
    expect(executed).toBeGreaterThanOrEqual(CLIENTS);
    expect(executed).toBeLessThanOrEqual(made);
    // Nobody's retry was given an answer that nobody paid for, and none was paid for twice.
    expect(charging.resolved.size).toBe(executed);
    for (const { resolution, cost, record } of charging.resolved.values()) {
      expect([resolution, cost, record.rule]).toEqual(['settle', COST, 'S2']);
      const repeated = record.retryOf ?? null;
      if (repeated !== null) expect(charging.resolved.has(repeated)).toBe(true);
    }
    expect(charging.balance).toBe(5_000_000_000n - BigInt(executed) * COST);
    const adopted = [...charging.resolved.values()].filter(({ record }) => record.adopted === true);
    if (nodeBytes === ROOM_FOR_ALL) expect(adopted.length).toBeGreaterThan(0);
    if (nodeBytes === ROOM_FOR_NONE) expect(adopted).toEqual([]);
  },
);
