import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REPLAY_LIMITS } from '#gateway/replay';
import { type AnswersByHand, answersByHand, arrived } from '#test/answers-by-hand';
import {
  type Asking,
  ask,
  eventually,
  question,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';
import { message, ok } from '#test/wire-answers';

const events = streamEvents({ texts: ['Hello', ' there', ', wörld 🌍'] });
const whole = events.join('');
const streamed = { ...question, stream: true };
const COST = 25n * 5_000n + 15n * 25_000n;
const retry = { 'x-stainless-retry-count': '1' };

let hand: AnswersByHand;
beforeEach(async () => {
  hand = await answersByHand();
});
afterEach(() => hand.close());

/** Asks in the background; `received` is what has come so far. */
function asks(gateway: TestGateway, asking: Asking = {}) {
  let received: Buffer = Buffer.alloc(0);
  const done = ask(gateway, {
    body: streamed,
    ...asking,
    leaveWhen(bytes) {
      received = bytes;
      return asking.leaveWhen?.(bytes) === true;
    },
  });
  return { done, received: () => received.toString() };
}

/** Asks, hangs up with the first byte of an answer, and resolves when the gateway knows. */
async function leaves(gateway: TestGateway, asking: Asking = {}): Promise<void> {
  const { connected } = watch(gateway);
  const left = asks(gateway, { ...asking, leaveWhen: () => true });
  await left.done;
  await eventually(() => connected() === 0);
}

function watch({ gateway }: TestGateway) {
  let now = 1;
  return {
    connected() {
      gateway.app.server.getConnections((_error, count) => {
        now = count;
      });
      return now;
    },
  };
}

/** A first client that has received some events and is gone. */
async function deserted(gateway: TestGateway, sent: number, asking: Asking = {}): Promise<void> {
  const first = leaves(gateway, asking);
  await hand.calls(1);
  hand.stream(0, events.slice(0, sent));
  await first;
}

/** A first client that has received nothing and is gone. */
async function desertedSilently(gateway: TestGateway): Promise<void> {
  let hangUp = (): void => {};
  const hangUpWhen = new Promise<void>((resolve) => {
    hangUp = resolve;
  });
  const first = ask(gateway, { hangUpWhen }).catch(() => 'left');
  await hand.calls(1);
  hangUp();
  expect(await first).toBe('left');
  const { connected } = watch(gateway);
  await eventually(() => connected() === 0);
}

function finish(call: number, sent: number): void {
  hand.stream(call, events.slice(sent));
  hand.answer(call).end();
}

describe('F49d: a client library retries a call that is still running', () => {
  test('after its time-out: one call of the model, one charge, the whole answer', async () => {
    const gateway = await hand.gateway();
    const bodies: Promise<ArrayBuffer>[] = [];
    const client = new Anthropic({
      baseURL: gateway.url,
      apiKey: gateway.key,
      timeout: 1_000,
      maxRetries: 20,
      async fetch(url, init) {
        const count = new Headers(init?.headers).get('x-stainless-retry-count');
        // On a slow machine the first try may not have reached the model.
        if (count !== '0' && hand.upstream.seen.length > 0 && !hand.answer(0).headersSent)
          hand.stream(0, events.slice(0, 2));
        const response = await fetch(url, init);
        bodies.push(response.clone().arrayBuffer());
        return response;
      },
    });
    const reading = client.messages.stream({
      ...question,
      messages: [{ role: 'user', content: 'x' }],
    });
    // The first event can only have come to a retry; the rest waits for it.
    reading.once('streamEvent', () => finish(0, 2));
    expect(await reading.finalText()).toBe('Hello there, wörld 🌍');
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only()).toMatchObject({
      resolution: 'settle',
      cost: COST,
      record: { rule: 'S2', clientDisconnected: true, adopted: true, retryOf: null },
    });
    const [body] = await Promise.all(bodies);
    expect(Buffer.from(body ?? new ArrayBuffer(0)).toString()).toBe(whole);
  });

  test('after its connection broke in mid-stream: every byte, from the first', async () => {
    const gateway = await hand.gateway();
    await deserted(gateway, 5);
    const [id] = gateway.charging.holds.keys();
    const second = asks(gateway, { headers: retry });
    await eventually(() => second.received() === events.slice(0, 5).join(''));
    finish(0, 5);
    const { body, headers, status } = await second.done;
    expect(status).toBe(200);
    expect(body.toString()).toBe(whole);
    expect(headers).toMatchObject({ 'request-id': id, 'content-type': 'text/event-stream' });
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only()).toMatchObject({
      requestId: id,
      cost: COST,
      record: { clientDisconnected: true, adopted: true },
    });
  });

  test('and leaves again, as often as it likes', async () => {
    // Each leaving needs the one place for answers without a client.
    const gateway = await hand.gateway({ pumpLimits: { count: 1, ms: 600_000 } });
    await deserted(gateway, 3);
    for (let round = 0; round < 3; round += 1) await leaves(gateway, { headers: retry });
    const last = asks(gateway, { headers: retry });
    await eventually(() => last.received() !== '');
    finish(0, 3);
    expect((await last.done).body.toString()).toBe(whole);
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only()).toMatchObject({ cost: COST, record: { rule: 'S2' } });
  });

  test('whose answer is JSON: it comes to the retry, with what it cost', async () => {
    const gateway = await hand.gateway();
    await desertedSilently(gateway);
    const second = ask(gateway, { headers: retry });
    await arrived(gateway);
    const text = JSON.stringify(message(ok));
    hand.answer(0).writeHead(200, { 'content-type': 'application/json' }).end(text);
    const { body, headers } = await second;
    expect(body.toString()).toBe(text);
    expect(headers['bursar-cost-usd']).toBe('0.0005');
    expect(hand.upstream.seen).toHaveLength(1);
  });

  test('and the model refuses it: the retry gets that, and nobody pays', async () => {
    const gateway = await hand.gateway();
    await desertedSilently(gateway);
    const second = ask(gateway, { headers: retry });
    await arrived(gateway);
    hand.answer(0).writeHead(529, { 'content-type': 'application/json' }).end('{"type":"error"}');
    expect(await second).toMatchObject({ status: 529, broken: false });
    expect(hand.upstream.seen).toHaveLength(1);
    expect(gateway.charging.only().resolution).toBe('void');
  });
});

test('F49d: a client that left before its hold was taken has asked nothing of the model', async () => {
  const gateway = await hand.gateway();
  const hold = gateway.charging.hold.bind(gateway.charging);
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => {
    admit = resolve;
  });
  let holds = 0;
  gateway.charging.hold = async (command) => {
    holds += 1;
    if (holds === 1) await gate;
    return await hold(command);
  };
  let hangUp = (): void => {};
  const hangUpWhen = new Promise<void>((resolve) => {
    hangUp = resolve;
  });
  const first = ask(gateway, { body: streamed, hangUpWhen }).catch(() => 'left');
  await eventually(() => holds === 1);
  hangUp();
  expect(await first).toBe('left');
  const second = asks(gateway, { headers: retry });
  await hand.calls(1);
  admit();
  await eventually(() => gateway.charging.resolved.size === 1);
  expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S6' } });
  finish(0, 0);
  expect((await second.done).body.toString()).toBe(whole);
  expect(gateway.charging.balance).toBe(5_000_000_000n - COST);
});

describe('a request is executed by itself', () => {
  const streamedWith = (changes: object) => ({ body: { ...streamed, ...changes } });
  test.each<[string, Asking]>([
    ['that is no retry', {}],
    ['that says so', { headers: { 'x-stainless-retry-count': '0' } }],
    ['whose count is no count', { headers: { 'x-stainless-retry-count': 'one' } }],
    ['that asks something else', { headers: retry, ...streamedWith({ max_tokens: 99 }) }],
    ['with another beta feature', { headers: { ...retry, 'anthropic-beta': 'x' } }],
    ['with another version', { headers: { ...retry, 'anthropic-version': '2026-10-21' } }],
    ['with another query', { headers: retry, path: '/v1/messages?beta=true' }],
  ])('%s', async (_name, asking) => {
    const gateway = await hand.gateway();
    await deserted(gateway, 3);
    const second = asks(gateway, asking);
    await hand.calls(2);
    finish(1, 0);
    finish(0, 3);
    expect((await second.done).body.toString()).toBe(whole);
    await eventually(() => gateway.charging.resolved.size === 2);
    for (const { record } of gateway.charging.resolved.values()) {
      expect(record).toMatchObject({ retryOf: null, adopted: false });
    }
  });
});

describe('a retry that cannot be given the answer under way is charged, and linked', () => {
  test('beyond what is kept of one call', async () => {
    const gateway = await hand.gateway({ replayLimits: { ...REPLAY_LIMITS, callBytes: 100 } });
    await deserted(gateway, 3);
    await linked(gateway, 3);
  });

  test('beyond what is kept of all calls', async () => {
    const gateway = await hand.gateway({ replayLimits: { ...REPLAY_LIMITS, nodeBytes: 100 } });
    await deserted(gateway, 3);
    await linked(gateway, 3);
  });

  test('while its first client seems to be there', async () => {
    const gateway = await hand.gateway();
    const first = asks(gateway);
    await hand.calls(1);
    await linked(gateway, 0);
    await first.done;
  });

  test('after the answer has ended without its client', async () => {
    const gateway = await hand.gateway();
    await deserted(gateway, 3);
    finish(0, 3);
    await eventually(() => gateway.charging.resolved.size === 1);
    await linked(gateway);
  });

  /** `sent`: events of the first call that were sent already, if it still runs. */
  async function linked(gateway: TestGateway, sent?: number): Promise<void> {
    const [id] =
      sent === undefined ? gateway.charging.resolved.keys() : gateway.charging.holds.keys();
    const second = asks(gateway, { headers: retry });
    await hand.calls(2);
    finish(1, 0);
    expect((await second.done).body.toString()).toBe(whole);
    if (sent !== undefined) finish(0, sent);
    await eventually(() => gateway.charging.resolved.size === 2);
    const { requestId, ...last } =
      [...gateway.charging.resolved.values()].find((command) => command.requestId !== id) ??
      expect.fail('one charge');
    expect(last).toMatchObject({ cost: COST, record: { retryOf: id, adopted: false } });
    expect(gateway.charging.resolved.get(id ?? '')).toMatchObject({ cost: COST });
    expect(gateway.charging.balance).toBe(5_000_000_000n - 2n * COST);
  }
});
