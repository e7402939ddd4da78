import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startModelSim } from '#sims/model-sim/server';
import { type Answer, ask, question, startGateway, type TestGateway } from '#test/gateway-world';
import { type Call, DIFFERENT, SAME } from './calls.ts';
import { ENDS_HERE, KEPT_BACK, PASSED_ON, picked, SENT_UP } from './wire.ts';

let sim: Awaited<ReturnType<typeof startModelSim>>;
let world: TestGateway;

beforeAll(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterAll(() => sim.close());
// One for each call: what cannot be believed three times is refused, and is not to be met here.
beforeEach(async () => {
  world = await startGateway(sim.url);
});
afterEach(() => world.gateway.close());

const direct = () => ({ url: sim.url, key: 'made-up' });

function make(to: { url: string; key: string }, call: Call): Promise<Answer> {
  const { scenario = 'ok', asking = {}, body = {} } = call;
  return ask(to, {
    body: { ...question, ...body },
    ...asking,
    headers: { 'x-sim-scenario': scenario, ...asking.headers },
  });
}

async function twice(call: Call): Promise<readonly [Answer, Answer]> {
  return [await make(direct(), call), await make(world, call)];
}

/** What both ways have in common: the owner's account is seen on one of them only. */
function expectHeaders(straight: Answer, through: Answer): void {
  for (const name of KEPT_BACK) {
    const value = straight.headers[name];
    if (value !== undefined) expect(through.headers[name], name).not.toEqual(value);
  }
  expect(straight.headers['request-id']).toMatch(/^req_sim/);
  expect(through.headers['request-id']).toMatch(/^req_(?!sim)/);
}

describe('a client cannot tell the gateway from the model API', () => {
  test.each(SAME.map((call) => [call.what, call] as const))('%s', async (_what, call) => {
    const [straight, through] = await twice(call);
    expect(through.status).toBe(straight.status);
    expect(through.body.toString('latin1')).toBe(straight.body.toString('latin1'));
    expect(through.broken).toBe(straight.broken);
    expect(picked(through.headers, PASSED_ON)).toEqual(picked(straight.headers, PASSED_ON));
    expect(straight.body.length).toBeGreaterThan(0);
    if (call.scenario !== 'html') expectHeaders(straight, through);
  });

  test('a stream that breaks off is broken, and as far as it came the same', async () => {
    const call = { what: '', scenario: 'cut_midstream', body: { stream: true } };
    const [straight, through] = await twice(call);
    expect([through.status, through.broken]).toEqual([straight.status, straight.broken]);
    expect(straight.broken).toBe(true);
    expect(straight.body.toString()).toContain(through.body.toString());
    expect(through.body.toString()).toMatch(/^event: message_start\n/);
  });

  test('pings come through while nothing else does, for as long as the client stays', async () => {
    const [straight, through] = await twice({
      what: '',
      scenario: 'pings;after=2;chunk_ms=5',
      body: { stream: true },
      asking: {
        leaveWhen: (received) => (received.toString().match(/event: ping/g)?.length ?? 0) > 5,
      },
    });
    const least = Math.min(straight.body.length, through.body.length);
    expect(through.body.subarray(0, least).equals(straight.body.subarray(0, least))).toBe(true);
    expect(least).toBeGreaterThan(0);
  });

  test('whatever an upstream says after its last event, the answer before it is the same', async () => {
    const call = { what: '', scenario: 'after_stop', body: { stream: true } };
    const [straight, through] = await twice(call);
    const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
    const [first = ''] = straight.body.toString().split(stop);
    expect(straight.body.toString().split(stop)).toHaveLength(3);
    // What came with that event may come through with it: it is the same bytes, and charged once.
    expect(through.body.toString().startsWith(`${first}${stop}`)).toBe(true);
    expect(straight.body.toString().startsWith(through.body.toString())).toBe(true);
    expect(world.charging.only().resolution).toBe('settle');
  });

  test('an answer nobody asked for reaches nobody', async () => {
    const call = { what: '', scenario: 'extra_response' };
    for (let turn = 0; turn < 3; turn += 1) {
      const through = await make(world, call);
      expect(through.status).toBe(200);
      expect(through.body.toString()).not.toContain('of somebody else');
    }
    const next = await make(world, { what: '' });
    expect(next.body.equals((await make(direct(), { what: '' })).body)).toBe(true);
  });
});

const refusal = z.object({
  type: z.literal('error'),
  error: z.looseObject({ type: z.string(), message: z.string() }),
  request_id: z.string(),
});
const said = (answer: Answer) => refusal.parse(JSON.parse(answer.body.toString()));

describe('where it can, there is a reason', () => {
  test.each(DIFFERENT.map((row) => [row.what, row.why, row] as const))(
    '%s: %s',
    async (_what, _why, row) => {
      const [straight, through] = await twice(row);
      expect(through.status).toBe(row.status);
      const own = said(through);
      expect(own.error.type).toBe(row.type);
      expect(own.request_id).toBe(through.headers['request-id']);
      expect(through.body.equals(straight.body)).toBe(false);
      if (row.sameWords !== true) return;
      expect(through.status).toBe(straight.status);
      expect(own.error).toEqual(said(straight).error);
    },
  );

  test('the models are those with a price, told as the model API tells its own', async () => {
    const [straight, through] = await twice({
      what: '',
      asking: { method: 'GET', path: '/v1/models' },
    });
    const page = z.object({
      data: z.array(z.looseObject({ id: z.string(), type: z.literal('model') })),
      has_more: z.boolean(),
      first_id: z.string(),
      last_id: z.string(),
    });
    const [theirs, ours] = [straight, through].map((answer) =>
      page.parse(JSON.parse(answer.body.toString())),
    );
    const fields = (from: typeof ours) => Object.keys(from?.data[0] ?? {}).sort();
    expect(fields(ours)).toEqual(fields(theirs));
    expect(ours?.data.map(({ id }) => id)).toContain(question.model);
  });

  test('only POST asks for a message', async () => {
    for (const method of ['GET', 'PUT']) {
      const [straight, through] = await twice({ what: '', asking: { method } });
      expect([through.status, said(through).error]).toEqual([
        straight.status,
        said(straight).error,
      ]);
    }
  });
});

describe('the model API cannot tell the gateway from a client', () => {
  const call = {
    what: '',
    scenario: 'ok;output_tokens=3',
    asking: {
      path: '/v1/messages?beta=true&x=%20',
      headers: {
        ...SENT_UP,
        ...Object.fromEntries(Object.keys(ENDS_HERE).map((name) => [name, 'from the client'])),
        te: 'trailers',
      },
      // Spacing and repeated use of escapes are the client's business.
      body: Buffer.from(`{ "model": "claude-opus-5",\n  "max_tokens": 3, "messages":
        [{"role":"user","content":"\\u00e4 \\/ ä"}], "later": 1e2 }\n`),
    },
  };
  const seenCall = z.object({
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()),
    body_sha256: z.string(),
  });

  async function seen(by: () => Promise<Answer>) {
    await fetch(`${sim.url}/_sim/calls`, { method: 'DELETE' });
    const answer = await by();
    expect(answer.status).toBe(200);
    const calls = await (await fetch(`${sim.url}/_sim/calls`)).json();
    const { data } = z.object({ data: z.array(seenCall) }).parse(calls);
    expect(data).toHaveLength(1);
    return z.tuple([seenCall]).parse(data)[0];
  }

  test('method, path, body and headers arrive as they were sent', async () => {
    // A bearer at the gateway is the client's way in; the simulator would take it as well.
    const credentials = { authorization: undefined };
    const asking = { ...call.asking, headers: { ...call.asking.headers, ...credentials } };
    const straight = await seen(() => make(direct(), { ...call, asking }));
    const through = await seen(() => make(world, { ...call, asking }));
    expect({ ...through, headers: null }).toEqual({ ...straight, headers: null });
    const names = Object.keys(SENT_UP);
    expect(picked(through.headers, names)).toEqual(picked(straight.headers, names));
    expect(picked(straight.headers, names)).not.toContain(undefined);
    for (const name of ['content-type', 'content-length', 'anthropic-version', 'x-sim-scenario']) {
      expect(through.headers[name], name).toBe(straight.headers[name]);
    }
  });

  test('credentials and marks of the client end at the gateway', async () => {
    const bearer = { 'x-api-key': undefined, authorization: `Bearer ${world.key}` };
    const asking = { ...call.asking, headers: { ...call.asking.headers, ...bearer } };
    const { headers } = await seen(() => make(world, { ...call, asking }));
    for (const name of Object.keys(ENDS_HERE)) expect(headers[name], name).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain(world.key);
    expect(headers['accept-encoding']).toBe('identity');
  });
});
