import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Claims } from '#gateway/keyed-turns';
import { nanos } from '#kernel/money';
import { type AnswersByHand, answersByHand, arrived } from '#test/answers-by-hand';
import {
  type Answer,
  type Asking,
  ask,
  eventually,
  MemoryCharging,
  memoryClaims,
  question,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';

const events = streamEvents();
const whole = events.join('');
const COST = 25n * 5_000n + 15n * 25_000n;
const streamed = { ...question, stream: true };
const keyed = { headers: { 'idempotency-key': 'order 66' }, body: streamed };

let hand: AnswersByHand;
beforeEach(async () => {
  hand = await answersByHand();
});
afterEach(() => hand.close());

function send(call: number, from: number, to: number): void {
  hand.stream(call, events.slice(from, to));
  if (to === events.length) hand.answer(call).end();
}

function refusal({ status, headers, body }: Answer) {
  const { error } = JSON.parse(body.toString());
  return { status, retry: headers['x-should-retry'], type: error.type, details: error.details };
}
const conflict = (error_code: string, details: object = {}) => ({
  status: 409,
  retry: 'false',
  type: 'conflict_error',
  details: { error_code, ...details },
});

/** One request from its question to the end of its answer. */
async function executed(gateway: TestGateway, asking: Asking, call: number): Promise<Answer> {
  const done = ask(gateway, asking);
  await hand.calls(call + 1);
  send(call, 0, events.length);
  return await done;
}

describe('F49e: requests with one Idempotency-Key', () => {
  test('at once: one is executed, all get its whole answer, one is charged', async () => {
    const gateway = await hand.gateway();
    const here = arrived(gateway, 5);
    const asked = Array.from({ length: 5 }, () => ask(gateway, keyed));
    await here;
    await hand.calls(1);
    send(0, 0, 4);
    send(0, 4, events.length);
    const got = await Promise.all(asked);
    for (const { status, body, broken } of got) {
      expect([status, body.toString(), broken]).toEqual([200, whole, false]);
    }
    expect(new Set(got.map(({ headers }) => headers['request-id'])).size).toBe(1);
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only()).toMatchObject({
      cost: COST,
      record: { clientDisconnected: false, adopted: true },
    });
  });

  test('one after the other: the later is told which request it was', async () => {
    const gateway = await hand.gateway();
    const first = await executed(gateway, keyed, 0);
    expect(first.body.toString()).toBe(whole);
    const later = await ask(gateway, keyed);
    const request_id = first.headers['request-id'];
    expect(refusal(later)).toEqual(conflict('idempotency_finished', { request_id }));
    expect(later.headers['request-id']).not.toBe(request_id);
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only().cost).toBe(COST);
  });

  test('while more was sent than is kept: the later is told that it runs', async () => {
    const gateway = await hand.gateway({ replayLimits: { callBytes: 100, nodeBytes: 1_000 } });
    let received = '';
    const first = ask(gateway, {
      ...keyed,
      leaveWhen(bytes) {
        received = bytes.toString();
        return false;
      },
    });
    await hand.calls(1);
    send(0, 0, 3);
    await eventually(() => received === events.slice(0, 3).join(''));
    expect(refusal(await ask(gateway, keyed))).toEqual(conflict('idempotency_in_flight'));
    send(0, 3, events.length);
    expect((await first).body.toString()).toBe(whole);
    expect(hand.upstream.seen).toHaveLength(1);
  });

  test('of which the first has left: the answer is for those who come', async () => {
    const gateway = await hand.gateway();
    const first = ask(gateway, { ...keyed, leaveWhen: () => true });
    await hand.calls(1);
    send(0, 0, 3);
    await first;
    const here = arrived(gateway);
    const second = ask(gateway, keyed);
    await here;
    send(0, 3, events.length);
    expect((await second).body.toString()).toBe(whole);
    expect(gateway.charging.only().record.adopted).toBe(true);
  });

  test('another key is another request, and so is none', async () => {
    const gateway = await hand.gateway();
    await executed(gateway, keyed, 0);
    await executed(gateway, { ...keyed, headers: { 'idempotency-key': 'order 67' } }, 1);
    await executed(gateway, { body: streamed }, 2);
    expect(gateway.charging.resolved.size).toBe(3);
  });
});

describe('F49f: another request under the same key', () => {
  const others: [string, Asking][] = [
    ['another body', { ...keyed, body: { ...streamed, max_tokens: 99 } }],
    ['another query', { ...keyed, path: '/v1/messages?beta=true' }],
    ['another beta feature', { ...keyed, headers: { ...keyed.headers, 'anthropic-beta': 'x' } }],
  ];
  test.each(others)('%s is refused while the first runs, and later', async (_name, other) => {
    const gateway = await hand.gateway();
    const first = ask(gateway, keyed);
    await hand.calls(1);
    expect(refusal(await ask(gateway, other))).toEqual(conflict('idempotency_mismatch'));
    send(0, 0, events.length);
    await first;
    expect(refusal(await ask(gateway, other))).toEqual(conflict('idempotency_mismatch'));
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only().cost).toBe(COST);
  });
});

describe('a request that came to nothing leaves the key free', () => {
  test('refused for credit: after buying some the same request is executed', async () => {
    const gateway = await hand.gateway({ balance: 0n });
    const poor = await ask(gateway, keyed);
    expect(refusal(poor).details.error_code).toBe('credit_balance_too_low');
    gateway.charging.balance = nanos(5_000_000_000n);
    expect((await executed(gateway, keyed, 0)).body.toString()).toBe(whole);
  });

  test('not readable: put right, it is executed', async () => {
    const gateway = await hand.gateway();
    const wrong = await ask(gateway, { ...keyed, body: { ...streamed, max_tokens: 'many' } });
    expect(wrong.status).toBe(400);
    expect((await executed(gateway, keyed, 0)).status).toBe(200);
  });

  test('refused by the model: it may be asked again', async () => {
    const gateway = await hand.gateway();
    const first = ask(gateway, keyed);
    await hand.calls(1);
    hand.answer(0).writeHead(529, { 'content-type': 'application/json' }).end('{"type":"error"}');
    expect((await first).status).toBe(529);
    expect((await executed(gateway, keyed, 1)).body.toString()).toBe(whole);
    expect(gateway.charging.balance).toBe(5_000_000_000n - COST);
  });

  test('refused while others wait for it: one of them is executed, the others get its answer', async () => {
    const charging = new MemoryCharging(5_000_000_000n);
    let refuse = (): void => {};
    const refusing = new Promise<void>((resolve) => {
      refuse = resolve;
    });
    let holds = 0;
    const hold = charging.hold.bind(charging);
    charging.hold = async (command) => {
      holds += 1;
      if (holds > 1) return await hold(command);
      await refusing;
      return { outcome: 'organization_suspended' };
    };
    const gateway = await hand.gateway({ charging, claims: memoryClaims(charging) });
    const here = arrived(gateway, 3);
    const asked = Array.from({ length: 3 }, () => ask(gateway, keyed));
    await here;
    refuse();
    await hand.calls(1);
    send(0, 0, events.length);
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 403]);
    expect(hand.upstream.seen).toHaveLength(1);
  });
});

describe('the store that knows the keys', () => {
  const silent = (): Promise<never> => new Promise(() => {});
  test.each<[string, Claims['claim']]>([
    ['does not answer', silent],
    ['fails', () => Promise.reject(new Error('away'))],
  ])('%s: nothing is executed, and another try may help', async (_name, claim) => {
    const gateway = await hand.gateway({ claims: { claim, release: silent } });
    const { status, retry, details } = refusal(await ask(gateway, keyed));
    expect([status, retry, details.error_code]).toEqual([503, 'true', 'ledger_unavailable']);
    expect(hand.upstream.seen).toHaveLength(0);
    expect(gateway.charging.holds.size).toBe(0);
    // Requests without the header do not need it.
    expect((await executed(gateway, { body: streamed }, 0)).status).toBe(200);
  });

  test('answers too late: what it wrote is undone', async () => {
    const released: string[] = [];
    let late = (): void => {};
    const gateway = await hand.gateway({
      claims: {
        claim: () =>
          new Promise((resolve) => {
            late = () => resolve({ outcome: 'claimed' });
          }),
        async release({ requestId }) {
          released.push(requestId);
        },
      },
    });
    const { status, headers } = await ask(gateway, keyed);
    expect(status).toBe(503);
    late();
    await eventually(() => released.length === 1);
    expect(released).toEqual([headers['request-id']]);
  });

  test('is not asked about a key that is none', async () => {
    const gateway = await hand.gateway({ claims: { claim: silent, release: silent } });
    for (const key of ['', 'x'.repeat(256), 'tab\there']) {
      const refused = await ask(gateway, { ...keyed, headers: { 'idempotency-key': key } });
      expect(refused.status).toBe(400);
      expect(refused.body.toString()).toContain('idempotency-key: must be 1 to 255 printable');
    }
    const path = '/v1/messages/count_tokens';
    const counted = ask(gateway, { ...keyed, path });
    await hand.calls(1);
    hand.answer(0).writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":1}');
    expect((await counted).status).toBe(200);
  });

  test('may have given the key away when the hold took too long: it is not relied on', async () => {
    const charging = new MemoryCharging(5_000_000_000n);
    let elapsed = 0;
    const hold = charging.hold.bind(charging);
    charging.hold = (command) => {
      elapsed += 30_000;
      return hold(command);
    };
    const clock = { now: () => new Date(), elapsedMs: () => elapsed };
    const gateway = await hand.gateway({ charging, claims: memoryClaims(charging), clock });
    expect((await ask(gateway, keyed)).status).toBe(503);
    await eventually(() => charging.holds.size === 0);
    expect(charging.only().resolution).toBe('void');
    expect(hand.upstream.seen).toHaveLength(0);
  });
});
