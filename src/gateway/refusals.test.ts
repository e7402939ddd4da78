import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { STORE_MS } from '#gateway/in-time';
import {
  type Asking,
  ask,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  standing,
  startGateway,
  type TestGateway,
} from '#test/gateway-world';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await scriptedUpstream((response) => response.end('{}'));
});
afterAll(() => upstream.close());
afterEach(async () => {
  await gateway.gateway.close();
  upstream.seen.length = 0;
});

async function refusal(asking: Asking = {}) {
  const answer = await ask(gateway, asking);
  const text = answer.body.toString();
  const body: { error: Record<string, unknown>; request_id: string } = JSON.parse(text);
  expect(body).toMatchObject({ type: 'error', request_id: answer.headers['request-id'] });
  // Whatever the reason: a refused request neither reached a model nor holds anything.
  expect(upstream.seen).toHaveLength(0);
  expect(gateway.charging.holds.size).toBe(0);
  return { status: answer.status, headers: answer.headers, error: body.error };
}

describe('keys', () => {
  test('every bad key gets the same answer', async () => {
    gateway = await startGateway(upstream.url);
    const flipped = gateway.key.endsWith('A') ? 'B' : 'A';
    const answers = [];
    for (const headers of [
      { 'x-api-key': undefined },
      { 'x-api-key': '' },
      { 'x-api-key': 'nonsense' },
      { 'x-api-key': `${gateway.key.slice(0, -1)}${flipped}` },
      { 'x-api-key': "' OR 1=1 --" },
      { 'x-api-key': undefined, authorization: 'Bearer nonsense' },
      { 'x-api-key': undefined, authorization: `Basic ${gateway.key}` },
    ]) {
      answers.push(await refusal({ headers }));
    }
    expect(gateway.lookups()).toBe(0);
    gateway.foundKey.status = 'revoked';
    answers.push(await refusal());
    gateway.foundKey.status = 'expired';
    answers.push(await refusal());
    for (const { status, headers, error } of answers) {
      expect(status).toBe(401);
      expect(error).toEqual({ type: 'authentication_error', message: 'invalid x-api-key' });
      expect(Object.keys(headers)).toEqual(Object.keys(answers[0]?.headers ?? {}));
    }
  });

  test.each([['key_revoked'], ['key_expired']] as const)(
    'a remembered key found %s by the ledger is refused like any bad key',
    async (outcome) => {
      gateway = await startGateway(upstream.url);
      gateway.charging.holdAnswer = { outcome };
      expect((await refusal()).error.message).toBe('invalid x-api-key');
      expect((await refusal()).status).toBe(401);
      // It was forgotten in between, so the second request asked again.
      expect(gateway.lookups()).toBe(2);
    },
  );

  test('an admin key cannot buy answers', async () => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ headers: { 'x-api-key': gateway.adminKey } });
    expect(status).toBe(403);
    expect(error.type).toBe('permission_error');
  });

  test('a suspended organization is told so', async () => {
    gateway = await startGateway(upstream.url);
    gateway.charging.holdAnswer = { outcome: 'organization_suspended' };
    const { status, error, headers } = await refusal();
    expect(status).toBe(403);
    expect(error).toMatchObject({
      type: 'permission_error',
      details: { error_code: 'organization_suspended' },
    });
    expect(headers['x-should-retry']).toBe('false');
  });
});

describe('credit', () => {
  const literal =
    'Your credit balance is too low to access the Anthropic API. ' +
    'Please go to Plans & Billing to upgrade or purchase credits.';

  test('out of credit is the literal refusal, with what is missing and where to get it', async () => {
    gateway = await startGateway(upstream.url, { balance: 1_500_000n });
    const { status, headers, error } = await refusal();
    expect(status).toBe(400);
    expect(headers['x-should-retry']).toBe('false');
    expect(error).toEqual({
      type: 'invalid_request_error',
      message: literal,
      details: {
        error_code: 'credit_balance_too_low',
        available_usd: '0.0015',
        required_usd: expect.stringMatching(/^0\.0\d+$/),
        billing_url: 'http://127.0.0.1:4000/settings/billing',
      },
    });
  });

  test('an operator with a brand is named instead', async () => {
    gateway = await startGateway(upstream.url, { balance: 0n, brand: 'Acme $& AI' });
    const { error } = await refusal();
    expect(error.message).toBe(literal.replace('Anthropic', () => 'Acme $& AI'));
  });

  test.each([
    ['organization', 'You have reached your specified API usage limits.'],
    ['workspace', 'You have reached your specified workspace API usage limits.'],
    ['api_key', 'You have reached your specified API key usage limits.'],
  ] as const)(
    'a reached %s limit says whose it is and when access comes back',
    async (level, text) => {
      gateway = await startGateway(upstream.url);
      gateway.charging.holdAnswer = {
        outcome: 'limit_reached',
        level,
        subjectId: 'subject',
        liftsAt: new Date('2027-02-01T00:00:00Z'),
        asOf: standing(),
      };
      const { status, headers, error } = await refusal();
      expect([status, headers['x-should-retry']]).toEqual([400, 'false']);
      expect(error).toMatchObject({
        type: 'invalid_request_error',
        details: { error_code: 'spend_limit_reached', level, subject_id: 'subject' },
      });
      const back = 'You will regain access on 2027-02-01 at 00:00 UTC.';
      expect(error.message).toBe(`${text} ${back}`);
    },
  );

  test('debt is the same refusal with a code of its own', async () => {
    gateway = await startGateway(upstream.url);
    const { available } = gateway.charging;
    const inDebt = { outcome: 'in_debt', available, required: available } as const;
    gateway.charging.holdAnswer = { ...inDebt, asOf: standing() };
    const { error } = await refusal();
    expect(error).toMatchObject({ message: literal, details: { error_code: 'account_in_debt' } });
  });

  test.each([
    ['says so', { outcome: 'ledger_unavailable' } as const],
    ['does not answer', undefined],
  ])('a ledger that %s is a 503 within a second', async (_how, answer) => {
    gateway = await startGateway(upstream.url);
    if (answer === undefined) gateway.charging.hold = () => new Promise(() => {});
    else gateway.charging.holdAnswer = answer;
    const from = performance.now();
    const { status, headers, error } = await refusal();
    expect(STORE_MS).toBeLessThan(1_000);
    // On a busy machine the timer may come late; a store that never answers would be waited for longer.
    expect(performance.now() - from).toBeLessThan(8_000);
    expect(status).toBe(503);
    expect(headers).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' });
    expect(error).toMatchObject({
      type: 'api_error',
      details: { error_code: 'ledger_unavailable' },
    });
  });

  test('a store that is busy but not silent is waited for', async () => {
    gateway = await startGateway(upstream.url);
    const { charging } = gateway;
    const hold = charging.hold.bind(charging);
    charging.silent = () => false;
    charging.hold = async (command) => {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      return hold(command);
    };
    // This upstream refuses everybody; what counts is that it was asked.
    expect((await ask(gateway, {})).status).toBe(502);
    expect(charging.only().resolution).toBe('void');
  });

  test('a hold that comes after its refusal is given back', async () => {
    gateway = await startGateway(upstream.url);
    const { charging } = gateway;
    const hold = charging.hold.bind(charging);
    charging.hold = async (command) => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return hold(command);
    };
    expect((await refusal()).status).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(charging.holds.size).toBe(0);
    expect(charging.only().resolution).toBe('void');
  });
});

describe('requests', () => {
  test.each([
    ['no version', { 'anthropic-version': undefined }, 'anthropic-version: header is required'],
    ['an unknown version', { 'anthropic-version': '2020-01-01' }, /supported versions/],
    ['an unknown encoding', { 'content-encoding': 'compress' }, /supported encodings/],
    ['an encoding twice', { 'content-encoding': 'gzip, gzip' }, /supported encodings/],
    ['no encoding of that name', { 'content-encoding': 'toString' }, /supported encodings/],
    [
      'a body that is not encoded as it says',
      { 'content-encoding': 'gzip' },
      /^content-encoding: /,
    ],
  ])('%s is a 400', async (_what, headers, message) => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ headers });
    expect(status).toBe(400);
    expect(error.type).toBe('invalid_request_error');
    expect(error.message).toMatch(message);
  });

  test.each([
    ['max_tokens twice', `{"max_tokens":1,${JSON.stringify(question).slice(1)}`],
    ['broken JSON', '{"model":'],
    ['a list', '[]'],
    ['nothing', ''],
    ['a prototype key', `{"__proto__":1,${JSON.stringify(question).slice(1)}`],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['no max_tokens', JSON.stringify({ ...question, max_tokens: undefined })],
    ['a fractional max_tokens', JSON.stringify({ ...question, max_tokens: 1.5 })],
  ])('%s is a 400', async (_what, body) => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ body: Buffer.from(body) });
    expect(status).toBe(400);
    expect(error.type).toBe('invalid_request_error');
  });

  test('a model without a price is a 404 and never reaches the upstream', async () => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ body: { ...question, model: 'claude-nope' } });
    expect(status).toBe(404);
    expect(error).toEqual({
      type: 'not_found_error',
      message: 'model: claude-nope',
      details: { error_code: 'model_not_priced' },
    });
  });

  test('a continued thread is refused so that clients send the whole conversation', async () => {
    gateway = await startGateway(upstream.url);
    const thread = { type: 'continue', previous_message_id: 'msg_1' };
    const { status, error } = await refusal({ body: { ...question, thread } });
    expect(status).toBe(400);
    expect(error.details).toEqual({
      error_code: 'thread_unsupported_request',
      unsupported: ['thread'],
    });
  });

  test('a server tool without a limit is refused', async () => {
    gateway = await startGateway(upstream.url);
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    const { status, error } = await refusal({ body: { ...question, tools } });
    expect(status).toBe(400);
    expect(error.details).toEqual({ error_code: 'tool_cost_unbounded' });
  });

  test.each([
    [{ type: 'web_search_20250305', max_uses: 2_000 }, /max_uses must be .* from 1 to 1000$/],
    [{ type: 'advisor_20260301', max_uses: 2 }, /model is required/],
    [{ type: 'code_execution_20260521', max_uses: 2 }, /not offered here, because nothing/],
  ])('what a refused tool would need is told: %j', async (tool, remedy) => {
    gateway = await startGateway(upstream.url);
    const { error } = await refusal({ body: { ...question, tools: [tool] } });
    expect(error.message).toMatch(remedy);
  });

  test('a body above 32 MB is a 413', async () => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ body: Buffer.alloc(33_554_433, 0x20) });
    expect([status, error.type]).toEqual([413, 'request_too_large']);
  });

  test('an unknown path is a 404 in the same envelope', async () => {
    gateway = await startGateway(upstream.url);
    const { status, error } = await refusal({ path: '/v1/nothing' });
    expect(status).toBe(404);
    expect(error.message).toBe('The requested resource could not be found.');
  });
});

describe('what the gateway tells about itself', () => {
  test('OpenAPI 3.1 and its reader are served without a key and without a network', async () => {
    gateway = await startGateway(upstream.url);
    const open = { headers: { 'x-api-key': undefined }, method: 'GET' };
    const api = JSON.parse(
      (await ask(gateway, { ...open, path: '/openapi.json' })).body.toString(),
    );
    expect(api.openapi).toMatch(/^3\.1/);
    expect(Object.keys(api.paths)).toEqual([
      '/',
      '/api/hello',
      '/v1/messages',
      '/v1/messages/count_tokens',
      '/v1/files',
      '/v1/files/{id}',
      '/v1/files/{id}/content',
      '/v1/models',
      '/v1/models/{id}',
      '/v1/quote',
    ]);
    const page = await ask(gateway, { ...open, path: '/docs/' });
    expect(page.status).toBe(200);
    expect(page.body.toString()).not.toMatch(/(src|href)="https?:/);
    expect(page.headers['content-security-policy']).toContain("connect-src 'self'");
  });
});
