import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

function create(scenario: string): Promise<Anthropic.Message> {
  return client.messages.create(question, { headers: { 'x-sim-scenario': scenario } });
}

function finalOf(scenario: string): Promise<Anthropic.Message> {
  const headers = { 'x-sim-scenario': scenario };
  return client.messages.stream(question, { headers }).finalMessage();
}

/** Everything of a stream that arrived, and whether it ended properly. */
async function raw(scenario: string, stream = true): Promise<{ text: string; broken: boolean }> {
  const answer = await fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': 'made-up',
      'anthropic-version': '2023-06-01',
      'x-sim-scenario': scenario,
    },
    body: JSON.stringify({ ...question, stream }),
  });
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const part of answer.body ?? []) text += decoder.decode(part, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

test.each([
  ['error_400', 400, 'invalid_request_error'],
  ['error_500', 500, 'api_error'],
  ['overloaded', 529, 'overloaded_error'],
])('%s refuses before any body', async (scenario, status, type) => {
  await expect(create(scenario)).rejects.toMatchObject({ status, error: { error: { type } } });
  await expect(finalOf(scenario)).rejects.toMatchObject({ status });
});

test('a literal usage is passed on as it is, in JSON and in a stream', async () => {
  const literal = { input_tokens: 3, output_tokens: 4, cache_creation: null, odd: 'kept' };
  const base64 = Buffer.from(JSON.stringify(literal)).toString('base64');
  expect((await create(`usage;value=${base64}`)).usage).toEqual(literal);
  expect((await create(`usage=${base64}`)).usage).toEqual(literal);
  expect((await create(`usage;${base64}`)).usage).toEqual(literal);
  expect((await finalOf(`usage;value=${base64}`)).usage.output_tokens).toBe(4);
  const start = Buffer.from('{"input_tokens":77,"output_tokens":1}').toString('base64');
  const { text } = await raw(`usage;value=${base64};start=${start}`);
  expect(text).toContain('"usage":{"input_tokens":77,"output_tokens":1}');
  expect(text).toContain('"odd":"kept"');
});

test('a cut stream breaks after some text and before any stop reason', async () => {
  const { text, broken } = await raw('cut_midstream;output_tokens=40;chunks=10;after=3');
  expect(broken).toBe(true);
  expect(text.match(/content_block_delta\n/g)).toHaveLength(3);
  expect(text).not.toContain('event: message_delta');
  const json = await raw('cut_midstream', false);
  expect(json.broken).toBe(true);
  expect(json.text).toContain('"type":"message"');
});

test('no_stop tells the usage and leaves out message_stop', async () => {
  const { text, broken } = await raw('no_stop');
  expect(broken).toBe(false);
  expect(text).toContain('event: message_delta');
  expect(text).not.toContain('event: message_stop');
  expect((await raw('no_stop;message_delta=0')).text).not.toContain('event: message_delta');
});

test('a refusal has no content and still reports tokens', async () => {
  const whole = await create('refusal;input_tokens=12');
  expect(whole).toMatchObject({ content: [], stop_reason: 'refusal', usage: { input_tokens: 12 } });
  expect(await finalOf('refusal')).toMatchObject({ content: [], stop_reason: 'refusal' });
});

test('a refusal in the middle keeps what was already said', async () => {
  const message = await finalOf('refusal_midstream;chunks=10;after=4');
  expect(message.stop_reason).toBe('refusal');
  expect(message.content).toHaveLength(1);
});

test('an overload in the middle is an error event after text', async () => {
  const { text, broken } = await raw('overloaded_midstream');
  expect(broken).toBe(false);
  expect(text).toMatch(/content_block_delta[\s\S]*event: error[\s\S]*overloaded_error/);
  expect(text).not.toContain('message_stop');
  await expect(finalOf('overloaded_midstream')).rejects.toThrow(/Overloaded/);
});

test('usage can be missing or senseless', async () => {
  expect(await create('no_usage')).not.toHaveProperty('usage');
  expect((await raw('no_usage')).text).not.toContain('"usage"');
  const { usage } = await create('bad_usage');
  expect(usage).toMatchObject({ input_tokens: -1, output_tokens: 1.5 });
});

test('html answers with a page instead of JSON', async () => {
  await expect(create('html')).rejects.toMatchObject({ status: 502 });
  expect((await raw('html;status=200')).text).toContain('<!doctype html>');
});

test('a hanging call says nothing until the caller gives up', async () => {
  const headers = { 'x-sim-scenario': 'hang' };
  const pending = client.messages.create(question, { headers, timeout: 100 });
  await expect(pending).rejects.toThrow(/timed out/);
});

test('pauses are real', async () => {
  const before = performance.now();
  await raw('ok;chunks=5;chunk_ms=10;first_ms=30');
  expect(performance.now() - before).toBeGreaterThan(60);
});

test('what was served may differ from what was asked', async () => {
  const message = await create('ok;model=claude-haiku-5-5;speed=fast;inference_geo=us');
  expect(message.model).toBe('claude-haiku-5-5');
  expect(message.usage).toMatchObject({ speed: 'fast', inference_geo: 'us' });
});

test('an absurd count is reported without the text to match', async () => {
  const message = await create('ok;output_tokens=900000000');
  expect(message.usage.output_tokens).toBe(900_000_000);
  expect(JSON.stringify(message.content).length).toBeLessThan(2_000_000);
});

test.each([
  ['compaction', ['compaction', 'message'], 'claude-opus-5'],
  ['fallback', ['message', 'fallback_message'], 'claude-sonnet-5'],
  ['advisor', ['advisor_message', 'message'], 'claude-opus-5'],
])('%s reports its iterations at the end only', async (scenario, types, model) => {
  const { text } = await raw(`${scenario};input_tokens=5`);
  expect(text.match(/"iterations"/g)).toHaveLength(1);
  const message = await create(`${scenario};input_tokens=5;output_tokens=7`);
  expect(message).toMatchObject({ model, usage: { input_tokens: 5, output_tokens: 7 } });
  expect(message.usage).toHaveProperty(
    'iterations',
    types.map((type) => expect.objectContaining({ type })),
  );
});

test.each(['nonsense', 'ok;output=3', 'ok;chunks=many', 'usage', 'usage;value=bm8='])(
  'a scenario with a typing error is refused: %s',
  async (scenario) => {
    await expect(create(scenario)).rejects.toMatchObject({ status: 400 });
  },
);
