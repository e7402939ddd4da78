import { Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { startModelSim } from '#sims/model-sim/server';
import { ask, MODEL, question, scriptedUpstream, startGateway } from '#test/gateway-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function world(upstream: { readonly url: string; close(): Promise<void> }) {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  const clock = manualClock(new Date());
  const logger = { level: 'error', stream };
  const started = await startGateway(upstream.url, { clock, logger });
  closing.push(
    () => upstream.close(),
    () => started.gateway.close(),
  );
  return { ...started, clock, lines };
}

const simWorld = async () => world(await startModelSim({ host: '127.0.0.1', port: 0 }));
const scenario = (name: string) => ({ headers: { 'x-sim-scenario': name } });

test.each([
  ['no_usage', false],
  ['bad_usage', true],
  ['html;status=200', false],
])('a quarantined answer is logged as an error with its reason (%s)', async (name, stream) => {
  const gateway = await simWorld();
  await ask(gateway, { ...scenario(name), body: { ...question, stream } });
  expect(gateway.charging.only().record.quarantined).toBe(true);
  expect(gateway.lines).toHaveLength(1);
  expect(gateway.lines[0]).toMatchObject({
    level: 50,
    reqId: expect.stringMatching(/^req_/),
    rule: 'S12',
    reason: expect.stringMatching(/\w/),
    model: MODEL,
  });
  const text = JSON.stringify(gateway.lines);
  expect(text).not.toContain(gateway.key);
  expect(text).not.toContain(question.messages[0]?.content);
});

test('an answer that is charged logs no error', async () => {
  const gateway = await simWorld();
  await ask(gateway);
  expect(gateway.lines).toEqual([]);
});

test('after three quarantines the model is refused for five minutes, and nothing is held', async () => {
  const gateway = await simWorld();
  for (let count = 0; count < 3; count++) {
    expect((await ask(gateway, scenario('no_usage'))).status).toBe(200);
  }
  const refused = await ask(gateway);
  expect(refused.status).toBe(503);
  expect(refused.headers).toMatchObject({ 'x-should-retry': 'true', 'retry-after': '60' });
  expect(JSON.parse(refused.body.toString()).error).toMatchObject({
    type: 'api_error',
    details: { error_code: 'upstream_usage_unreliable' },
  });
  expect(gateway.charging.resolved.size).toBe(3);
  expect(gateway.charging.holds.size).toBe(0);
  const other = await ask(gateway, { body: { ...question, model: 'claude-sonnet-5' } });
  expect(other.status).toBe(200);
  gateway.clock.advance(300_000);
  expect((await ask(gateway)).status).toBe(200);
});

const usage = { input_tokens: 25, output_tokens: 15 };
const oddNames = ['a\u0000b', '\ud800', 'two words', '', 'x'.repeat(201)];

test.each(
  oddNames.flatMap((name) => [
    { name, stream: false },
    { name, stream: true },
  ]),
)(
  'a served model that cannot be recorded is quarantined under the model asked for ($name)',
  async ({ name, stream }) => {
    const message = { type: 'message', content: [{ type: 'text', text: 'Hi' }], model: name };
    const events = [
      { type: 'message_start', message: { ...message, usage } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
      { type: 'message_stop' },
    ].map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
    const gateway = await world(
      await scriptedUpstream((response) => {
        const type = stream ? 'text/event-stream' : 'application/json';
        response.writeHead(200, { 'content-type': type });
        const whole = JSON.stringify({ ...message, stop_reason: 'end_turn', usage });
        response.end(stream ? events.join('') : whole);
      }),
    );
    await ask(gateway, { body: { ...question, stream } });
    const { resolution, record } = gateway.charging.only();
    expect(resolution).toBe('void');
    expect(record).toMatchObject({ model: MODEL, rule: 'S12', quarantined: true });
    expect(gateway.lines[0]).toMatchObject({ served: MODEL });
  },
);
