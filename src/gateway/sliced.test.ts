import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { ExtendOutcome } from '#charging/commands';
import { nanos } from '#kernel/money';
import {
  ask,
  eventually,
  question,
  scriptedUpstream,
  startGateway,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';

/** Opus 5: a byte of output that may be a token is held at $25 a million, in the US a tenth more. */
const TOKEN = 27_500n;
const big = { ...question, max_tokens: 64_000, stream: true, thinking: { type: 'disabled' } };
const DOLLAR = 1_000_000_000n;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Script = (response: ServerResponse) => void | Promise<void>;
type Options = Parameters<typeof startGateway>[1] & {
  /** How many tokens the upstream says a text is; it says nothing if absent. */
  readonly count?: (text: string) => number;
};
async function world(script: Script, { count, ...options }: Options = {}) {
  const upstream = await scriptedUpstream((response, { path, body }) => {
    if (path === '/v1/messages') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      void script(response);
    } else if (count !== undefined) {
      const [message] = JSON.parse(body.toString()).messages;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ input_tokens: count(message.content) }));
    } else {
      response.writeHead(500).end();
    }
  });
  closing.push(() => upstream.close());
  const started = await startGateway(upstream.url, options);
  closing.push(() => started.gateway.close());
  return started;
}

/** Each event is sent by itself, so that it is a piece of its own. */
const sending =
  (events: readonly string[]): Script =>
  async (response) => {
    for (const event of events) {
      if (response.destroyed) return;
      response.write(event);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  };
const texts = (count: number, bytes: number) =>
  Array.from({ length: count }, () => 'abcd'.repeat(bytes / 4));
const long = (bytes: number, outputTokens = bytes / 4) =>
  streamEvents({ texts: texts(bytes / 500, 500), outputTokens });

/** Everything that was asked for, in order. */
function watched(gateway: TestGateway) {
  const amounts: { readonly kind: 'hold' | 'extend'; readonly amount: bigint }[] = [];
  const { charging } = gateway;
  const [hold, extend] = [charging.hold.bind(charging), charging.extend.bind(charging)];
  charging.hold = (command) => {
    amounts.push({ kind: 'hold', amount: command.amount });
    return hold(command);
  };
  charging.extend = (command) => {
    amounts.push({ kind: 'extend', amount: command.toAmount });
    return extend(command);
  };
  return amounts;
}

const lastEvent = (body: Buffer) => {
  const blocks = body.toString().trimEnd().split('\n\n');
  const [name = '', data = ''] = (blocks.at(-1) ?? '').split('\n');
  return { name, data: JSON.parse(data.replace(/^data: /, '')) };
};
/** Every event before the last one is whole, so a client can read up to the error. */
const readable = (body: Buffer) =>
  body
    .toString()
    .trimEnd()
    .split('\n\n')
    .every((block) => JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') !== null);

describe('H5: a stream that the credit does not cover whole is held for in slices', () => {
  test('a customer with a dollar and max_tokens of 64,000 is served to the end', async () => {
    const gateway = await world(sending(long(20_000)), { balance: DOLLAR });
    const asked = watched(gateway);
    const answer = await ask(gateway, { body: big });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(Buffer.from(long(20_000).join('')))).toBe(true);
    const { cost, record } = gateway.charging.only();
    expect(record).toMatchObject({ rule: 'S2', estimated: false });
    expect(cost).toBe(25n * 5_000n + 5_000n * 25_000n);
    expect(gateway.charging.balance).toBe(DOLLAR - cost);
    // The whole bound is above a dollar; after it, slices, each above what was held before.
    expect(asked[0]?.amount).toBeGreaterThan(64_000n * TOKEN);
    const slices = asked.slice(1).map(({ amount }) => amount);
    expect(slices.length).toBeGreaterThan(2);
    expect(slices).toEqual([...slices].sort((a, b) => (a < b ? -1 : 1)));
    for (const amount of slices) expect(amount).toBeLessThanOrEqual(DOLLAR);
  });

  test('who has enough holds the whole bound at once, as ever', async () => {
    const gateway = await world(sending(long(20_000)), { balance: 5n * DOLLAR });
    const asked = watched(gateway);
    expect((await ask(gateway, { body: big })).status).toBe(200);
    expect(asked.map(({ kind }) => kind)).toEqual(['hold']);
  });

  test.each(['full', 'auto', 'sliced'] as const)(
    'an answer that is no stream is never sliced (%s)',
    async (holdPolicy) => {
      const gateway = await world(sending([]), { balance: DOLLAR, holdPolicy });
      const answer = await ask(gateway, { body: { ...big, stream: false } });
      expect(answer.status).toBe(400);
      expect(gateway.charging.holds.size).toBe(0);
    },
  );

  test('an organization that wants whole holds is refused what does not fit', async () => {
    const gateway = await world(sending(long(500)), { balance: DOLLAR, holdPolicy: 'full' });
    const answer = await ask(gateway, { body: big });
    expect(answer.status).toBe(400);
    const { details } = JSON.parse(answer.body.toString()).error;
    expect(Number(details.required_usd)).toBeGreaterThan(1);
  });

  test('one that wants slices never holds a whole bound', async () => {
    const gateway = await world(sending(long(20_000)), {
      balance: 5n * DOLLAR,
      holdPolicy: 'sliced',
    });
    const asked = watched(gateway);
    expect((await ask(gateway, { body: big })).status).toBe(200);
    for (const { amount } of asked) expect(amount).toBeLessThan(40_000n * TOKEN);
    expect(gateway.charging.only().record.rule).toBe('S2');
  });

  test('less than the least slice is refused, with what would have been enough', async () => {
    const gateway = await world(sending(long(500)), { balance: 20_000_000n });
    const answer = await ask(gateway, { body: big });
    const { error } = JSON.parse(answer.body.toString());
    expect([answer.status, error.details.error_code]).toEqual([400, 'credit_balance_too_low']);
    gateway.charging.balance = nanos(BigInt(error.details.required_usd.slice(2).padEnd(9, '0')));
    expect((await ask(gateway, { body: big })).status).toBe(200);
  });
});

describe('S11: when what is held is used up and more is refused', () => {
  test('the stream ends with the error of an empty balance, and what was delivered is charged', async () => {
    const balance = 300_000_000n;
    const gateway = await world(sending(long(40_000)), { balance });
    const asked = watched(gateway);
    const { body, broken } = await ask(gateway, { body: big });
    expect(broken).toBe(false);
    expect(readable(body)).toBe(true);
    const { name, data } = lastEvent(body);
    expect(name).toBe('event: error');
    expect(data).toMatchObject({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: expect.stringContaining('Your credit balance is too low'),
        details: {
          error_code: 'credit_balance_too_low',
          billing_url: 'http://127.0.0.1:4000/settings/billing',
        },
      },
      request_id: expect.stringMatching(/^req_/),
    });
    // It was used to its last token, and everything before the error is as the upstream sent it.
    expect(asked.at(-2)?.amount).toBeLessThanOrEqual(balance);
    const relayed = body.toString().slice(0, body.toString().lastIndexOf('event: error'));
    expect(long(40_000).join('').startsWith(relayed)).toBe(true);
    const { cost, resolution, record } = gateway.charging.only();
    expect(resolution).toBe('settle');
    expect(record).toMatchObject({ rule: 'S11', estimated: true, clientDisconnected: false });
    // Four bytes of text for a token, and a frame around each piece of 500.
    const delivered = BigInt(relayed.split('content_block_delta","').length - 1) * 125n;
    expect(cost).toBeLessThanOrEqual(25n * 5_000n + delivered * 25_000n);
    expect(cost).toBeGreaterThan(25n * 5_000n + ((delivered * 98n) / 100n) * 25_000n);
    expect(gateway.charging.balance).toBe(balance - cost);
    expect(gateway.charging.holds.size).toBe(0);
  });

  test.each<[string, ExtendOutcome, string, string]>([
    [
      'a debt',
      { outcome: 'in_debt', available: nanos(0n), required: nanos(1n) },
      'invalid_request_error',
      'Your credit balance is too low',
    ],
    [
      'a limit',
      {
        outcome: 'limit_reached',
        level: 'workspace',
        subjectId: 'wrkspc_1',
        liftsAt: new Date('2026-12-01T00:00:00Z'),
      },
      'invalid_request_error',
      'You have reached your specified workspace API usage limits. ' +
        'You will regain access on 2026-12-01 at 00:00 UTC.',
    ],
    ['a lapsed hold', { outcome: 'hold_expired' }, 'api_error', 'The ledger is not reachable'],
  ])('%s ends it the same way, in its own words', async (_why, refusal, type, message) => {
    const gateway = await world(sending(long(40_000)), { balance: DOLLAR });
    gateway.charging.extend = async () => refusal;
    const { body } = await ask(gateway, { body: big });
    const { name, data } = lastEvent(body);
    expect(name).toBe('event: error');
    expect(data.error.type).toBe(type);
    expect(data.error.message).toContain(message);
    expect(gateway.charging.only().record).toMatchObject({ rule: 'S11', estimated: true });
    expect(gateway.charging.balance).toBeGreaterThan(0n);
  });

  test('before that what has passed is counted, so that credit is used to its end', async () => {
    const counted: number[] = [];
    const gateway = await world(sending(long(32_000, 8_000)), {
      balance: 300_000_000n,
      count(text) {
        counted.push(text.length);
        return text.length / 4;
      },
    });
    const { body } = await ask(gateway, { body: big });
    expect(body.equals(Buffer.from(long(32_000, 8_000).join('')))).toBe(true);
    expect(gateway.charging.only().record.rule).toBe('S2');
    expect(gateway.charging.balance).toBe(300_000_000n - 25n * 5_000n - 8_000n * 25_000n);
    // Each text is counted once, and only where there is enough of it.
    expect(counted.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(32_000);
    expect(Math.min(...counted)).toBeGreaterThanOrEqual(1_024);
  });

  test('a text of as many tokens as bytes is ended no later for having been counted', async () => {
    const gateway = await world(sending(long(40_000)), {
      balance: 300_000_000n,
      count: (text) => text.length,
    });
    const { body } = await ask(gateway, { body: big });
    expect(lastEvent(body).name).toBe('event: error');
    expect(body.length).toBeLessThan(20_000);
  });

  test('the upstream is told to stop', async () => {
    const open: ServerResponse[] = [];
    const gateway = await world(
      (response) => {
        open.push(response);
        for (const event of long(40_000).slice(0, -2)) response.write(event);
      },
      { balance: 300_000_000n },
    );
    await ask(gateway, { body: big });
    await eventually(() => open[0]?.destroyed === true);
  });

  test('a client that has left changes nothing about it', async () => {
    const gateway = await world(sending(long(40_000)), { balance: 300_000_000n });
    await ask(gateway, { body: big, leaveWhen: (bytes) => bytes.includes('text_delta') });
    await eventually(() => gateway.charging.resolved.size === 1);
    const { record } = gateway.charging.only();
    expect(record).toMatchObject({ rule: 'S11', estimated: true, clientDisconnected: true });
    expect(gateway.charging.balance).toBeGreaterThan(0n);
  });
});

describe('nothing is delivered that is not held for', () => {
  test('while an extension is on its way the upstream stands still', async () => {
    const gateway = await world(sending(long(30_000)), { balance: DOLLAR });
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const extend = gateway.charging.extend.bind(gateway.charging);
    gateway.charging.extend = async (command) => {
      await gate;
      return extend(command);
    };
    let received = 0;
    const answer = ask(gateway, {
      body: big,
      leaveWhen: (bytes) => {
        received = bytes.length;
        return false;
      },
    });
    await eventually(() => received > 8_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [held = 0n] = gateway.charging.holds.values();
    const frames = (received / 618) * 118;
    expect(BigInt(Math.floor(received - frames)) * TOKEN).toBeLessThanOrEqual(held + 20n * TOKEN);
    open();
    expect((await answer).body.includes('event: message_stop')).toBe(true);
    expect(gateway.charging.only().record.rule).toBe('S2');
  });

  test('a store that never answers ends the stream in bounded time, and nothing is charged', async () => {
    const options = { balance: DOLLAR, settlePatienceMs: 300 };
    const gateway = await world(sending(long(40_000)), options);
    gateway.charging.extend = async () => ({ outcome: 'ledger_unavailable' });
    const { body } = await ask(gateway, { body: big });
    expect(lastEvent(body).data.error.details.error_code).toBe('ledger_unavailable');
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });

  test('the price of a finished answer is known, so its last events pass at any length', async () => {
    const events = long(8_000);
    const answer = [...events.slice(0, -1), ...events.slice(-1)].join('');
    const stop = 'x'.repeat(60_000);
    const padded = answer.replace('"stop_sequence":null', `"stop_sequence":"${stop}"`);
    expect(padded.length).toBeGreaterThan(60_000);
    const gateway = await world((response) => void response.end(padded), { balance: 300_000_000n });
    const { body } = await ask(gateway, { body: big });
    expect(body.equals(Buffer.from(padded))).toBe(true);
    expect(gateway.charging.only().record.rule).toBe('S2');
  });

  test('F32: whatever the pieces, bytes come as they were sent', async () => {
    const all = Buffer.from(long(12_000).join(''));
    const gateway = await world(
      async (response) => {
        for (let at = 0; at < all.length; at += 97) {
          response.write(all.subarray(at, at + 97));
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      },
      { balance: DOLLAR },
    );
    expect((await ask(gateway, { body: big })).body.equals(all)).toBe(true);
  });

  test('S8: a stream that breaks off costs nothing, sliced or not', async () => {
    const gateway = await world(
      (response) => {
        response.write(long(4_000).slice(0, 8).join(''));
        setTimeout(() => response.destroy(), 50);
      },
      { balance: DOLLAR },
    );
    expect((await ask(gateway, { body: big })).broken).toBe(true);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });
});

describe('S13: what was thought unseen is paid for as far as the credit goes', () => {
  const thinking = { ...question, max_tokens: 64_000, stream: true };
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

  test('a finished answer that cost more than is left takes what is left', async () => {
    const events = streamEvents({ texts: texts(8, 500), outputTokens: 40_000 });
    const gateway = await world(sending(events), { balance: 600_000_000n });
    const { body } = await ask(gateway, { body: thinking });
    expect(lastEvent(body).name).toBe('event: message_stop');
    expect(gateway.charging.only().record.rule).toBe('S2');
    expect(gateway.charging.balance).toBe(0n);
  });

  test('a signature stands for what was thought, and is counted', async () => {
    const [first = '', ...rest] = streamEvents({ texts: texts(8, 500), outputTokens: 12_000 });
    const signed = [
      event('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } }),
      event('content_block_delta', {
        index: 0,
        delta: { type: 'signature_delta', signature: 'A'.repeat(48_000) },
      }),
      event('content_block_stop', { index: 0 }),
    ];
    const gateway = await world(sending([first, ...signed, ...rest]), { balance: 600_000_000n });
    await ask(gateway, { body: thinking });
    // At least what the hidden thinking is known to cost.
    expect(gateway.charging.balance).toBeLessThanOrEqual(300_000_000n);
    expect(gateway.charging.balance).toBeGreaterThanOrEqual(0n);
  });
});
