import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, manualClock } from '#kernel/clock';
import { startModelSim } from '#sims/model-sim/server';
import { ask, eventually, scriptedUpstream, startGateway } from '#test/gateway-world';
import { row, standingPrices, testBook } from '#test/prices';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const year = (offset: number) => `${new Date().getUTCFullYear() + offset}-01-01`;
const book = testBook(
  'models',
  row('claude-opus-9', '5', '25', {
    from: '2026-03-01',
    display_name: 'Claude Opus 9',
    context_window: 1_000_000,
    output_tokens_max: 128_000,
  }),
  row('claude-haiku-9', '1', '5', { from: '2026-02-01' }),
  row('other-model', '1', '5', { from: '2026-01-02' }),
  row('claude-sonnet-8', '3', '15', { from: '2026-01-03', until: year(2) }),
  row('claude-sonnet-7', '3', '15', { from: '2020-01-01', until: '2021-01-01' }),
  row('claude-fable-9', '3', '15', { from: year(3) }),
);

interface World {
  readonly gateway: Awaited<ReturnType<typeof startGateway>>;
  readonly clock: Clock & { advance(ms: number): void };
  asked(): number;
}

/** A gateway whose upstream lists its models so. */
async function world(models: () => object | 'silent'): Promise<World> {
  const upstream = await scriptedUpstream((response) => {
    const listed = models();
    if (listed === 'silent') response.writeHead(500).end();
    else response.end(JSON.stringify(listed));
  });
  const clock = manualClock(new Date());
  const prices = standingPrices(book);
  const gateway = await startGateway(upstream.url, { prices, clock });
  closing.push(
    () => upstream.close(),
    () => gateway.gateway.close(),
  );
  return { gateway, clock, asked: () => upstream.seen.length };
}

async function get({ gateway }: World, path: string) {
  const answer = await ask(gateway, { method: 'GET', path });
  return { status: answer.status, body: JSON.parse(answer.body.toString()) };
}
const idsOf = (answer: { body: { data: { id: string }[] } }) =>
  answer.body.data.map(({ id }) => id);

describe('the list', () => {
  test('names what can be called, newest first, page by page, both ways', async () => {
    const there = await world(() => 'silent');
    const callable = ['claude-opus-9', 'claude-haiku-9', 'claude-sonnet-8', 'other-model'];
    const all = await get(there, '/v1/models');
    expect(idsOf(all)).toEqual(callable);
    expect(all.body).toMatchObject({
      has_more: false,
      first_id: 'claude-opus-9',
      last_id: 'other-model',
    });
    const first = await get(there, '/v1/models?limit=2');
    expect([idsOf(first), first.body.has_more]).toEqual([callable.slice(0, 2), true]);
    const next = await get(there, `/v1/models?limit=2&after_id=${first.body.last_id}`);
    expect([idsOf(next), next.body.has_more]).toEqual([callable.slice(2), false]);
    const back = await get(there, `/v1/models?limit=1&before_id=${next.body.first_id}`);
    expect([idsOf(back), back.body.has_more]).toEqual([callable.slice(1, 2), true]);
    const none = await get(there, '/v1/models?after_id=other-model');
    expect(none.body).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  });

  const count = 'expected a whole number from 1 to 1000';
  test.each([
    [
      'after_id=claude-nope',
      'after_id: found "claude-nope", expected the id of a model in this list',
    ],
    ['before_id=x', 'before_id: found "x", expected the id of a model in this list'],
    ['limit=0', `limit: found "0", ${count}`],
    ['limit=1001', `limit: found "1001", ${count}`],
    ['limit=1.5', `limit: found "1.5", ${count}`],
    ['limit=many', `limit: found "many", ${count}`],
    ['limit=1&limit=2', `limit: found ["1","2"], ${count}`],
    ['after_id=a&after_id=b', 'after_id: found ["a","b"], expected one id'],
    [
      'after_id=claude-opus-9&before_id=other-model',
      'before_id: found "other-model", expected none, because after_id is given too',
    ],
    [
      'lifecycle[]=gone',
      'lifecycle[]: found "gone", expected one or more of active, deprecated, retired',
    ],
  ])(
    '%s is a 400 that names the field, what was found and what is allowed',
    async (query, said) => {
      const refused = await get(await world(() => 'silent'), `/v1/models?${query}`);
      expect([refused.status, refused.body.error]).toEqual([
        400,
        { type: 'invalid_request_error', message: said },
      ]);
    },
  );

  test.each([
    ['lifecycle[]=active', ['claude-opus-9', 'claude-haiku-9', 'other-model']],
    ['lifecycle%5B%5D=deprecated', ['claude-sonnet-8']],
    ['lifecycle[]=retired', ['claude-sonnet-7']],
    ['lifecycle[]=retired&lifecycle[]=deprecated', ['claude-sonnet-8', 'claude-sonnet-7']],
  ])('?%s filters by stage', async (query, ids) => {
    expect(idsOf(await get(await world(() => 'silent'), `/v1/models?${query}`))).toEqual(ids);
  });
});

describe('one model', () => {
  const alone = {
    type: 'model',
    display_name: 'Claude Opus 9',
    created_at: '2026-03-01T00:00:00.000Z',
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: 'opus',
    max_input_tokens: 1_000_000,
    max_tokens: 128_000,
    capabilities: null,
  };

  test('is what the prices know of it, where the upstream says nothing', async () => {
    const there = await world(() => 'silent');
    const known = await get(there, '/v1/models/claude-opus-9');
    expect(known.body).toEqual({ id: 'claude-opus-9', ...alone });
    expect((await get(there, '/v1/models/other-model')).body.line).toBe(null);
    const ending = await get(there, '/v1/models/claude-sonnet-8');
    const retires = `${year(2)}T00:00:00.000Z`;
    expect(ending.body).toMatchObject({ lifecycle: 'deprecated', retires_at: retires });
    const gone = await get(there, '/v1/models/claude-sonnet-7');
    expect(gone.body).toMatchObject({ lifecycle: 'retired', line: 'sonnet' });
  });

  test.each([['claude-nope'], ['claude-fable-9'], ['toString']])('%s is a 404', async (id) => {
    const { status, body } = await get(await world(() => 'silent'), `/v1/models/${id}`);
    expect([status, body.error]).toEqual([
      404,
      { type: 'not_found_error', message: `model: ${id}` },
    ]);
  });

  test('has the capabilities the upstream lists, whatever they are', async () => {
    const capabilities = { batch: { supported: true }, unheard_of: { level: { deep: [1] } } };
    const there = await world(() => ({
      data: [
        { id: 'claude-opus-9', capabilities, lifecycle: 'active', display_name: 'Not ours' },
        { id: 'claude-nope', capabilities },
        'nonsense',
      ],
    }));
    const { body } = await get(there, '/v1/models/claude-opus-9');
    expect(body).toEqual({ id: 'claude-opus-9', ...alone, capabilities });
    expect((await get(there, '/v1/models/claude-haiku-9')).body.capabilities).toBe(null);
    expect((await get(there, '/v1/models/claude-nope')).status).toBe(404);
  });

  test('ends when either of the two says so, and at the earlier time', async () => {
    const told = { lifecycle: 'deprecated', deprecated_at: '2026-10-01T00:00:00Z' };
    const there = await world(() => ({
      data: [
        { id: 'claude-haiku-9', ...told, retires_at: '2027-02-01T00:00:00Z' },
        { id: 'claude-sonnet-8', ...told, retires_at: '2026-12-01T00:00:00Z' },
        { id: 'other-model', ...told, lifecycle: 'retired', retires_at: null },
      ],
    }));
    const deprecated = { lifecycle: 'deprecated', deprecated_at: '2026-10-01T00:00:00.000Z' };
    expect((await get(there, '/v1/models/claude-haiku-9')).body).toMatchObject({
      ...deprecated,
      retires_at: '2027-02-01T00:00:00.000Z',
    });
    expect((await get(there, '/v1/models/claude-sonnet-8')).body).toMatchObject({
      ...deprecated,
      retires_at: '2026-12-01T00:00:00.000Z',
    });
    expect(idsOf(await get(there, '/v1/models'))).not.toContain('other-model');
  });
});

describe('what is asked of the upstream', () => {
  test('one list for five minutes, renewed behind the back of who asks', async () => {
    let capabilities: object = { batch: { supported: true } };
    const there = await world(() => ({ data: [{ id: 'claude-opus-9', capabilities }] }));
    const shown = async () => (await get(there, '/v1/models/claude-opus-9')).body.capabilities;
    const before = capabilities;
    await Promise.all([shown(), shown(), shown()]);
    expect([await shown(), there.asked()]).toEqual([before, 1]);
    capabilities = { batch: { supported: false } };
    there.clock.advance(300_000);
    expect(await shown()).toEqual(before);
    for (;;) if (JSON.stringify(await shown()) === JSON.stringify(capabilities)) break;
    expect(there.asked()).toBe(2);
  });

  test('after a failure nothing for half a minute, and what was known stays known', async () => {
    let listed: object | 'silent' = 'silent';
    const there = await world(() => listed);
    const shown = async () => (await get(there, '/v1/models/claude-opus-9')).body.capabilities;
    expect([await shown(), await shown(), there.asked()]).toEqual([null, null, 1]);
    listed = { data: [{ id: 'claude-opus-9', capabilities: { batch: { supported: true } } }] };
    there.clock.advance(30_000);
    for (;;) if ((await shown()) !== null) break;
    expect(there.asked()).toBe(2);
    listed = 'silent';
    there.clock.advance(300_000);
    await shown();
    await eventually(() => there.asked() === 3);
    expect(await shown()).toEqual({ batch: { supported: true } });
  });
});

test('the official client pages through the models and reads each', async () => {
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const gateway = await startGateway(sim.url);
  closing.push(
    () => sim.close(),
    () => gateway.gateway.close(),
  );
  const client = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key, maxRetries: 0 });
  const ids: string[] = [];
  for await (const model of client.models.list({ limit: 3 })) ids.push(model.id);
  expect(ids.length).toBeGreaterThan(6);
  expect(new Set(ids).size).toBe(ids.length);
  const retired = await client.models.list({ lifecycle: ['retired'], limit: 100 });
  expect(retired.data.map(({ id }) => id)).toContain('claude-2.1');
  expect(ids).not.toContain('claude-2.1');
  expect((await client.models.retrieve('claude-haiku-4-5')).id).toBe('claude-haiku-4-5-20251001');
});
