import Anthropic, {
  APIConnectionTimeoutError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { type Account, openAccount } from './account.ts';
import { MODEL, OUT_OF_CREDIT, priceOf, usd } from './shapes.ts';
import { forgetModelCalls, modelCalls } from './sim-calls.ts';

let product: Product;
let account: Account;
let client: Anthropic;

beforeAll(async () => {
  product = await startProduct();
  account = await openAccount(product, 'Official');
  client = new Anthropic({ baseURL: product.run.gateway, apiKey: account.apiKey });
}, 90_000);
afterAll(() => product?.stop());
beforeEach(() => forgetModelCalls(product));

const question = {
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Which client is this?' }],
};
const scenario = (text: string) => ({ headers: { 'x-sim-scenario': text } });
const tokens = { input_tokens: 30, output_tokens: 40 };
const SIZED = 'ok;input_tokens=30;output_tokens=40';

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe('out of credit, topped up, working: one client object', () => {
  test('a refusal that is not retried, then answers, JSON and stream', async () => {
    const poor = await failureOf(client.messages.create(question));
    expect(poor).toBeInstanceOf(BadRequestError);
    expect(String(poor)).toContain(OUT_OF_CREDIT);
    const stream = await failureOf(client.messages.stream(question).finalMessage());
    expect(String(stream)).toContain(OUT_OF_CREDIT);
    expect(await modelCalls(product)).toEqual([]);
    await account.give('20');
    const answer = await client.messages.create(question, scenario(SIZED));
    expect(answer.usage).toMatchObject(tokens);
    expect(await account.rested()).toBe(usd('20') - priceOf(tokens));
    expect((await client.messages.stream(question).finalMessage()).stop_reason).toBe('end_turn');
  });
});

describe('streaming', () => {
  test('events, text and the final message are told in their order', async () => {
    const seen: string[] = [];
    const stream = client.messages
      .stream(question, scenario('ok;output_tokens=30;chunks=10'))
      .on('connect', () => seen.push('connect'))
      .on('streamEvent', ({ type }) => seen.push(type))
      .on('message', () => seen.push('message'))
      .on('end', () => seen.push('end'));
    let text = '';
    stream.on('text', (delta) => {
      text += delta;
    });
    const message = await stream.finalMessage();
    await stream.done();
    expect(await stream.finalText()).toBe(text);
    expect(message.usage.output_tokens).toBe(30);
    expect(seen.filter((what) => what !== 'content_block_delta')).toEqual([
      'connect',
      'message_start',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'message',
      'end',
    ]);
    expect(seen.filter((what) => what === 'content_block_delta')).toHaveLength(10);
    expect(stream.request_id).toMatch(/^req_/);
  });

  test('a stream can be read event by event, without a helper', async () => {
    const types: string[] = [];
    const stream = await client.messages.create({ ...question, stream: true });
    for await (const { type } of stream) types.push(type);
    expect([types.at(0), types.at(-1)]).toEqual(['message_start', 'message_stop']);
  });

  test('thinking and a tool call are built up from their deltas', async () => {
    const thought = await client.messages.stream(question, scenario('thinking')).finalMessage();
    expect(thought.content.map(({ type }) => type)).toEqual(['thinking', 'text']);
    const inputs: unknown[] = [];
    const called = await client.messages
      .stream({ ...question, tools: [weather] }, scenario('tool_use'))
      .on('inputJson', (_part, snapshot) => inputs.push(snapshot))
      .finalMessage();
    expect(called.stop_reason).toBe('tool_use');
    expect(called.content.at(-1)).toMatchObject({ type: 'tool_use', input: { city: 'simulated' } });
    expect(inputs.at(-1)).toEqual({ city: 'simulated' });
  });

  test('an error event is thrown as the error it is', async () => {
    const stream = client.messages.stream(question, scenario('overloaded_midstream'));
    expect(String(await failureOf(stream.finalMessage()))).toContain('overloaded_error');
  });

  test('a stream that is aborted ends at once and is paid for as produced', async () => {
    const before = await account.rested();
    const stream = client.messages.stream(question, scenario(`${SIZED};chunks=20;chunk_ms=20`));
    stream.once('text', () => stream.abort());
    expect(await failureOf(stream.finalMessage())).toBeInstanceOf(APIUserAbortError);
    expect(await account.rested()).toBe(before - priceOf(tokens));
    expect(await modelCalls(product)).toMatchObject([{ aborted: false }]);
  });
});

const weather: Anthropic.Tool = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

describe('tools', () => {
  test('a tool is called, answered and its result read: two calls, both charged', async () => {
    const before = await account.rested();
    const asked = { ...question, tools: [weather] };
    const sized = 'tool_use;input_tokens=30;output_tokens=40';
    const first = await client.messages.create(asked, scenario(sized));
    const use = first.content.find((block) => block.type === 'tool_use');
    expect(use).toMatchObject({ name: 'get_weather' });
    const result = { type: 'tool_result' as const, tool_use_id: use?.id ?? '', content: 'Rain' };
    const messages = [
      ...question.messages,
      { role: 'assistant' as const, content: first.content },
      { role: 'user' as const, content: [result] },
    ];
    const second = await client.messages.create({ ...asked, messages }, scenario(sized));
    expect(second.stop_reason).toBe('end_turn');
    expect(await account.rested()).toBe(before - 2n * priceOf(tokens));
  });

  test.each([false, true])('the tool runner runs them by itself, stream: %s', async (stream) => {
    const cities: string[] = [];
    const tool = betaZodTool({
      name: 'get_weather',
      description: 'The weather of a city',
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        cities.push(city);
        return 'Rain';
      },
    });
    const runner = client.beta.messages.toolRunner(
      { ...question, tools: [tool], stream },
      scenario('tool_use'),
    );
    const last = await runner.runUntilDone();
    expect(last.stop_reason).toBe('end_turn');
    expect(cities).toEqual(['simulated']);
    expect(await modelCalls(product)).toHaveLength(2);
  });
});

describe('errors are of the classes programs catch, with their request id', () => {
  test.each([
    ['error_400', BadRequestError, 400],
    ['error_403', PermissionDeniedError, 403],
    ['error_404', NotFoundError, 404],
    ['error_409', ConflictError, 409],
    ['error_429', RateLimitError, 429],
    ['error_500', InternalServerError, 500],
    ['overloaded', InternalServerError, 529],
    ['html', InternalServerError, 502],
  ])('%s', async (name, kind, status) => {
    const once = client.withOptions({ maxRetries: 0 });
    const error = await failureOf(once.messages.create(question, scenario(name)));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, requestID: expect.stringMatching(/^req_/) });
  });

  test('a wrong key, an unknown model', async () => {
    const stranger = client.withOptions({ apiKey: 'sk-ant-nobody' });
    expect(await failureOf(stranger.messages.create(question))).toBeInstanceOf(AuthenticationError);
    const asked = { ...question, model: 'claude-nobody-1' };
    expect(await failureOf(client.messages.create(asked))).toBeInstanceOf(NotFoundError);
    expect(await modelCalls(product)).toEqual([]);
  });

  test('a time-out of the client', async () => {
    const asked = { ...scenario('ok;first_ms=3000'), timeout: 150, maxRetries: 0 };
    expect(await failureOf(client.messages.create(question, asked))).toBeInstanceOf(
      APIConnectionTimeoutError,
    );
  });
});

describe('retries', () => {
  const counts = async (): Promise<number[]> =>
    (await modelCalls(product)).map(({ headers }) => Number(headers['x-stainless-retry-count']));
  // More than the model asks for: a busy gateway may ask for one as well.
  const patient = () => client.withOptions({ maxRetries: 8 });

  test.each(['error_500', 'error_429', 'error_409', 'overloaded'])(
    '%s is tried again, and an answer in the end is charged once',
    async (name) => {
      const before = await account.rested();
      const asked = scenario(`${name};retry_after_ms=5;until_retry=2`);
      const { usage } = await patient().messages.create(question, asked);
      const tried = await counts();
      expect(tried.at(-1)).toBeGreaterThanOrEqual(2);
      expect(tried.slice(0, -1).every((count) => count < 2)).toBe(true);
      expect(await account.rested()).toBe(before - priceOf(usage));
    },
  );

  test('a stream is tried again before its first byte', async () => {
    const asked = scenario('overloaded;retry_after_ms=5;until_retry=1');
    await patient().messages.stream(question, asked).finalMessage();
    expect((await counts()).at(-1)).toBeGreaterThanOrEqual(1);
  });

  test.each([
    ['error_500;should_retry=false', 1],
    ['error_400', 1],
    ['error_400;should_retry=true;retry_after_ms=5', 3],
  ])('the advice of the model API is obeyed: %s', async (name, times) => {
    const error = await failureOf(client.messages.create(question, scenario(name)));
    expect(error).toMatchObject({ status: Number(name.slice(6, 9)) });
    expect(await counts()).toHaveLength(times);
  });
});

test('betas, counting and models', async () => {
  const before = await account.rested();
  const beta = await client.beta.messages.create(
    { ...question, betas: ['context-1m-2025-08-07'] },
    scenario(SIZED),
  );
  expect(beta.usage).toMatchObject(tokens);
  expect(await modelCalls(product)).toMatchObject([
    { headers: { 'anthropic-beta': 'context-1m-2025-08-07' } },
  ]);
  const unheardOf = { ...question, betas: ['magic'] };
  expect(String(await failureOf(client.beta.messages.create(unheardOf)))).toContain(
    'Unexpected value(s) `magic` for the `anthropic-beta` header.',
  );
  const { model, messages } = question;
  expect((await client.messages.countTokens({ model, messages })).input_tokens).toBeGreaterThan(0);
  expect(await account.rested()).toBe(before - priceOf(tokens));
  const listed: string[] = [];
  for await (const { id } of client.models.list({ limit: 3 })) listed.push(id);
  expect(listed).toContain(MODEL);
  expect(new Set(listed).size).toBe(listed.length);
});
