import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import Anthropic, { RateLimitError } from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { newId } from '#kernel/ids';
import type { TierBook } from '#rate-limits/tiers';
import { systemEntropy } from '#src/system';
import {
  type Answer,
  type Asking,
  ask,
  MODEL,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';
import { gateOf, MemoryBuckets, oneTier } from '#test/rate-world';

const noon = new Date('2026-11-21T12:00:00.250Z');
let usage: Record<string, number> = { input_tokens: 25, output_tokens: 15 };
let release = (): void => {};
let upstream: ScriptedUpstream;
let gateway: TestGateway | undefined;
let clock: ReturnType<typeof manualClock>;

beforeAll(async () => {
  upstream = await scriptedUpstream((response, seen) => {
    const streamed = seen.body.toString().includes('"stream":true');
    response.setHeader('anthropic-ratelimit-requests-limit', '7');
    response.setHeader('anthropic-ratelimit-tokens-remaining', '7000');
    if (seen.path.endsWith('count_tokens')) return void response.end('{"input_tokens":25}');
    response.setHeader('content-type', streamed ? 'text/event-stream' : 'application/json');
    if (seen.headers['x-stall'] !== undefined) return stall(response);
    if (streamed) return void response.end(streamEvents({ outputTokens: 700 }).join(''));
    const content = [{ type: 'text', text: 'Hello' }];
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model: MODEL, content };
    response.end(JSON.stringify({ ...message, stop_reason: 'end_turn', usage }));
  });
});
afterAll(() => upstream.close());
afterEach(async () => {
  await gateway?.gateway.close();
  upstream.seen.length = 0;
  usage = { input_tokens: 25, output_tokens: 15 };
});

const newCaller = () => ({
  organizationId: newId('organization', systemEntropy),
  workspaceId: newId('workspace', systemEntropy),
  apiKeyId: newId('apiKey', systemEntropy),
});

/** An answer that says what its input was, produces some output, and then takes its time. */
function stall(response: ServerResponse): void {
  const events = streamEvents({ texts: Array.from({ length: 10 }, () => 'word '.repeat(200)) });
  const [last = '', ...rest] = events.toReversed();
  response.setHeader('content-type', 'text/event-stream');
  response.write(rest.toReversed().slice(0, -2).join(''));
  release = () => response.end(rest.toReversed().slice(-2).join('') + last);
}

async function start(
  book: TierBook,
  brand?: string,
  workspaceLimits?: unknown,
): Promise<TestGateway> {
  clock = manualClock(noon);
  const store = new MemoryBuckets(clock);
  const rates = gateOf(book, { clock, store, ...(brand === undefined ? {} : { brand }) });
  gateway = await startGateway(upstream.url, {
    rates,
    workspaceLimits,
    balance: 5_000_000_000_000n,
    ...(brand === undefined ? {} : { brand }),
  });
  return gateway;
}

const send = (to: TestGateway, asking: Asking = {}): Promise<Answer> => ask(to, asking);
const errorOf = (answer: Answer): Record<string, unknown> =>
  JSON.parse(answer.body.toString()).error;

describe('a limit on requests', () => {
  test('60 a minute let a burst of 60 through and refuse the next before anything is held', async () => {
    const to = await start(oneTier({ requests: 60 }));
    const burst = await Promise.all(Array.from({ length: 60 }, () => send(to)));
    expect(burst.map(({ status }) => status)).toEqual(Array.from({ length: 60 }, () => 200));
    const refused = await send(to);
    expect(refused.status).toBe(429);
    expect(errorOf(refused)).toEqual({
      type: 'rate_limit_error',
      message:
        "This request would exceed your organization's rate limit of 60 requests per minute " +
        `(org: org_1, model: ${MODEL}). For details, refer to: ` +
        'https://docs.claude.com/en/api/rate-limits. You can see the response headers for ' +
        'current usage. Please reduce the prompt length or the maximum tokens requested, or try ' +
        'again later. You may also contact sales at https://www.anthropic.com/contact-sales to ' +
        'discuss your options for a rate limit increase.',
    });
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'x-should-retry': 'true',
      'anthropic-ratelimit-requests-limit': '60',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-11-21T12:01:01Z',
    });
    expect(upstream.seen).toHaveLength(60);
    expect(to.charging.resolved.size).toBe(60);
    clock.advance(1_000);
    expect((await send(to)).status).toBe(200);
    expect((await send(to)).status).toBe(429);
  });

  test('the headers are of the moment a request entered, however long its hold takes', async () => {
    const to = await start(oneTier({ requests: 60 }));
    const hold = to.charging.hold.bind(to.charging);
    to.charging.hold = (command) => {
      clock.advance(30_000);
      return hold(command);
    };
    expect((await send(to)).headers).toMatchObject({
      'anthropic-ratelimit-requests-remaining': '59',
      'anthropic-ratelimit-requests-reset': '2026-11-21T12:00:02Z',
    });
  });

  test('the official client throws its own error, with what it waits by', async () => {
    const to = await start(oneTier({ requests: 1 }));
    const client = new Anthropic({ baseURL: to.url, apiKey: to.key, maxRetries: 0 });
    const call = { model: MODEL, max_tokens: 10, messages: question.messages } as const;
    const wanted = { ...call, messages: [{ role: 'user' as const, content: 'hello' }] };
    await client.messages.create(wanted);
    const error: unknown = await client.messages.create(wanted).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RateLimitError);
    if (!(error instanceof RateLimitError)) throw new Error('another error');
    expect(error.headers?.get('retry-after')).toBe('60');
    expect(error.message).toContain('rate limit of 1 requests per minute');
  });

  test('under a brand, nothing points to another company', async () => {
    const to = await start(oneTier({ requests: 1 }), 'Acme');
    await send(to);
    const text = String(errorOf(await send(to)).message);
    expect(text).toContain('refer to: http://console/settings/limits.');
    expect(text).not.toMatch(/claude\.com|anthropic/i);
  });

  test('a class of its own limits counting tokens', async () => {
    const to = await start(oneTier({ countTokens: 2, requests: 1 }));
    const counting = { path: '/v1/messages/count_tokens' };
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await send(to, counting)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const refused = await send(to, counting);
    expect(errorOf(refused).message).toBe(
      'This request would exceed the rate limit for your organization of 2 requests per minute.',
    );
    expect(refused.headers['retry-after']).toBe('30');
    expect((await send(to)).status).toBe(200);
  });
});

describe('limits on tokens', () => {
  test('every answer says what is left, rounded to thousands, and hides the upstream’s own', async () => {
    const to = await start(oneTier({ requests: 50, input_tokens: 30_000, output_tokens: 8_000 }));
    for (const stream of [false, true]) {
      const answer = await send(to, { body: { ...question, max_tokens: 1_000, stream } });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': stream ? '48' : '49',
        'anthropic-ratelimit-requests-reset': stream
          ? '2026-11-21T12:00:03Z'
          : '2026-11-21T12:00:02Z',
        'anthropic-ratelimit-input-tokens-limit': '30000',
        'anthropic-ratelimit-input-tokens-remaining': '30000',
        'anthropic-ratelimit-output-tokens-limit': '8000',
        'anthropic-ratelimit-output-tokens-remaining': '8000',
        'anthropic-ratelimit-tokens-limit': '38000',
        'anthropic-ratelimit-tokens-remaining': '38000',
      });
    }
    expect((await send(to)).headers).toMatchObject({
      'anthropic-ratelimit-output-tokens-remaining': '7000',
    });
  });

  test('input and cache writes count as the answer says, cache reads do not', async () => {
    const to = await start(oneTier({ input_tokens: 10_000 }));
    usage = {
      ...{ input_tokens: 100, output_tokens: 5 },
      ...{ cache_creation_input_tokens: 400, cache_read_input_tokens: 500_000 },
    };
    for (let i = 0; i < 10; i += 1) expect((await send(to)).status).toBe(200);
    usage = { input_tokens: 4_990, output_tokens: 5 };
    expect((await send(to)).status).toBe(200);
    const refused = await send(to);
    expect(refused.status).toBe(429);
    expect(errorOf(refused).message).toContain('10,000 input tokens per minute');
  });

  test('a stream counts its input at the first event and its output at the last', async () => {
    const to = await start(oneTier({ input_tokens: 1_000, output_tokens: 700 }));
    expect(
      (await send(to, { body: { ...question, max_tokens: 1_000, stream: true } })).status,
    ).toBe(200);
    const refused = await send(to);
    expect(refused.status).toBe(429);
    expect(errorOf(refused).message).toContain('700 output tokens per minute');
    // 25 of 1,000, as message_start says; the guess from its bytes is gone.
    expect(refused.headers['anthropic-ratelimit-input-tokens-reset']).toBe('2026-11-21T12:00:02Z');
    clock.advance(1_000);
    expect((await send(to)).status).toBe(200);
  });

  test('a stream that is still running has said its input, and counts the output it produces', async () => {
    const to = await start(oneTier({ input_tokens: 100_000, output_tokens: 100_000 }));
    const messages = [{ role: 'user', content: 'x'.repeat(40_000) }];
    const running = send(to, {
      headers: { 'x-stall': '1' },
      body: { ...question, max_tokens: 9_000, stream: true, messages },
    });
    const left = async () => {
      const { headers } = await send(to);
      const of = (kind: string) => Number(headers[`anthropic-ratelimit-${kind}-tokens-remaining`]);
      return { input: of('input'), output: of('output') };
    };
    let seen = await left();
    for (let i = 0; i < 300 && (seen.output > 98_000 || seen.input < 99_000); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      seen = await left();
    }
    // Ten thousand bytes of text are 2,500 tokens or so; the guess of 10,000 for the input is gone.
    expect(seen.output).toBeLessThanOrEqual(98_000);
    expect(seen.input).toBeGreaterThanOrEqual(99_000);
    release();
    expect((await running).status).toBe(200);
    // At the end the answer itself says how much it was: fifteen.
    expect((await left()).output).toBeGreaterThanOrEqual(seen.output);
  });

  test('what is refused for credit gives its tokens back', async () => {
    const to = await start(oneTier({ input_tokens: 100 }));
    to.charging.holdAnswer = { outcome: 'ledger_unavailable' };
    for (let i = 0; i < 10; i += 1) expect((await send(to)).status).toBe(503);
    to.charging.holdAnswer = undefined;
    expect((await send(to)).status).toBe(200);
  });

  test('a photograph is not taken for text', async () => {
    const to = await start(oneTier({ input_tokens: 10_000 }));
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(400_000) };
    const content = [{ type: 'image', source }];
    const body = { ...question, messages: [{ role: 'user', content }] };
    const answers = await Promise.all([send(to, { body }), send(to, { body })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a workspace with limits of its own', () => {
  test('is refused by the narrower one, which the headers show', async () => {
    const limits = { other: { requests: 2 } };
    const to = await start(oneTier({ requests: 100 }), undefined, limits);
    expect((await send(to)).headers).toMatchObject({
      'anthropic-ratelimit-requests-limit': '2',
      'anthropic-ratelimit-requests-remaining': '1',
      'anthropic-ratelimit-input-tokens-limit': '100000000',
    });
    expect((await send(to)).status).toBe(200);
    const refused = await send(to);
    expect(refused.status).toBe(429);
    expect(errorOf(refused).message).toContain(
      "exceed your workspace's rate limit of 2 requests per minute",
    );
    expect(refused.headers['retry-after']).toBe('30');
  });

  test('is limited also where its organization is not, and in tokens too', async () => {
    const limits = { other: { output_tokens: 700 }, count_tokens: { requests: 1 } };
    const to = await start({ classes: [], tiers: [] }, undefined, limits);
    const body = { ...question, max_tokens: 1_000, stream: true };
    expect((await send(to, { body })).status).toBe(200);
    expect((await send(to, { body })).status).toBe(429);
    const counting = { path: '/v1/messages/count_tokens' };
    expect((await send(to, counting)).status).toBe(200);
    expect(errorOf(await send(to, counting)).message).toContain('for your workspace of 1 requests');
  });
});

test('a gate limits the creation of batches by the number of its tier', async () => {
  clock = manualClock(noon);
  const gate = gateOf(oneTier({}), { clock, store: new MemoryBuckets(clock) });
  const caller = { ...newCaller(), kind: 'workspace' } as const;
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  expect(await gate.endpoint('batches', caller, response)).toBeUndefined();
  expect(await gate.endpoint('batches', caller, response)).toMatchObject({
    code: 'rate_limited',
    message:
      'This request would exceed the rate limit for your organization of 1 requests per minute.',
  });
  expect(response.getHeader('retry-after')).toBe('60');
  await gate.close();
});

test('without a tier there are no limits and no headers', async () => {
  const to = await start({ classes: [], tiers: [] });
  const answer = await send(to);
  expect(answer.status).toBe(200);
  expect(Object.keys(answer.headers).filter((name) => name.includes('ratelimit'))).toEqual([]);
});
