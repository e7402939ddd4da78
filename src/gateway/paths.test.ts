import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type Asking,
  ask,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await scriptedUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(streamEvents().join(''));
  });
  gateway = await startGateway(upstream.url);
});
afterAll(async () => {
  await gateway.gateway.close();
  await upstream.close();
});
afterEach(() => {
  upstream.seen.length = 0;
});

const nothing = Buffer.alloc(0);
const keyless = { 'x-api-key': undefined, 'anthropic-version': undefined };
const envelope = (type: string, message: string, requestId: unknown) => ({
  type: 'error',
  error: { type, message },
  request_id: requestId,
});

describe('probes of known clients', () => {
  test.each([
    ['HEAD', '/'],
    ['GET', '/'],
    ['HEAD', '/api/hello'],
    ['GET', '/api/hello'],
  ])('%s %s is a success without a key', async (method, path) => {
    const answer = await ask(gateway, { method, path, headers: keyless, body: nothing });
    expect(answer.status).toBe(200);
    const said = answer.body.toString();
    expect(said).toBe(method === 'HEAD' ? '' : '{"message":"hello"}');
  });

  test('HEAD of a list is its GET without a body', async () => {
    const asking = { path: '/v1/models', body: nothing };
    const head = await ask(gateway, { ...asking, method: 'HEAD' });
    const get = await ask(gateway, { ...asking, method: 'GET' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('paths and methods that are not there', () => {
  test.each([
    ['GET', '/v1/nothing'],
    ['POST', '/v1'],
    ['DELETE', '/v2/messages'],
    ['GET', '/v1/models/a/b'],
    ['OPTIONS', '/v1/nothing'],
  ])('%s %s is the literal 404', async (method, path) => {
    const answer = await ask(gateway, { method, path, headers: keyless, body: nothing });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body.toString())).toEqual(
      envelope(
        'not_found_error',
        'The requested resource could not be found.',
        answer.headers['request-id'],
      ),
    );
  });

  test.each([
    ['GET', '/v1/messages', 'POST'],
    ['PUT', '/v1/messages?beta=true', 'POST'],
    ['DELETE', '/v1/messages/count_tokens', 'POST'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['DELETE', '/v1/models/claude-opus-5', 'GET, HEAD'],
    ['OPTIONS', '/v1/messages', 'POST'],
  ])('%s %s is a 405 that names %s', async (method, path, allow) => {
    const answer = await ask(gateway, { method, path, body: nothing });
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
    expect(JSON.parse(answer.body.toString())).toEqual(
      envelope('invalid_request_error', 'Method Not Allowed', answer.headers['request-id']),
    );
  });

  test('the body of a request to nowhere is not read, whatever its size', async () => {
    const body = Buffer.alloc(33_554_433);
    const answer = await ask(gateway, { path: '/v1/nothing', headers: keyless, body });
    expect(answer.status).toBe(404);
  });

  test('HEAD /v1/messages is a 405 without a body', async () => {
    const answer = await ask(gateway, { method: 'HEAD', body: nothing });
    expect([answer.status, answer.body.length]).toEqual([405, 0]);
  });
});

describe('pages of other origins', () => {
  const origin = 'https://app.customer.example';
  const optIn = { origin, 'anthropic-dangerous-direct-browser-access': 'true' };
  const preflight = (headers: string): Asking => ({
    method: 'OPTIONS',
    body: nothing,
    headers: {
      ...keyless,
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers,
    },
  });
  const cors = (headers: object) =>
    Object.fromEntries(
      Object.entries(headers).filter(([name]) => name.startsWith('access-control-')),
    );

  test('a browser asks first, and may send what it asks for, without a key', async () => {
    const names = 'anthropic-dangerous-direct-browser-access,anthropic-version,x-api-key';
    const answer = await ask(gateway, preflight(names));
    expect(answer.status).toBe(204);
    expect(cors(answer.headers)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, DELETE, HEAD',
      'access-control-allow-headers': names.replaceAll(',', ', '),
      'access-control-max-age': '600',
    });
  });

  test('a page that does not ask for it is told nothing', async () => {
    const answer = await ask(gateway, preflight('content-type,x-api-key'));
    expect([answer.status, cors(answer.headers)]).toEqual([204, {}]);
  });

  test.each<[string, Asking, number]>([
    ['a stream', { body: { ...question, stream: true } }, 200],
    ['a list', { method: 'GET', path: '/v1/models' }, 200],
    ['a refusal', { body: { ...question, model: 'claude-nope' } }, 404],
    ['a bad key', { headers: { 'x-api-key': 'nonsense' } }, 401],
    ['a path that is not there', { path: '/v1/nothing' }, 404],
  ])('%s can be read by a page that asked for it', async (_what, asking, status) => {
    const headers = { ...asking.headers, ...optIn };
    const answer = await ask(gateway, { ...asking, headers });
    expect(answer.status).toBe(status);
    expect(cors(answer.headers)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': '*',
    });
  });

  test('the upstream is called by a server: it hears of no page', async () => {
    await ask(gateway, { headers: optIn, body: { ...question, stream: true } });
    expect(upstream.seen).toHaveLength(1);
    const seen = upstream.seen[0]?.headers ?? {};
    expect(Object.keys(seen)).not.toContain('origin');
    expect(Object.keys(seen)).not.toContain('anthropic-dangerous-direct-browser-access');
  });

  test.each([origin, 'null'])(
    'without asking for it, %s is refused and pays nothing',
    async (from) => {
      const answer = await ask(gateway, { headers: { origin: from } });
      expect([answer.status, cors(answer.headers)]).toEqual([401, {}]);
      expect(JSON.parse(answer.body.toString()).error).toEqual({
        type: 'authentication_error',
        message: "CORS requests must set 'anthropic-dangerous-direct-browser-access' header",
      });
      expect(upstream.seen).toHaveLength(0);
      expect(gateway.charging.holds.size).toBe(0);
    },
  );

  test('the gateway’s own pages are of its origin', async () => {
    const headers = { origin: gateway.url };
    const answer = await ask(gateway, { method: 'GET', path: '/v1/models', headers });
    expect([answer.status, cors(answer.headers)]).toEqual([200, {}]);
  });
});
