import { createAnthropic } from '@ai-sdk/anthropic';
import { APICallError, generateText, isStepCount, RetryError, streamText, tool } from 'ai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { type Account, openAccount } from './account.ts';
import { MODEL, OUT_OF_CREDIT, priceOf, usd } from './shapes.ts';
import { forgetModelCalls, modelCalls } from './sim-calls.ts';

let product: Product;
let account: Account;
let model: ReturnType<ReturnType<typeof createAnthropic>>;

beforeAll(async () => {
  product = await startProduct();
  account = await openAccount(product, 'Vercel');
  // One object for all of them, with and without credit.
  const provider = createAnthropic({
    baseURL: `${product.run.gateway}/v1`,
    apiKey: account.apiKey,
  });
  model = provider(MODEL);
}, 90_000);
afterAll(() => product?.stop());
beforeEach(() => forgetModelCalls(product));

const tokens = { input_tokens: 30, output_tokens: 40 };
const SIZED = 'input_tokens=30;output_tokens=40';
const asked = (scenario = `ok;${SIZED}`) => ({
  model,
  prompt: 'Which client is this?',
  maxOutputTokens: 100,
  headers: { 'x-sim-scenario': scenario },
});

const failureOf = (call: PromiseLike<unknown>): PromiseLike<unknown> =>
  call.then(
    () => 'no failure',
    (error: unknown) => error,
  );

/** What a stream failed with: it is told, not thrown. */
async function streamFailure(scenario: string, maxRetries = 0): Promise<unknown> {
  const failures: unknown[] = [];
  const stream = streamText({
    ...asked(scenario),
    maxRetries,
    onError: ({ error }) => {
      failures.push(error);
    },
  });
  await stream.consumeStream();
  return failures[0];
}

describe('out of credit, topped up, working: one client object', () => {
  test('a refusal that is not retried, then answers, JSON and stream', async () => {
    const poor = await failureOf(generateText(asked()));
    expect(APICallError.isInstance(poor)).toBe(true);
    expect(poor).toMatchObject({ statusCode: 400, isRetryable: false, message: OUT_OF_CREDIT });
    expect(String(await streamFailure('ok', 2))).toContain(OUT_OF_CREDIT);
    expect(await modelCalls(product)).toEqual([]);
    await account.give('20');
    const { text, usage, finishReason, response } = await generateText(asked());
    expect(text).not.toBe('');
    expect(usage).toMatchObject({ inputTokens: 30, outputTokens: 40 });
    expect(finishReason).toBe('stop');
    expect(response.headers?.['bursar-cost-usd']).toBeDefined();
    expect(await account.rested()).toBe(usd('20') - priceOf(tokens));
    const stream = streamText(asked());
    expect(await stream.text).toBe(text);
    expect(await account.rested()).toBe(usd('20') - 2n * priceOf(tokens));
  });
});

describe('streams', () => {
  test('text comes in parts, with the usage at the end', async () => {
    const stream = streamText(asked(`ok;${SIZED};chunks=10`));
    const parts: string[] = [];
    for await (const part of stream.textStream) parts.push(part);
    expect(parts).toHaveLength(10);
    expect(await stream.usage).toMatchObject({ inputTokens: 30, outputTokens: 40 });
    expect(await stream.finishReason).toBe('stop');
  });

  test('thinking is told apart from text', async () => {
    const { reasoningText, text } = await generateText(asked('thinking'));
    expect(reasoningText).toContain('A meter reads');
    expect(text).not.toContain('A meter reads.');
  });

  test('an error event is told as the error it is', async () => {
    expect(JSON.stringify(await streamFailure('overloaded_midstream'))).toContain('verloaded');
  });

  test('a stream that is aborted is paid for as produced', async () => {
    const before = await account.rested();
    const leave = new AbortController();
    const stream = streamText({
      ...asked(`ok;${SIZED};chunks=20;chunk_ms=20`),
      abortSignal: leave.signal,
    });
    for await (const part of stream.textStream) if (part !== '') leave.abort();
    expect(await account.rested()).toBe(before - priceOf(tokens));
    expect(await modelCalls(product)).toMatchObject([{ aborted: false }]);
  });
});

describe('tools', () => {
  const cities: string[] = [];
  const tools = {
    get_weather: tool({
      description: 'The weather of a city',
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }) => {
        cities.push(city);
        return Promise.resolve('Rain');
      },
    }),
  };

  test.each(['generateText', 'streamText'])('%s calls them and goes on', async (how) => {
    const before = await account.rested();
    cities.length = 0;
    const request = { ...asked(`tool_use;${SIZED}`), tools, stopWhen: isStepCount(5) };
    const steps =
      how === 'generateText'
        ? (await generateText(request)).steps
        : await streamText(request).steps;
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(cities).toEqual(['simulated']);
    expect(await account.rested()).toBe(before - 2n * priceOf(tokens));
  });
});

describe('errors', () => {
  test.each([
    ['error_400', 400, false],
    ['error_404', 404, false],
    ['error_429', 429, true],
    ['error_500', 500, true],
    ['overloaded', 529, true],
  ])('%s says whether it is worth another try', async (name, statusCode, isRetryable) => {
    const error = await failureOf(generateText({ ...asked(name), maxRetries: 0 }));
    expect(error).toMatchObject({ statusCode, isRetryable });
    expect(await streamFailure(name)).toMatchObject({ statusCode, isRetryable });
  });

  test('what is worth another try gets it', async () => {
    const request = { ...asked('overloaded;retry_after_ms=5'), maxRetries: 1 };
    const error = await failureOf(generateText(request));
    expect(RetryError.isInstance(error)).toBe(true);
    expect((await modelCalls(product)).length).toBeGreaterThan(1);
  });

  test('a wrong key and an unknown model', async () => {
    const stranger = createAnthropic({ baseURL: `${product.run.gateway}/v1`, apiKey: 'nobody' });
    const refused = await failureOf(generateText({ ...asked(), model: stranger(MODEL) }));
    expect(refused).toMatchObject({ statusCode: 401, message: 'invalid x-api-key' });
    const known = createAnthropic({
      baseURL: `${product.run.gateway}/v1`,
      apiKey: account.apiKey,
    });
    const unknown = await failureOf(generateText({ ...asked(), model: known('claude-nobody-1') }));
    expect(unknown).toMatchObject({ statusCode: 404, message: 'model: claude-nobody-1' });
    expect(await modelCalls(product)).toEqual([]);
  });
});
