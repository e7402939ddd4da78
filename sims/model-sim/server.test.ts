import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startModelSim } from './server.ts';

let sim: Awaited<ReturnType<typeof startModelSim>>;
let client: Anthropic;
const question = {
  model: 'claude-opus-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'What does a meter read?' }],
};

beforeAll(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  client = new Anthropic({ baseURL: sim.url, apiKey: 'made-up', maxRetries: 0 });
});
afterAll(() => sim.close());
beforeEach(async () => {
  await fetch(`${sim.url}/_sim/calls`, { method: 'DELETE' });
});

function scenario(text: string): { headers: Record<string, string> } {
  return { headers: { 'x-sim-scenario': text } };
}

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'made-up', 'anthropic-version': '2023-06-01', ...headers },
    body: JSON.stringify(body),
  });
}

interface SeenCall {
  readonly id: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body_sha256: string | null;
  readonly aborted: boolean;
  readonly over: boolean;
  readonly at: string;
}

async function calls(): Promise<readonly SeenCall[]> {
  const text = await (await fetch(`${sim.url}/_sim/calls`)).text();
  const answer: { data: readonly SeenCall[] } = JSON.parse(text);
  return answer.data;
}

test('a plain request gets text, a full usage and a stop reason', async () => {
  const message = await client.messages.create(question);
  expect(message.usage).toEqual({
    input_tokens: expect.any(Number),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { thinking_tokens: 0 },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: 'global',
    speed: 'standard',
  });
  expect(message.stop_reason).toBe('end_turn');
  const [block] = message.content;
  expect(block?.type === 'text' ? block.text.split(' ') : []).toHaveLength(20);
});

test('an answer cut by max_tokens says so, and a cache pre-warm has no content', async () => {
  const short = await client.messages.create({ ...question, max_tokens: 5 });
  expect(short.stop_reason).toBe('max_tokens');
  expect(short.usage.output_tokens).toBe(5);
  const warm = await client.messages.create({ ...question, max_tokens: 0 });
  expect(warm.content).toEqual([]);
  expect(warm.usage.output_tokens).toBe(0);
});

test('asked token counts are the ones reported', async () => {
  const asked =
    'ok;input_tokens=7;output_tokens=9;cache_read=11;cache_write_5m=13;cache_write_1h=17;' +
    'web_searches=2';
  const { usage } = await client.messages.create(question, scenario(asked));
  expect(usage).toMatchObject({
    input_tokens: 7,
    output_tokens: 9,
    cache_read_input_tokens: 11,
    cache_creation_input_tokens: 30,
    cache_creation: { ephemeral_5m_input_tokens: 13, ephemeral_1h_input_tokens: 17 },
    server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
  });
});

test('a stream adds up to the JSON answer of the same request', async () => {
  const asked = scenario('ok;output_tokens=50;input_tokens=9;chunks=50');
  const stream = client.messages.stream(question, asked);
  let deltas = 0;
  stream.on('text', () => {
    deltas += 1;
  });
  const streamed = await stream.finalMessage();
  const whole = await client.messages.create(question, asked);
  expect(deltas).toBe(50);
  expect(streamed.content[0]).toMatchObject({ text: Reflect.get(whole.content[0] ?? {}, 'text') });
  expect(streamed.usage.output_tokens).toBe(50);
  expect(streamed.usage.input_tokens).toBe(9);
  expect(streamed.stop_reason).toBe('end_turn');
});

test('equal input gives equal bytes, other input another id', async () => {
  const texts = await Promise.all([1, 2].map(async () => (await post(question)).text()));
  expect(texts[0]).toBe(texts[1]);
  const streams = await Promise.all(
    [1, 2].map(async () => (await post({ ...question, stream: true })).text()),
  );
  expect(streams[0]).toBe(streams[1]);
  const other = await (await post({ ...question, max_tokens: 99 })).text();
  expect(JSON.parse(other)).not.toHaveProperty('id', JSON.parse(texts[0] ?? '').id);
});

test('the newer API version answers alike and refuses sampling parameters', async () => {
  const newer = { 'anthropic-version': '2026-10-21' };
  const [old, young] = await Promise.all([post(question), post(question, newer)]);
  expect(await young.text()).toBe(await old.text());
  const refused = await post({ ...question, temperature: 0.5 }, newer);
  expect(refused.status).toBe(400);
});

test('what the API requires is required', async () => {
  const missing = await fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'made-up' },
    body: JSON.stringify(question),
  });
  expect(missing.status).toBe(400);
  expect(await missing.json()).toMatchObject({
    error: { message: 'anthropic-version: header is required' },
  });
  const { max_tokens: _limit, ...unlimited } = question;
  expect((await post(unlimited)).status).toBe(400);
  expect((await post({ ...question, messages: [] })).status).toBe(400);
  expect((await post(question, { 'x-api-key': '' })).status).toBe(401);
  expect((await post(question, { 'x-api-key': '', authorization: 'Bearer any' })).status).toBe(200);
});

test('a key that looks real is refused with a sentence', async () => {
  const answer = await post(question, { 'x-api-key': 'sk-ant-api03-looks-real' });
  expect(answer.status).toBe(401);
  expect(await answer.text()).toContain('This is a simulator');
});

test('models are listed, found and missed', async () => {
  const page = await client.models.list();
  expect(page.data.map((model) => model.id)).toContain('claude-opus-5');
  expect((await client.models.retrieve('claude-opus-5')).display_name).toBe('Claude Opus 5');
  await expect(client.models.retrieve('claude-nothing')).rejects.toMatchObject({ status: 404 });
});

test('tokens are counted without a limit on the answer', async () => {
  const { model, messages } = question;
  const counted = await client.messages.countTokens({ model, messages });
  expect(counted.input_tokens).toBeGreaterThan(10);
});

test('calls are listed without secrets and can be forgotten', async () => {
  await post(question, { authorization: 'Bearer hidden', 'x-shown': 'yes' });
  const [call] = await calls();
  expect(call).toMatchObject({ path: '/v1/messages', aborted: false });
  expect(call?.body_sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(call?.headers).toMatchObject({ 'x-shown': 'yes' });
  expect(JSON.stringify(call)).not.toMatch(/hidden|made-up/);
  await fetch(`${sim.url}/_sim/calls`, { method: 'DELETE' });
  expect(await calls()).toEqual([]);
});

test('calls that are over can be taken, each once', async () => {
  const take = async () =>
    (await fetch(`${sim.url}/_sim/calls?over=true`, { method: 'DELETE' })).json();
  const leaving = new AbortController();
  const slow = fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'made-up', 'anthropic-version': '1', 'x-sim-scenario': 'hang' },
    body: JSON.stringify(question),
    signal: leaving.signal,
  }).catch(() => 'left');
  await expect.poll(async () => (await calls()).length).toBe(1);
  await (await post(question)).text();
  await expect.poll(async () => (await calls())[1]?.over).toBe(true);
  expect(await take()).toMatchObject({ data: [{ over: true }], open: 1 });
  expect(await take()).toEqual({ data: [], open: 1 });
  leaving.abort();
  expect(await slow).toBe('left');
  await expect.poll(take).toMatchObject({ data: [{ aborted: true }], open: 0 });
});

test('a caller who leaves is noticed', async () => {
  const leaving = new AbortController();
  const pending = fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': 'made-up',
      'anthropic-version': '2023-06-01',
      'x-sim-scenario': 'ok;chunks=50;chunk_ms=20',
    },
    body: JSON.stringify({ ...question, stream: true }),
    signal: leaving.signal,
  });
  const reader = (await pending).body?.getReader();
  await reader?.read();
  leaving.abort();
  await expect.poll(async () => (await calls())[0]?.aborted).toBe(true);
});
