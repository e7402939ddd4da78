import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startModelSim } from './server.ts';

let sim: Awaited<ReturnType<typeof startModelSim>>;
beforeAll(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterAll(() => sim.close());

const question = {
  model: 'claude-opus-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'What does a meter read?' }],
};

function post(
  scenario: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': 'made-up',
      'anthropic-version': '2023-06-01',
      'x-sim-scenario': scenario,
      ...headers,
    },
    body: JSON.stringify({ ...question, ...more }),
    redirect: 'manual',
  });
}

const streamed = async (scenario: string): Promise<string> =>
  await (await post(scenario, { stream: true })).text();

/** The names of a stream's events, without the deltas of its text. */
const namesOf = (stream: string): string[] =>
  [...stream.matchAll(/^event: (.*)$/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'content_block_delta');

const framed = ['content_block_start', 'ping', 'content_block_stop'];

test.each([
  ['error_400', 400, 'invalid_request_error'],
  ['error_401', 401, 'authentication_error'],
  ['error_402', 402, 'billing_error'],
  ['error_403', 403, 'permission_error'],
  ['error_404', 404, 'not_found_error'],
  ['error_409', 409, 'conflict_error'],
  ['error_413', 413, 'request_too_large'],
  ['error_429', 429, 'rate_limit_error'],
  ['error_500', 500, 'api_error'],
  ['error_503', 503, 'api_error'],
  ['error_504', 504, 'timeout_error'],
  ['overloaded', 529, 'overloaded_error'],
])(
  '%s is a %i of type %s, with advice on retrying only if asked for',
  async (name, status, type) => {
    const plain = await post(name);
    expect(plain.status).toBe(status);
    expect(await plain.json()).toMatchObject({ type: 'error', error: { type } });
    expect(plain.headers.get('retry-after')).toBeNull();
    const advised = await post(`${name};retry_after=7;retry_after_ms=1;should_retry=false`);
    expect(advised.status).toBe(status);
    expect(advised.headers.get('retry-after')).toBe('7');
    expect(advised.headers.get('retry-after-ms')).toBe('1');
    expect(advised.headers.get('x-should-retry')).toBe('false');
  },
);

test('an error may end with a retry', async () => {
  const status = async (retries: string) =>
    (await post('error_500;until_retry=2', {}, { 'x-stainless-retry-count': retries })).status;
  expect([await status('0'), await status('1'), await status('2')]).toEqual([500, 500, 200]);
});

test('F43 a stream may start twice, and the second start tells another usage', async () => {
  const text = await streamed('double_start;input_tokens=5');
  expect(namesOf(text)).toEqual([
    'message_start',
    'message_start',
    ...framed,
    'message_delta',
    'message_stop',
  ]);
  expect(text).toContain('"input_tokens":5,');
  expect(text).toContain('"input_tokens":35,');
});

test.each([
  ['F43', 'double_delta', [4, 8]],
  ['F32', 'decreasing_usage', [16, 8]],
])('%s %s tells the output twice, and only then how it ended', async (_fault, name, outputs) => {
  const text = await streamed(`${name};output_tokens=8`);
  const deltas = text.split('\n\n').filter((event) => event.startsWith('event: message_delta'));
  expect(deltas.map((event) => Number(/"output_tokens":(\d+)/.exec(event)?.[1]))).toEqual(outputs);
  expect(deltas.map((event) => event.includes('"stop_reason":null'))).toEqual([true, false]);
});

test('F43 events may come after the stop', async () => {
  const names = namesOf(await streamed('after_stop'));
  const end = ['message_delta', 'message_stop'];
  expect(names).toEqual(['message_start', ...framed, ...end, ...end]);
});

test('events, deltas and fields nobody has heard of', async () => {
  const text = await streamed('unknown_events');
  expect(text).toContain('event: weather_report');
  expect(text).toContain('scent_delta');
  expect(text).toContain('retry: 10');
});

test.each([
  ['lf', '\n'],
  ['crlf', '\r\n'],
  ['cr', '\r'],
])('F44 lines may end in %s, with comments and characters of several bytes', async (name, end) => {
  const text = await streamed(`odd_bytes;line_end=${name};comments=1;split=3`);
  expect(text).toContain(`event: message_stop${end}data: {"type":"message_stop"}${end}${end}`);
  expect(text).toContain(`: nothing to see – 計${end}`);
  expect(text).toContain('計量器 🌍');
  expect(text.replaceAll(end, '')).not.toMatch(/[\r\n]/);
});

test('F44 a write may be a single byte', async () => {
  const sizes: number[] = [];
  for await (const part of (await post('odd_bytes;split=1;chunk_ms=1', { stream: true })).body ??
    []) {
    sizes.push(part.length);
    if (sizes.length === 20) break;
  }
  expect(Math.max(...sizes)).toBeLessThan(20);
});

test('F40 pings may go on for ever, and end with the caller', async () => {
  const answer = await post('pings;after=2;chunk_ms=1', { stream: true });
  let text = '';
  const decoder = new TextDecoder();
  for await (const part of answer.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if ((text.match(/event: ping/g)?.length ?? 0) > 5) break;
  }
  expect(text).not.toContain('message_stop');
});

test('F42 JSON may be cut where its length says it ends, in a body and in an event', async () => {
  const whole = await post('truncated_json');
  const text = await whole.text();
  expect(whole.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
  expect(() => JSON.parse(text)).toThrow();
  const events = (await streamed('truncated_json')).trimEnd().split('\n\n');
  const [, data = ''] = (events.at(-2) ?? '').split('\ndata: ');
  expect(events.at(-2)).toContain('event: message_delta');
  expect(() => JSON.parse(data)).toThrow();
});

test('F45 a redirect names a place of its own', async () => {
  const answer = await post('redirect');
  expect([answer.status, answer.headers.get('location')]).toEqual([307, '/_sim/landed']);
  expect((await post('redirect;status=308;location=/else')).headers.get('location')).toBe('/else');
});

test('F46 one more answer follows on the same connection', async () => {
  const agent = new Agent({ keepAlive: true });
  const received = await new Promise<string>((resolve, reject) => {
    const headers = {
      'x-api-key': 'made-up',
      'anthropic-version': '2023-06-01',
      'x-sim-scenario': 'extra_response',
    };
    const call = request(`${sim.url}/v1/messages`, { method: 'POST', agent, headers });
    call.on('error', reject);
    call.on('socket', (socket) => {
      let bytes = '';
      socket.on('data', (part: Buffer) => {
        bytes += part.toString('latin1');
        if (bytes.includes('of somebody else')) resolve(bytes);
      });
    });
    call.on('response', (response) => response.resume());
    call.end(JSON.stringify(question));
  });
  expect(received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  agent.destroy();
});

test.each([
  ['F36', 'unknown_iteration', ['deliberation', 'message']],
  ['F48', 'fallback_declined', ['message', 'fallback_message']],
  ['F48', 'fallback_sticky', ['fallback_message']],
])('%s %s in its iterations', async (_fault, name, types) => {
  const answer = await (await post(`${name};output_tokens=8`)).json();
  expect(answer).toMatchObject({ usage: { iterations: types.map((type) => ({ type })) } });
  if (name === 'fallback_declined') {
    expect(answer).toMatchObject({
      stop_reason: 'refusal',
      content: [],
      usage: { output_tokens: 0, iterations: [{ output_tokens: 0 }, { output_tokens: 0 }] },
    });
  }
});

test('an iteration of an unknown kind may run on any model', async () => {
  const answer = await (await post('unknown_iteration;iteration_model=claude-none-1')).json();
  expect(answer).toMatchObject({ usage: { iterations: [{ model: 'claude-none-1' }, {}] } });
});

test('tools are called with an input that fits, and their result is answered in text', async () => {
  const tools = [
    {
      name: 'look_up',
      input_schema: {
        type: 'object',
        properties: {
          place: { type: 'string' },
          days: { type: 'integer' },
          unit: { enum: ['C', 'F'] },
          exact: { type: 'boolean' },
        },
      },
    },
  ];
  const called = await (await post('tool_use', { tools })).json();
  const input = { place: 'simulated', days: 1, unit: 'C', exact: true };
  expect(called).toMatchObject({
    stop_reason: 'tool_use',
    content: [{ type: 'text' }, { type: 'tool_use', name: 'look_up', input }],
  });
  const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: '21' };
  const messages = [...question.messages, { role: 'user', content: [result] }];
  const done = await (await post('tool_use', { tools, messages })).json();
  expect(done).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text' }] });
});

test('thinking comes before the text, with its signature', async () => {
  const whole = await (await post('thinking')).json();
  expect(whole).toMatchObject({ content: [{ type: 'thinking' }, { type: 'text' }] });
  const text = await streamed('thinking');
  expect(text).toMatch(/thinking_delta[\s\S]*signature_delta[\s\S]*"index":1[\s\S]*text_delta/);
});

test('every reason to stop can be asked for, and only those there are', async () => {
  const stopped = await (await post('ok;stop_reason=stop_sequence')).json();
  expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'stop' });
  expect(await streamed('ok;stop_reason=pause_turn')).toContain('"stop_reason":"pause_turn"');
  expect((await post('ok;stop_reason=boredom')).status).toBe(400);
});

test('the account speaks in the headers, but not before anybody is known', async () => {
  const answer = await post('ok');
  expect(answer.headers.get('request-id')).toMatch(/^req_sim/);
  expect(answer.headers.get('anthropic-organization-id')).not.toBeNull();
  expect(answer.headers.get('anthropic-ratelimit-requests-remaining')).toBe('4320');
  expect(answer.headers.get('anthropic-ratelimit-input-tokens-reset')).toMatch(/Z$/);
  const unknown = await post('ok', {}, { 'x-api-key': '' });
  expect(unknown.status).toBe(401);
  expect(unknown.headers.get('anthropic-organization-id')).toBeNull();
});

test('a beta nobody has heard of is refused in the words of the API', async () => {
  const known = { 'anthropic-beta': 'files-api-2025-04-14, context-1m-2025-08-07' };
  expect((await post('ok', {}, known)).status).toBe(200);
  const answer = await post('ok', {}, { 'anthropic-beta': 'files-api-2025-04-14,magic' });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: {
      type: 'invalid_request_error',
      message:
        'Unexpected value(s) `magic` for the `anthropic-beta` header. Please consult our ' +
        'documentation at platform.claude.com/docs or try again without the header.',
    },
  });
});

test('a model of no such family is not found', async () => {
  const answer = await post('ok', { model: 'gpt-1' });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({
    error: { type: 'not_found_error', message: 'model: gpt-1' },
  });
});
