import type { Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayParts } from '#gateway/gateway';
import type { UpstreamSpec } from '#gateway/upstream-choice';
import { AT_BOOK_COST, type Fleet } from '#gateway/upstream-fleet';
import { manualClock } from '#kernel/clock';
import {
  ask,
  eventually,
  MODEL,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
} from '#test/gateway-world';
import { row, standingPrices, testBook } from '#test/prices';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const usage = { input_tokens: 100, output_tokens: 20 };
const message = {
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' },
  content: [{ type: 'text', text: 'Hi' }],
  usage,
};
// Sold for $5 per million input and $25 per million output, bought for $4 and $20.
const upstream = { input: '4', output: '20' };
const prices = standingPrices(
  testBook('resale', row(MODEL, '5', '25', { upstream }), row('claude-sonnet-5', '3', '15')),
);
const UPSTREAM_COST = 800_000n;
const COST = 100n * 5_000n + 20n * 25_000n;

type Answering = Parameters<typeof scriptedUpstream>[0];
const wellText = JSON.stringify(message);
const well: Answering = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(wellText);
};
const error =
  (status: number, headers: Record<string, string> = {}): Answering =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(`{"type":"error","error":{"type":"x","message":"says ${status}"}}`);
  };

const endless: Answering = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(streamEvents().slice(0, 3).join(''));
};
const cut: Answering = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(streamEvents().slice(0, 3).join(''), () => response.destroy());
};

const specOf = (name: string, url: string, more: Partial<UpstreamSpec> = {}): UpstreamSpec => ({
  ...{ name, url, key: `key-of-${name}`, weight: 1, models: undefined, costShare: AT_BOOK_COST },
  ...more,
});

/** Upstreams by their answers. The first has all the weight, so that it is asked first. */
async function fleetWorld(
  answers: readonly (Answering | 'gone')[],
  more: readonly Partial<UpstreamSpec>[] = [],
  timeouts: Fleet['timeouts'] = {},
  parts: Partial<GatewayParts> = {},
) {
  const servers: ScriptedUpstream[] = [];
  for (const answer of answers) {
    const server = await scriptedUpstream(answer === 'gone' ? () => {} : answer);
    if (answer === 'gone') await server.close();
    else closing.push(() => server.close());
    servers.push(server);
  }
  let specs = servers.map(({ url }, at) =>
    specOf(`up${at + 1}`, url, { weight: at === 0 ? 1 : 0, ...more[at] }),
  );
  let changed = (_specs: readonly UpstreamSpec[]): void => {};
  const fleet: Fleet = {
    specs: () => specs,
    onChange: (listener) => {
      changed = listener;
    },
    timeouts,
  };
  const clock = manualClock(new Date());
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const started = await startGateway('', {
    upstream: fleet,
    prices,
    clock,
    logger: { level: 'info', stream },
    ...parts,
  });
  closing.push(() => started.gateway.close());
  function replace(next: readonly UpstreamSpec[]): void {
    specs = [...next];
    changed(next);
  }
  return { ...started, servers, clock, lines, replace, specs: () => specs };
}

describe('before the first byte another upstream answers', () => {
  test.each([
    ['no connection', 'gone', 'unreachable', null],
    ['529', error(529), 'refused', 529],
    ['500', error(500), 'refused', 500],
    ["401 of the operator's key", error(401), 'refused', 401],
    ["402 of the operator's account", error(402), 'refused', 402],
    ['403', error(403), 'refused', 403],
    ['a connection that is lost', (response) => response.destroy(), 'broke_off', null],
  ] satisfies [string, Answering | 'gone', string, number | null][])(
    '%s',
    async (_name, answer, outcome, status) => {
      const gateway = await fleetWorld([answer, well]);
      const { status: shown, body, headers } = await ask(gateway);
      expect(shown).toBe(200);
      expect(body.toString()).toBe(wellText);
      expect(headers['bursar-cost-usd']).toBe('0.001');
      const { resolution, cost, record } = gateway.charging.only();
      expect([resolution, cost]).toEqual(['settle', COST]);
      const unknown = outcome === 'broke_off' ? null : 0n;
      expect(record.upstreamAttempts).toEqual([
        { upstream: 'up1', outcome, status, elapsedMs: 0, cost: unknown },
        { upstream: 'up2', outcome: 'answered', status: 200, elapsedMs: 0, cost: UPSTREAM_COST },
      ]);
      expect(record.upstreamCost).toBe(UPSTREAM_COST);
      expect(gateway.charging.holds.size).toBe(0);
    },
  );

  test('each is asked with its own key, and both with the same bytes', async () => {
    const gateway = await fleetWorld([error(503), well]);
    await ask(gateway);
    const [first, second] = gateway.servers.map(({ seen }) => seen[0]);
    expect(first?.headers['x-api-key']).toBe('key-of-up1');
    expect(second?.headers['x-api-key']).toBe('key-of-up2');
    expect(first?.body.equals(second?.body ?? Buffer.alloc(0))).toBe(true);
    expect(gateway.lines.join('')).not.toContain('key-of-');
  });

  test('three are asked at most, and the last one is believed', async () => {
    const gateway = await fleetWorld(
      [error(500), error(502), error(529, { 'retry-after': '7' }), well],
      [{}, { weight: 0 }, { weight: 0 }, { weight: 0 }],
    );
    const answer = await ask(gateway);
    expect(answer.status).toBe(529);
    expect(answer.headers['retry-after']).toBe('7');
    expect(answer.body.toString()).toContain('says 529');
    expect(gateway.servers.map(({ seen }) => seen.length)).toEqual([1, 1, 1, 0]);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S6' } });
    expect(gateway.charging.only().record.upstreamAttempts).toHaveLength(3);
  });

  test('an error whose body does not end is not waited for', async () => {
    const gateway = await fleetWorld([
      (response) => void response.writeHead(500).write('{"type":'),
      well,
    ]);
    expect((await ask(gateway)).body.toString()).toBe(wellText);
  });

  test('counting tokens goes on too', async () => {
    const counted: Answering = (response) => response.end('{"input_tokens":7}');
    const gateway = await fleetWorld(['gone', counted]);
    const { body } = await ask(gateway, { path: '/v1/messages/count_tokens' });
    expect(body.toString()).toBe('{"input_tokens":7}');
  });
});

describe('no other upstream is asked', () => {
  test.each([400, 404, 413, 429])('after %i, which is an answer', async (status) => {
    const gateway = await fleetWorld([error(status), well]);
    const answer = await ask(gateway);
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).toContain(`says ${status}`);
    expect(gateway.servers[1]?.seen).toHaveLength(0);
    expect(gateway.gateway.upstreams()[0]?.state).toBe('closed');
  });

  test('once bytes of a stream were passed on', async () => {
    const gateway = await fleetWorld([cut, well]);
    const answer = await ask(gateway, { body: { ...question, stream: true } });
    expect([answer.status, answer.broken]).toEqual([200, true]);
    expect(gateway.servers[1]?.seen).toHaveLength(0);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });

  test('F47: after silence, which the upstream may bill; the customer pays nothing', async () => {
    const gateway = await fleetWorld([() => {}, well], [], { headersTimeoutMs: 30 });
    const answer = await ask(gateway);
    expect(answer.status).toBe(504);
    expect(gateway.servers[1]?.seen).toHaveLength(0);
    const { resolution, record } = gateway.charging.only();
    expect([resolution, record.lossUsage]).toEqual(['void', 0n]);
    expect(record.upstreamAttempts).toEqual([
      { upstream: 'up1', outcome: 'timed_out', status: null, elapsedMs: 0, cost: null },
    ]);
  });

  test('for a client that is gone', async () => {
    let arrived: (() => void) | undefined;
    const gateway = await fleetWorld([
      (response) => {
        arrived = () => response.destroy();
      },
      well,
    ]);
    const left = ask(gateway, { hangUpAfterMs: 50 }).catch(() => 'left');
    await eventually(() => arrived !== undefined);
    await left;
    await connectionsGone(gateway.gateway.app.server);
    arrived?.();
    await eventually(() => gateway.charging.resolved.size === 1);
    expect(gateway.servers[1]?.seen).toHaveLength(0);
    expect(gateway.charging.only().record.clientDisconnected).toBe(true);
  });
});

/** Until the gateway has seen its clients leave. */
const connectionsGone = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    function look(): void {
      server.getConnections((failed, count) => {
        if (failed !== null) reject(failed);
        else if (count === 0) resolve();
        else setImmediate(look);
      });
    }
    look();
  });

describe('which upstreams are asked', () => {
  test('those that serve the model', async () => {
    const gateway = await fleetWorld(
      [well, well],
      [{ models: ['claude-haiku-*'] }, { models: ['claude-opus-*'] }],
    );
    expect((await ask(gateway)).status).toBe(200);
    expect(gateway.servers.map(({ seen }) => seen.length)).toEqual([0, 1]);
    const nobody = await ask(gateway, { body: { ...question, model: 'claude-sonnet-5' } });
    expect(nobody.status).toBe(502);
    expect(gateway.charging.holds.size).toBe(0);
  });

  test('a failing one is left alone, then probed, and gets its share again', async () => {
    let sick = true;
    const gateway = await fleetWorld([
      (response, seen) => (sick ? error(500) : well)(response, seen),
      well,
    ]);
    for (let call = 0; call < 8; call++) expect((await ask(gateway)).status).toBe(200);
    const asked = () => gateway.servers.map(({ seen }) => seen.length);
    // Five failures, each made good by the other; then it is left alone.
    expect(asked()).toEqual([5, 8]);
    expect(gateway.gateway.upstreams()).toEqual([
      { name: 'up1', state: 'open' },
      { name: 'up2', state: 'closed' },
    ]);
    gateway.clock.advance(10_000);
    await ask(gateway);
    expect(asked()).toEqual([6, 9]);
    gateway.clock.advance(19_999);
    await ask(gateway);
    expect(asked()).toEqual([6, 10]);
    sick = false;
    gateway.clock.advance(1);
    await ask(gateway);
    await ask(gateway);
    expect(asked()).toEqual([8, 10]);
    expect(gateway.gateway.upstreams()[0]?.state).toBe('closed');
    expect(gateway.lines.filter((line) => line.includes('health of an upstream'))).not.toEqual([]);
  });

  test('one whose streams break off is left alone, though it answers', async () => {
    const gateway = await fleetWorld([cut, well]);
    const streamed = { ...question, stream: true };
    for (let call = 0; call < 10; call++)
      expect((await ask(gateway, { body: streamed })).broken).toBe(true);
    expect(gateway.gateway.upstreams()[0]?.state).toBe('open');
    expect((await ask(gateway)).status).toBe(200);
    expect(gateway.servers.map(({ seen }) => seen.length)).toEqual([10, 1]);
  });

  test('a stream that its client left is no fault of its upstream', async () => {
    const gateway = await fleetWorld([endless], [], {}, { pumpLimits: { count: 0, ms: 1 } });
    const body = { ...question, stream: true };
    for (let call = 0; call < 12; call++) {
      await ask(gateway, { body, leaveWhen: (received) => received.length > 0 });
      await eventually(() => gateway.charging.resolved.size === call + 1);
    }
    expect(gateway.gateway.upstreams()[0]?.state).toBe('closed');
  });

  test('where all are open, one is asked all the same: a breaker refuses nobody', async () => {
    const gateway = await fleetWorld([error(401)]);
    for (let call = 0; call < 3; call++) expect((await ask(gateway)).status).toBe(502);
    expect(gateway.servers[0]?.seen).toHaveLength(3);
  });
});

describe('another list, while calls run', () => {
  test('a new key is used for the next call, and its upstream is trusted again', async () => {
    const gateway = await fleetWorld([
      (response, seen) =>
        (seen.headers['x-api-key'] === 'fresh' ? well : error(401))(response, seen),
    ]);
    expect((await ask(gateway)).status).toBe(502);
    expect(gateway.gateway.upstreams()[0]?.state).toBe('open');
    gateway.replace(gateway.specs().map((spec) => ({ ...spec, key: 'fresh' })));
    expect(gateway.gateway.upstreams()[0]?.state).toBe('closed');
    expect((await ask(gateway)).status).toBe(200);
  });

  test('a stream goes on at an upstream that was taken out meanwhile', async () => {
    let finish = (): void => {};
    const gateway = await fleetWorld([
      (response) => {
        const events = streamEvents();
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(events.slice(0, 3).join(''));
        finish = () => {
          response.end(events.slice(3).join(''));
        };
      },
      well,
    ]);
    let begun = false;
    const running = ask(gateway, {
      body: { ...question, stream: true },
      leaveWhen: (received) => {
        begun = received.length > 0;
        return false;
      },
    });
    await eventually(() => begun);
    gateway.replace(gateway.specs().slice(1));
    expect((await ask(gateway)).body.toString()).toBe(wellText);
    finish();
    const answer = await running;
    expect(answer.broken).toBe(false);
    expect(answer.body.toString()).toBe(streamEvents().join(''));
  });
});

test('an upstream that asks less than the book says is recorded with what it asks', async () => {
  const gateway = await fleetWorld([well], [{ costShare: { numerator: 3n, denominator: 4n } }]);
  await ask(gateway);
  const { cost, record } = gateway.charging.only();
  expect([cost, record.upstreamCost]).toEqual([COST, 600_000n]);
  expect(record.upstreamAttempts?.[0]?.cost).toBe(600_000n);
});
