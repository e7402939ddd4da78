import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import { MODEL, priceOf, refusal } from './shapes.ts';
import { until } from './until.ts';
import { signIn, type Visitor } from './visitor.ts';

const question = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    model: MODEL,
    max_tokens: 200,
    messages: [{ role: 'user', content: 'What does the wire say?' }],
    ...more,
  });

let product: Product;
let account: Account;
let owner: Visitor;

beforeAll(async () => {
  product = await startProduct();
  account = await openAccount(product, 'Wire');
  await account.give('50');
  owner = await signIn(product, account.owner);
});

afterAll(() => product?.stop());

const call = (options: {
  body?: string;
  headers?: Record<string, string>;
  apiKey?: string;
  signal?: AbortSignal;
}): Promise<Response> => {
  const { body = question(), apiKey = account.apiKey, headers = {} } = options;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  return ask(product.run.gateway, { apiKey, body, headers, ...signal });
};

describe('who may call', () => {
  test.each([
    ['a key of another shape', 'not-a-key'],
    ['a key that was never made', `sk-bursar-api01-${'A'.repeat(43)}-ABCDEF`],
    ['a key of another provider', `sk-ant-api03-${'A'.repeat(95)}`],
  ])('%s gets the one literal 401', async (_what, apiKey) => {
    const answer = await call({ apiKey });
    expect(answer.status).toBe(401);
    const said = refusal.parse(await answer.json());
    expect(said.error).toEqual({ type: 'authentication_error', message: 'invalid x-api-key' });
    expect(answer.headers.get('request-id')).toBe(said.request_id);
  });

  test('a revoked key gets the same 401 within the time a key is remembered', async () => {
    const other = await openAccount(product, 'Revoked');
    await other.give('1');
    expect((await call({ apiKey: other.apiKey })).status).toBe(200);
    await product.cli(z.object({ status: z.literal('revoked') }), 'key', 'revoke', other.keyId);
    const answer = await call({ apiKey: other.apiKey });
    expect(answer.status).toBe(401);
    expect(refusal.parse(await answer.json()).error.message).toBe('invalid x-api-key');
  });

  test.each([
    ['x-api-key', (key: string) => ({ 'x-api-key': key })],
    ['a bearer token', (key: string) => ({ 'x-api-key': '', authorization: `Bearer ${key}` })],
  ])('%s is accepted', async (_what, headersOf) => {
    const answer = await bare(headersOf(account.apiKey));
    expect(answer.status).toBe(200);
  });

  test.each(['2023-06-01', '2026-10-21'])('version %s of the API is spoken', async (version) => {
    const answer = await call({ headers: { 'anthropic-version': version } });
    expect(answer.status).toBe(200);
    expect(z.object({ type: z.literal('message') }).parse(await answer.json()).type).toBe(
      'message',
    );
  });

  test('a call without a version is refused by the name of the header', async () => {
    const answer = await bare({ 'x-api-key': account.apiKey }, '');
    expect(answer.status).toBe(400);
    expect(refusal.parse(await answer.json()).error.message).toContain('anthropic-version');
  });
});

describe('what can be called', () => {
  test('a model without a price is 404 and never reaches the model', async () => {
    await fetch(`${product.run.model_sim}/_sim/calls`, { method: 'DELETE' });
    const answer = await call({ body: question({ model: 'claude-nobody-9' }) });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    const { error } = refusal.parse(await answer.json());
    expect(error.type).toBe('not_found_error');
    expect(error.message).toContain('claude-nobody-9');
    expect(error.details).toMatchObject({ error_code: 'model_not_priced' });
    const calls = await fetch(`${product.run.model_sim}/_sim/calls`);
    expect(z.object({ data: z.array(z.unknown()) }).parse(await calls.json()).data).toEqual([]);
  });

  test('GET /v1/models lists what the price book sells', async () => {
    const answer = await fetch(`${product.run.gateway}/v1/models?limit=1000`, {
      headers: { 'x-api-key': account.apiKey, 'anthropic-version': '2023-06-01' },
    });
    expect(answer.status).toBe(200);
    const model = z.object({ id: z.string(), type: z.literal('model'), display_name: z.string() });
    const { data } = z.object({ data: z.array(model) }).parse(await answer.json());
    expect(data.map(({ id }) => id)).toContain(MODEL);
  });

  test('a duplicated key in the body is refused: two readers must not read two requests', async () => {
    const body = question().replace('"max_tokens":200', '"max_tokens":1,"max_tokens":200');
    const answer = await call({ body });
    expect(answer.status).toBe(400);
    expect(refusal.parse(await answer.json()).error.type).toBe('invalid_request_error');
  });

  test.each([
    ['JSON', {}],
    ['a stream', { stream: true }],
  ])('every answer names its request: %s', async (_what, more) => {
    const answer = await call({ body: question(more) });
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
    await answer.text();
  });
});

const PRICE = priceOf({ input_tokens: 30, output_tokens: 40 });
const USAGE = 'input_tokens=30;output_tokens=40';
/** A model of its own for answers that cannot be believed: after three it is refused. */
const UNRELIABLE = { model: 'claude-haiku-4-5' };

describe('what a call costs, by how it ended', () => {
  test.each([
    ['S1 a whole JSON answer: its price', 'ok', {}, PRICE],
    ['S2 a whole stream: its price', 'ok', { stream: true }, PRICE],
    ['S3 a refusal before any output: nothing', 'refusal', {}, 0n],
    ['S4 a refusal after output: its price', 'refusal_midstream', { stream: true }, PRICE],
    ['S7 an error event mid-stream: nothing', 'overloaded_midstream', { stream: true }, 0n],
    ['S8 a stream cut before its stop reason: nothing', 'cut_midstream', { stream: true }, 0n],
    ['S8 a JSON answer cut in half: nothing', 'cut_midstream', {}, 0n],
    ['S9 a stream cut after its stop reason: its price', 'no_stop', { stream: true }, PRICE],
    ['S12 an answer without usage: nothing', 'no_usage', UNRELIABLE, 0n],
    ['S12 an answer with impossible usage: nothing', 'bad_usage', UNRELIABLE, 0n],
  ])('%s', async (_what, name, more, price) => {
    const before = await owner.available();
    const headers = { 'x-sim-scenario': `${name};${USAGE}` };
    const answer = await call({ body: question(more), headers });
    // A stream that breaks may break our reading of it; what it cost is the question here.
    await answer.text().catch(() => '');
    await settledAt(before - price);
  });

  test.each([
    ['error_400', 400, 'invalid_request_error'],
    ['error_500', 500, 'api_error'],
    ['overloaded', 529, 'overloaded_error'],
  ])('S6 %s of the model is passed on and costs nothing', async (name, status, type) => {
    const before = await owner.available();
    const answer = await call({ headers: { 'x-sim-scenario': name } });
    expect(answer.status).toBe(status);
    expect(z.object({ error: z.object({ type: z.string() }) }).parse(await answer.json())).toEqual(
      expect.objectContaining({ error: expect.objectContaining({ type }) }),
    );
    await settledAt(before);
  });

  test('a page of HTML instead of an answer is a 502 and costs nothing', async () => {
    const before = await owner.available();
    const headers = { 'x-sim-scenario': 'html;status=200' };
    const answer = await call({ body: question(UNRELIABLE), headers });
    expect(answer.status).toBe(502);
    expect(refusal.parse(await answer.json()).error.type).toBe('api_error');
    await settledAt(before);
  });

  test('S12 after three answers that cannot be believed the model is refused for now', async () => {
    const answer = await call({ body: question(UNRELIABLE) });
    expect(answer.status).toBe(503);
    const { error } = refusal.parse(await answer.json());
    expect(error.details).toMatchObject({ error_code: 'upstream_usage_unreliable' });
  });

  // Both answers take seconds, so that the balance can be asked for while they are under way.
  test('S10 a client that leaves mid-stream pays for what was produced, once', async () => {
    const before = await owner.available();
    const leave = new AbortController();
    const headers = { 'x-sim-scenario': `ok;${USAGE};chunks=20;chunk_ms=200` };
    const answer = await call({ body: question({ stream: true }), headers, signal: leave.signal });
    await answer.body?.getReader().read();
    leave.abort();
    expect(await owner.available()).toBeLessThan(before - PRICE);
    await settledAt(before - PRICE);
  });

  test('S10 a client that leaves before a JSON answer pays for what was produced', async () => {
    const before = await owner.available();
    const leave = new AbortController();
    const headers = { 'x-sim-scenario': `ok;${USAGE};first_ms=4000` };
    const left = call({ headers, signal: leave.signal }).catch(() => 'left' as const);
    await until('the hold', 5_000, async () =>
      (await owner.available()) < before ? true : undefined,
    );
    leave.abort();
    expect(await left).toBe('left');
    await settledAt(before - PRICE);
  });
});

/** The hold of a call is open until it is resolved, so the right balance may take a moment. */
async function settledAt(expected: bigint): Promise<void> {
  let seen: bigint | undefined;
  await until('the settled balance', 12_000, async () => {
    seen = await owner.available();
    return seen === expected ? true : undefined;
  }).catch(() => {});
  expect(seen).toBe(expected);
}

/** A call whose credentials and version are exactly these. */
function bare(credentials: Record<string, string>, version = '2023-06-01'): Promise<Response> {
  const headers = new Headers({ 'content-type': 'application/json' });
  for (const [name, value] of Object.entries({ ...credentials, 'anthropic-version': version })) {
    if (value !== '') headers.set(name, value);
  }
  return fetch(`${product.run.gateway}/v1/messages`, {
    method: 'POST',
    headers,
    body: question(),
    signal: AbortSignal.timeout(15_000),
  });
}
