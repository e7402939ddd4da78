import { Writable } from 'node:stream';
import Anthropic, {
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
} from '@anthropic-ai/sdk';
import { afterEach, describe, expect, test } from 'vitest';
import { nanos } from '#kernel/money';
import { startModelSim } from '#sims/model-sim/server';
import { MODEL, startGateway } from '#test/gateway-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function world(options: Parameters<typeof startGateway>[1] = {}) {
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const gateway = await startGateway(sim.url, options);
  closing.push(
    () => sim.close(),
    () => gateway.gateway.close(),
  );
  const client = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key, maxRetries: 0 });
  return { gateway, client };
}

const question = {
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'canary-prompt' }],
};
const scenario = (name: string) => ({ headers: { 'x-sim-scenario': name } });

describe('the official client works unchanged', () => {
  test('messages, streams, counting and models', async () => {
    const { gateway, client } = await world();
    const message = await client.messages.create(question);
    expect(message.usage.output_tokens).toBe(20);
    const streamed = await client.messages.stream(question).finalMessage();
    expect(streamed).toMatchObject({ stop_reason: 'end_turn', usage: { output_tokens: 20 } });
    const { input_tokens: counted } = await client.messages.countTokens({
      model: MODEL,
      messages: question.messages,
    });
    expect(counted).toBeGreaterThan(0);
    expect((await client.models.retrieve(MODEL)).id).toBe(MODEL);
    const rules = [...gateway.charging.resolved.values()].map(({ record }) => record.rule);
    expect(rules).toEqual(['S1', 'S2']);
  });

  test('refusals arrive as the error classes programs catch', async () => {
    const { client } = await world({ balance: 0n });
    const refused = await client.messages.create(question).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BadRequestError);
    expect(String(refused)).toContain('Your credit balance is too low');
    const wrong = client.withOptions({ apiKey: 'nonsense' });
    await expect(wrong.messages.create(question)).rejects.toBeInstanceOf(AuthenticationError);
  });

  test('a relayed error keeps its bytes; the id that programs read of it is ours', async () => {
    const { client } = await world();
    const direct = await client.messages
      .create(question, scenario('error_400'))
      .catch((error: unknown) => error);
    if (!(direct instanceof BadRequestError)) throw new Error('not refused');
    expect(direct.requestID).toMatch(/^req_(?!sim)/);
    expect(direct.error).toMatchObject({ request_id: expect.stringMatching(/^req_sim/) });
    const own = await client.messages
      .create({ ...question, model: 'claude-nobody-1' })
      .catch((error: unknown) => error);
    if (!(own instanceof NotFoundError)) throw new Error('not refused');
    expect(own.error).toMatchObject({ request_id: own.requestID });
  });

  test('a model without a price has no tokens to count, and nobody tries it again', async () => {
    const { client } = await world();
    const refused = await client.messages
      .countTokens({ model: 'claude-nobody-1', messages: question.messages })
      .catch((error: unknown) => error);
    if (!(refused instanceof NotFoundError)) throw new Error('not refused');
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(refused.error).toMatchObject({
      error: {
        type: 'not_found_error',
        message: 'model: claude-nobody-1',
        details: { error_code: 'model_not_priced' },
      },
    });
  });

  test('out of credit is not retried, an unreachable ledger is', async () => {
    const poor = await world({ balance: 0n });
    let holds = 0;
    const count = (gateway: typeof poor.gateway) => {
      const hold = gateway.charging.hold.bind(gateway.charging);
      gateway.charging.hold = (command) => {
        holds += 1;
        return hold(command);
      };
    };
    count(poor.gateway);
    await poor.client
      .withOptions({ maxRetries: 1 })
      .messages.create(question)
      .catch(() => {});
    expect(holds).toBe(1);
    const cutOff = await world();
    cutOff.gateway.charging.holdAnswer = { outcome: 'ledger_unavailable' };
    count(cutOff.gateway);
    const failed = cutOff.client.withOptions({ maxRetries: 1 }).messages.create(question);
    await expect(failed).rejects.toBeInstanceOf(InternalServerError);
    expect(holds).toBe(3);
  });

  test('an error event in a stream is thrown, and costs nothing', async () => {
    const { gateway, client } = await world();
    const stream = client.messages.stream(question, scenario('overloaded_midstream'));
    await expect(stream.finalMessage()).rejects.toThrow(/Overloaded/);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S7' } });
  });

  test('H5: credit that runs out in a stream is thrown as such, after what it was enough for', async () => {
    const { gateway, client } = await world({ balance: 500_000_000n });
    const asked = { ...question, max_tokens: 64_000 };
    const stream = client.messages.stream(asked, scenario('ok;output_tokens=30000;chunks=300'));
    let text = '';
    stream.on('text', (delta) => {
      text += delta;
    });
    await expect(stream.finalMessage()).rejects.toThrow(/Your credit balance is too low/);
    expect(text.length).toBeGreaterThan(10_000);
    expect(gateway.charging.only()).toMatchObject({
      resolution: 'settle',
      record: { rule: 'S11' },
    });
    expect(gateway.charging.balance).toBeGreaterThanOrEqual(0n);
    // What is bought is usable at once, by the same client.
    gateway.charging.balance = nanos(5_000_000_000n);
    const again = client.messages.stream(asked, scenario('ok;output_tokens=30000;chunks=300'));
    expect((await again.finalMessage()).usage.output_tokens).toBe(30_000);
  });
});

test('T20: neither keys nor prompts get into the log, whatever happens', async () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const { gateway, client } = await world({ logger: { level: 'trace', stream } });
  await client.messages.create(question, scenario('bad_usage'));
  await client.messages.create(question, scenario('cut_midstream')).catch(() => {});
  await client.messages.create({ ...question, model: 'canary-model' }).catch(() => {});
  gateway.charging.hold = () => Promise.reject(new Error('a bug'));
  await expect(client.messages.create(question)).rejects.toThrow(/Internal server error/);
  const log = lines.join('');
  expect(log).toContain('a bug');
  expect(log).not.toContain(gateway.key);
  expect(log).not.toContain('operator-key');
  expect(log).not.toContain('canary');
});
