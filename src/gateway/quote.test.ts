import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { nanos, parseUsd } from '#kernel/money';
import type { HoldPolicy } from '#orgs/hold-policy';
import { boundHold } from '#pricing/bound';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock } from '#src/system';
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
import { row, standingPrices, testBook } from '#test/prices';

const shape = z.strictObject({
  type: z.literal('quote'),
  model: z.string(),
  hold_usd: z.string(),
  most_usd: z.string(),
  sliced: z.boolean(),
  expected_usd: z.string(),
  expected_list_usd: z.string(),
  input_tokens: z.int(),
  input_tokens_source: z.enum(['counted', 'bound']),
  output_tokens: z.int(),
  lines: z.array(
    z.strictObject({
      kind: z.string(),
      model: z.string().nullable(),
      units: z.string(),
      unit_price_usd: z.string(),
      per: z.string(),
      multipliers: z.array(z.string()),
      amount_usd: z.string(),
    }),
  ),
  price_version: z.string(),
  available_usd: z.string().nullable(),
  admitted: z.boolean(),
  least_admitted_usd: z.string().nullable(),
  refusal: z
    .strictObject({ type: z.string(), error_code: z.string().nullable(), message: z.string() })
    .nullable(),
});

let gateway: TestGateway;
let upstream: ScriptedUpstream | undefined;
afterEach(async () => {
  await gateway.gateway.close();
  await upstream?.close();
  upstream = undefined;
});

type Counting = (response: ServerResponse) => void;
const counts =
  (tokens: unknown): Counting =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ input_tokens: tokens }));
  };
const book = testBook('acme-7', row('claude-opus-5', '5', '25'));

async function world(
  counting: Counting = counts(10),
  options: { balance?: bigint; holdPolicy?: HoldPolicy } = {},
) {
  upstream = await scriptedUpstream(counting);
  gateway = await startGateway(upstream.url, { prices: standingPrices(book), ...options });
}
const quoted = (more: object = {}, asking: Asking = {}) =>
  ask(gateway, { path: '/v1/quote', body: { ...question, ...more }, ...asking });
async function quote(more: object = {}, asking: Asking = {}) {
  const answer = await quoted(more, asking);
  expect([answer.status, answer.body.toString()]).toEqual([200, expect.any(String)]);
  return shape.parse(JSON.parse(answer.body.toString()));
}
async function refusal(more: object = {}, asking: Asking = {}) {
  const answer = await quoted(more, asking);
  const { error } = JSON.parse(answer.body.toString());
  return [answer.status, error.details?.error_code ?? error.type, error.message];
}
/** Tokens never outnumber bytes: what the question can become at most. */
function provenTokens(): number {
  const bytes = JSON.stringify(question).length;
  const bound = boundHold(book, question, bytes, systemClock.now());
  return bound.outcome === 'bounded' ? bound.inputTokensMax : -1;
}
const amount = (text: string) => parseUsd(text) ?? nanos(-1n);

test('a quote says what would be held, what to expect, line by line, and that it would pass', async () => {
  await world();
  const told = await quote({ expected_output_tokens: 20 });
  expect(told).toMatchObject({
    model: 'claude-opus-5',
    // 10 tokens in at 5 dollars a million, 20 out at 25.
    expected_usd: '0.00055',
    expected_list_usd: '0.00055',
    input_tokens: 10,
    input_tokens_source: 'counted',
    output_tokens: 20,
    price_version: 'acme-7',
    available_usd: '5',
    admitted: true,
    least_admitted_usd: null,
    refusal: null,
  });
  expect(told.lines.map(({ kind, units, amount_usd: usd }) => [kind, units, usd])).toEqual([
    ['input', '10', '0.00005'],
    ['output', '20', '0.0005'],
  ]);
  expect(amount(told.hold_usd)).toBeGreaterThan(amount(told.expected_usd));
});

test('nothing is held and nothing is sent but the count', async () => {
  await world();
  await quote();
  expect(gateway.charging.holds.size).toBe(0);
  expect(upstream?.seen.map(({ path }) => path)).toEqual(['/v1/messages/count_tokens']);
});

test('what is held by the request afterwards is what the quote said, field or no field', async () => {
  await world();
  const asked = { expected_output_tokens: 20 };
  const [bare, with20] = [await quote(), await quote(asked)];
  const held = await new Promise<bigint>((resolve) => {
    const { charging } = gateway;
    const real = charging.hold.bind(charging);
    charging.hold = (command) => {
      resolve(command.amount);
      return real(command);
    };
    void ask(gateway);
  });
  expect(amount(bare.hold_usd)).toBe(held);
  expect(amount(with20.hold_usd)).toBeGreaterThanOrEqual(held);
});

test('H5: a stream that would be held for in slices is quoted as what it would hold first', async () => {
  await world(counts(10), { balance: 300_000_000n });
  const asked = { stream: true, max_tokens: 30_000 };
  const told = await quote(asked);
  expect(told).toMatchObject({ sliced: true, admitted: true, available_usd: '0.3' });
  expect(amount(told.hold_usd)).toBeLessThanOrEqual(300_000_000n);
  expect(amount(told.most_usd)).toBeGreaterThan(30_000n * 25_000n);
  const held: bigint[] = [];
  const real = gateway.charging.hold.bind(gateway.charging);
  gateway.charging.hold = (command) => {
    held.push(command.amount);
    return real(command);
  };
  await ask(gateway, { body: { ...question, ...asked } });
  expect(held.at(-1)).toBe(amount(told.hold_usd));
  // As JSON it could not be ended in the middle.
  expect(await quote({ max_tokens: 30_000 })).toMatchObject({ sliced: false, admitted: false });
});

test('the upstream counts the request as it would be sent, without the field of the quote', async () => {
  await world();
  await quote({ expected_output_tokens: 20, system: 'Be brief.', tools: [], speed: 'standard' });
  const body = JSON.parse(String(upstream?.seen[0]?.body));
  expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'system', 'tools']);
  expect(upstream?.seen[0]?.headers['x-api-key']).toBe('operator-key');
});

test.each<[string, Counting]>([
  ['fails', (response) => response.writeHead(500).end('{}')],
  ['is no JSON', (response) => response.writeHead(200).end('<html>')],
  ['is no number', counts('10')],
  ['is no whole number', counts(10.5)],
  ['is negative', counts(-1)],
  [
    'is too long',
    (response) => response.writeHead(200).end(`{"input_tokens":1}${' '.repeat(99_999)}`),
  ],
  ['breaks off', (response) => response.writeHead(200, { 'content-length': '99' }).end('{')],
  ['does not come', () => {}],
])('where the count %s, the quote goes by what the body proves', async (_how, counting) => {
  await world(counting);
  const told = await quote();
  expect(told).toMatchObject({ input_tokens_source: 'bound', admitted: true });
  expect(told.input_tokens).toBe(provenTokens());
});

test('a count above what the body proves is not believed', async () => {
  await world(counts(1_000_000));
  const told = await quote();
  expect(told.input_tokens).toBe(provenTokens());
  expect(amount(told.expected_usd)).toBeLessThanOrEqual(amount(told.hold_usd));
});

test.each([-1, 1.5, '20', 101, null, {}])(
  'expected_output_tokens is a whole number up to max_tokens: %j is not',
  async (expected) => {
    await world();
    if (expected === null) {
      expect((await quote({ expected_output_tokens: null })).output_tokens).toBe(100);
      return;
    }
    expect(await refusal({ expected_output_tokens: expected })).toEqual([
      400,
      'invalid_request_error',
      'expected_output_tokens: Input should be a whole number from 0 to max_tokens (100)',
    ]);
  },
);

test('without an expectation, all of max_tokens is expected', async () => {
  await world();
  expect((await quote()).output_tokens).toBe(100);
  expect((await quote({ expected_output_tokens: 0 })).output_tokens).toBe(0);
});

test('what would be refused is answered with the reason, in the words of the refusal', async () => {
  await world(counts(10), { balance: 1_000n });
  const told = await quote();
  expect(told).toMatchObject({ admitted: false, available_usd: '0.000001' });
  expect(told.refusal).toMatchObject({
    type: 'invalid_request_error',
    error_code: 'credit_balance_too_low',
    message: expect.stringContaining('Your credit balance is too low'),
  });
});

const long = { max_tokens: 30_000, stream: true, thinking: { type: 'disabled' } };
test.each<[string, object, HoldPolicy, boolean]>([
  ['a whole answer', { max_tokens: 30_000 }, 'auto', false],
  ['a stream that must be held for whole', long, 'full', false],
  ['a stream that may be held for in slices', long, 'auto', true],
  ['a stream that is held for in slices', long, 'sliced', true],
])(
  'with what a refused quote says is the least, %s is let through, and with no less',
  async (_what, asked, holdPolicy, sliced) => {
    await world(counts(10), { balance: 1_000n, holdPolicy });
    const told = await quote(asked);
    expect(told.admitted).toBe(false);
    const least = amount(told.least_admitted_usd ?? '');
    if (sliced) expect(least).toBeLessThan(amount(told.most_usd) / 10n);
    else expect(least).toBe(amount(told.most_usd));
    const { charging } = gateway;
    charging.balance = nanos(least - 1n);
    expect(await quote(asked)).toMatchObject({ admitted: false });
    expect((await ask(gateway, { body: { ...question, ...asked } })).status).toBe(400);
    charging.balance = least;
    const enough = await quote(asked);
    expect(enough).toMatchObject({ admitted: true, sliced, least_admitted_usd: null });
    expect(amount(enough.hold_usd)).toBe(least);
    await ask(gateway, { body: { ...question, ...asked } });
    expect(charging.resolved.size).toBe(1);
  },
);

test('a reached limit is named with the day it lifts, and says nothing of the balance', async () => {
  await world();
  gateway.charging.holdAnswer = {
    outcome: 'limit_reached',
    level: 'workspace',
    subjectId: 'wrkspc_1',
    liftsAt: new Date('2027-02-01T00:00:00Z'),
    asOf: standing(),
  };
  const told = await quote();
  expect(told).toMatchObject({ admitted: false, available_usd: null });
  expect(told.least_admitted_usd).toBe(told.most_usd);
  expect(told.refusal?.error_code).toBe('spend_limit_reached');
  expect(told.refusal?.message).toContain('2027-02-01');
});

test('a suspended organization is told so, a revoked key is told nothing', async () => {
  await world();
  gateway.charging.holdAnswer = { outcome: 'organization_suspended' };
  const told = await quote();
  expect(told.refusal?.error_code).toBe('organization_suspended');
  // No amount would help.
  expect(told.least_admitted_usd).toBeNull();
  const before = gateway.lookups();
  for (const outcome of ['key_revoked', 'key_expired'] as const) {
    gateway.charging.holdAnswer = { outcome };
    expect(await refusal()).toEqual([401, 'authentication_error', 'invalid x-api-key']);
  }
  // What was remembered of the key is forgotten, so the next call looks it up.
  expect(gateway.lookups()).toBeGreaterThan(before);
});

test('what cannot be priced is refused as the request would be', async () => {
  await world();
  expect(await refusal({ model: 'no-such' })).toEqual([404, 'model_not_priced', 'model: no-such']);
  const tool = { type: 'web_search_20250305', name: 'web_search' };
  expect(await refusal({ tools: [tool] })).toEqual([
    400,
    'tool_cost_unbounded',
    'web_search_20250305: max_uses is required',
  ]);
  expect((await refusal({ max_tokens: -1 }))[0]).toBe(400);
  const twice = Buffer.from('{"model":"a","model":"b"}');
  expect((await refusal({}, { body: twice })).slice(0, 2)).toEqual([400, 'invalid_request_error']);
  expect(upstream?.seen).toEqual([]);
});

test('only who may send the request gets a quote for it', async () => {
  await world();
  const headers = (more: object) => ({ headers: { ...more } });
  expect((await refusal({}, headers({ 'x-api-key': undefined })))[0]).toBe(401);
  const admin = await refusal({}, headers({ 'x-api-key': gateway.adminKey }));
  expect(admin.slice(0, 2)).toEqual([403, 'admin_key_not_accepted']);
  const wrong = await refusal({}, headers({ 'anthropic-version': '2020-01-01' }));
  expect(wrong[2]).toContain('supported versions');
  expect((await refusal({}, headers({ 'anthropic-version': undefined })))[0]).toBe(400);
  expect((await refusal({}, headers({ 'content-encoding': 'gzip' })))[0]).toBe(400);
});

test('a store that is away is a 503, whether for prices or for the balance', async () => {
  const away = () => Promise.reject(new Error('away'));
  upstream = await scriptedUpstream(counts(10));
  const prices = standingPrices(book);
  gateway = await startGateway(upstream.url, { prices: { ...prices, latest: away } });
  expect((await refusal()).slice(0, 2)).toEqual([503, 'ledger_unavailable']);
  await gateway.gateway.close();
  gateway = await startGateway(upstream.url, { prices, wouldHold: away });
  expect((await refusal()).slice(0, 2)).toEqual([503, 'ledger_unavailable']);
  await gateway.gateway.close();
  gateway = await startGateway(upstream.url, {
    prices,
    wouldHold: async () => ({ outcome: 'ledger_unavailable' }),
  });
  expect((await refusal()).slice(0, 2)).toEqual([503, 'ledger_unavailable']);
});

test('the model simulator counts, so that a development quote is a counted one', async () => {
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  gateway = await startGateway(sim.url, { prices: standingPrices(book) });
  const told = await quote({ expected_output_tokens: 20 });
  expect(told.input_tokens_source).toBe('counted');
  expect(told.input_tokens).toBeLessThan(JSON.stringify(question).length);
  await sim.close();
});
