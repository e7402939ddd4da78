import { afterEach, describe, expect, test } from 'vitest';
import { startModelSim } from '#sims/model-sim/server';
import {
  ask,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
} from '#test/gateway-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function world(upstream: { readonly url: string; close(): Promise<void> }) {
  const started = await startGateway(upstream.url);
  closing.push(
    () => upstream.close(),
    () => started.gateway.close(),
  );
  return started;
}

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5',
  content: [{ type: 'text', text: 'Grüße 🌍' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 25, output_tokens: 15 },
};

describe('an answer reaches the client as the upstream sent it', () => {
  test.each([{ stream: false }, { stream: true }])('byte for byte, $stream', async ({ stream }) => {
    const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
    const gateway = await world(sim);
    const body = { ...question, stream };
    const direct = await ask({ url: sim.url, key: 'made-up' }, { body });
    const relayed = await ask(gateway, { body });
    expect(relayed.status).toBe(200);
    expect(relayed.broken).toBe(false);
    expect(relayed.body.equals(direct.body)).toBe(true);
    expect(relayed.headers['content-type']).toBe(direct.headers['content-type']);
    expect(relayed.headers['request-id']).toMatch(/^req_[0-9A-Z]{26}$/);
  });

  test('a stream that comes one byte at a time', async () => {
    const bytes = Buffer.from(streamEvents().join(''));
    const gateway = await world(
      await scriptedUpstream(async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.socket?.setNoDelay(true);
        for (const byte of bytes) {
          response.write(Buffer.of(byte));
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      }),
    );
    const relayed = await ask(gateway, { body: { ...question, stream: true } });
    expect(relayed.body.equals(bytes)).toBe(true);
    expect(gateway.charging.only().record.rule).toBe('S2');
  });

  test('odd spacing and unknown fields of a JSON body survive', async () => {
    const text = `${JSON.stringify({ ...message, unheard_of: [1, 2] }, null, 3)}\n\n`;
    const gateway = await world(
      await scriptedUpstream((response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(text);
      }),
    );
    const relayed = await ask(gateway);
    expect(relayed.body.toString()).toBe(text);
  });
});

describe('what goes up', () => {
  let upstream: ScriptedUpstream;
  async function echoWorld() {
    upstream = await scriptedUpstream((response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'set-cookie': 'session=upstream',
        'request-id': 'req_upstream',
        'anthropic-organization-id': 'operator',
        'anthropic-ratelimit-requests-remaining': '7',
      });
      response.end(JSON.stringify(message));
    });
    return world(upstream);
  }

  test("the operator's key goes up, the customer's never", async () => {
    const gateway = await echoWorld();
    await ask(gateway, { headers: { cookie: 'a=b' } });
    await ask(gateway, {
      headers: { 'x-api-key': undefined, authorization: `Bearer ${gateway.key}` },
    });
    expect(upstream.seen).toHaveLength(2);
    for (const { headers } of upstream.seen) {
      expect(headers['x-api-key']).toBe('operator-key');
      expect(headers.authorization).toBeUndefined();
      expect(headers.cookie).toBeUndefined();
      expect(JSON.stringify(headers)).not.toContain(gateway.key);
    }
  });

  test('the body goes up as the bytes that came, with unknown headers and the query', async () => {
    const gateway = await echoWorld();
    const body = Buffer.from(`${JSON.stringify(question, null, 2)}  \n`);
    await ask(gateway, {
      path: '/v1/messages?beta=true',
      body,
      headers: {
        'anthropic-beta': 'one,two',
        'x-unheard-of': 'yes',
        'accept-encoding': 'gzip',
        'idempotency-key': 'shared',
        'anthropic-workspace-id': 'wrkspc_other',
      },
    });
    const [call] = upstream.seen;
    expect(call?.path).toBe('/v1/messages?beta=true');
    expect(call?.body.equals(body)).toBe(true);
    expect(call?.headers).toMatchObject({
      'anthropic-beta': 'one,two',
      'anthropic-version': '2023-06-01',
      'x-unheard-of': 'yes',
      'accept-encoding': 'identity',
      'content-length': String(body.length),
    });
    expect(call?.headers['idempotency-key']).toBeUndefined();
    expect(call?.headers['anthropic-workspace-id']).toBeUndefined();
  });

  test.each([
    ['cookie', 'a=b'],
    ['proxy-authorization', 'Basic c2VjcmV0'],
    ['proxy-connection', 'hold-this'],
    ['keep-alive', 'timeout=5'],
    ['te', 'trailers'],
    ['trailer', 'x-later'],
    ['http2-settings', 'AAMAAABkAAQAAP__'],
    ['expect', '100-continue'],
    ['x-forwarded-for', '203.0.113.7'],
    ['x-forwarded-host', 'customer.example'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-client-cert', 'Hash=00'],
    ['forwarded', 'for=203.0.113.7'],
    ['via', '1.1 proxy.customer.example'],
    ['x-real-ip', '203.0.113.7'],
    ['cf-connecting-ip', '203.0.113.7'],
    ['true-client-ip', '203.0.113.7'],
    ['referer', 'https://customer.example/page'],
    ['sec-fetch-site', 'cross-site'],
    ['idempotency-key', 'shared'],
    ['anthropic-workspace-id', 'wrkspc_1'],
    ['anthropic-user-profile-id', 'profile_1'],
  ])('%s ends here', async (name, value) => {
    const gateway = await echoWorld();
    const answer = await ask(gateway, { headers: { [name]: value, 'x-goes-on': 'yes' } });
    expect(answer.status).toBe(200);
    const [call] = upstream.seen;
    expect(call?.headers).toMatchObject({ 'x-goes-on': 'yes', 'x-api-key': 'operator-key' });
    expect(call?.headers[name]).toBeUndefined();
    expect(JSON.stringify(call?.headers)).not.toContain(value);
  });

  test('what Connection names belongs to this hop, whatever it is', async () => {
    const gateway = await echoWorld();
    const headers = {
      connection: 'keep-alive, X-Hop , anthropic-beta',
      'x-hop': '1',
      'anthropic-beta': 'one',
      'x-goes-on': 'yes',
    };
    expect((await ask(gateway, { headers })).status).toBe(200);
    const seen = upstream.seen[0]?.headers ?? {};
    expect([seen['x-hop'], seen['anthropic-beta'], seen['x-goes-on']]).toEqual([
      undefined,
      undefined,
      'yes',
    ]);
    expect(seen.connection).not.toContain('hop');
  });

  test.each([
    { stream: false, status: 200 },
    { stream: true, status: 200 },
    { stream: false, status: 529 },
  ])('of the upstream’s headers only what describes the body comes down: %j', async (way) => {
    const { stream, status } = way;
    const kept = {
      'cache-control': 'no-store',
      'retry-after': '7',
      'retry-after-ms': '6500',
      'x-should-retry': 'false',
    };
    const ended = {
      'set-cookie': '__cf=upstream',
      'proxy-authenticate': 'Basic',
      'proxy-connection': 'close',
      trailer: 'x-later',
      upgrade: 'h2c',
      server: 'secret-edge/1',
      via: '1.1 edge',
      'cf-ray': '8f00-AMS',
      'x-envoy-upstream-service-time': '12',
      'anthropic-organization-id': 'operator',
      'anthropic-workspace-id': 'wrkspc_operator',
      'anthropic-ratelimit-tokens-remaining': '7',
      'x-hop': 'this hop alone',
      'strict-transport-security': 'max-age=1',
      'access-control-allow-origin': '*',
    };
    const gateway = await world(
      await scriptedUpstream((response) => {
        const type = stream ? 'text/event-stream' : 'application/json';
        const connection = 'close, x-hop';
        response.writeHead(status, { ...kept, ...ended, connection, 'content-type': type });
        if (status !== 200) response.end('{"type":"error","error":{"type":"overloaded_error"}}');
        else response.end(stream ? streamEvents().join('') : JSON.stringify(message));
      }),
    );
    const answer = await ask(gateway, { body: { ...question, stream } });
    expect([answer.status, answer.broken]).toEqual([status, false]);
    expect(answer.headers).toMatchObject(kept);
    for (const name of Object.keys(ended))
      expect([name, answer.headers[name]]).toEqual([name, undefined]);
    expect(answer.headers.connection ?? '').not.toContain('x-hop');
  });

  test("the operator's cookies, ids and limits do not come down", async () => {
    const gateway = await echoWorld();
    const { headers } = await ask(gateway);
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['anthropic-organization-id']).toBeUndefined();
    expect(headers['anthropic-ratelimit-requests-remaining']).toBeUndefined();
    expect(headers['request-id']).not.toBe('req_upstream');
  });

  test('counting tokens is relayed and costs nothing', async () => {
    const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
    const gateway = await world(sim);
    const path = '/v1/messages/count_tokens';
    const counted = await ask(gateway, { path });
    expect(counted.status).toBe(200);
    expect(JSON.parse(counted.body.toString())).toEqual({ input_tokens: expect.any(Number) });
    expect(gateway.charging.resolved.size).toBe(0);
    const stranger = await ask(gateway, { path, headers: { 'x-api-key': 'nonsense' } });
    expect(stranger.status).toBe(401);
  });
});

describe('an upstream that cannot be trusted', () => {
  test('a redirect is refused and not followed', async () => {
    const elsewhere = await scriptedUpstream((response) => response.end('{}'));
    closing.push(() => elsewhere.close());
    const gateway = await world(
      await scriptedUpstream((response) => {
        response.writeHead(307, { location: `${elsewhere.url}/v1/messages` });
        response.end();
      }),
    );
    const answer = await ask(gateway);
    expect(answer.status).toBe(502);
    expect(answer.headers.location).toBeUndefined();
    expect(elsewhere.seen).toHaveLength(0);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S6' } });
  });

  test("a refusal of the operator's key is not shown as one of the customer's", async () => {
    const gateway = await world(
      await scriptedUpstream((response) => {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end('{"type":"error","error":{"message":"invalid x-api-key"}}');
      }),
    );
    const answer = await ask(gateway);
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).not.toContain('x-api-key');
  });

  test('no connection is a retryable 502', async () => {
    const gone = await scriptedUpstream(() => {});
    await gone.close();
    const gateway = await world({ url: gone.url, close: async () => {} });
    const answer = await ask(gateway);
    expect(answer.status).toBe(502);
    expect(answer.headers['x-should-retry']).toBe('true');
    expect(gateway.charging.only().resolution).toBe('void');
  });
});
