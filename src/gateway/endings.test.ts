import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayParts } from '#gateway/gateway';
import type { OriginTimeouts } from '#gateway/upstream';
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

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** `passDeadline` ends the time that the whole answers under way may take. */
async function world(
  upstream: ScriptedUpstream,
  timeouts: OriginTimeouts = {},
  more: Partial<GatewayParts> = {},
) {
  const deadlines = new Set<() => void>();
  const started = await startGateway('', {
    upstream: {
      ...{ url: upstream.url, key: 'operator-key', ...timeouts },
      later(run) {
        deadlines.add(run);
        return () => void deadlines.delete(run);
      },
    },
    ...more,
  });
  closing.push(
    () => upstream.close(),
    () => started.gateway.close(),
  );
  function passDeadline(): void {
    for (const run of [...deadlines]) run();
  }
  return { ...started, passDeadline, open: () => deadlines.size };
}

const streamed = { ...question, stream: true };
const sse = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });
const count = (text: string, part: string): number => text.split(part).length - 1;
const SIM_PING = 'event: ping\ndata: {"type":"ping"}\n\n';
const OUR_PING = 'event: ping\ndata: {"type": "ping"}\n\n';

/** A client that says what it has so far. */
function reader(to: { readonly url: string; readonly key: string }) {
  let text = '';
  const answer = ask(to, {
    body: streamed,
    leaveWhen: (received) => {
      text = received.toString();
      return false;
    },
  });
  return { answer, has: (what: (text: string) => boolean) => eventually(() => what(text)) };
}

describe('F38: 529 before any body', () => {
  const overloaded = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
  test.each([
    [{ 'retry-after': '11' }, false],
    [{ 'retry-after-ms': '1500', 'x-should-retry': 'true' }, true],
    [{}, true],
  ] satisfies [Record<string, string>, boolean][])(
    'is passed through with %j (stream: %s), for nothing, its hold released',
    async (headers, stream) => {
      const gateway = await world(
        await scriptedUpstream((response) => {
          response.writeHead(529, { 'content-type': 'application/json', ...headers });
          response.end(overloaded);
        }),
      );
      const answer = await ask(gateway, { body: { ...question, stream } });
      expect(answer.status).toBe(529);
      expect(answer.body.toString()).toBe(overloaded);
      expect(answer.headers).toMatchObject(headers);
      if (!('retry-after' in headers)) expect(answer.headers['retry-after']).toBeUndefined();
      expect(gateway.charging.holds.size).toBe(0);
      expect(gateway.charging.only()).toMatchObject({
        resolution: 'void',
        record: { rule: 'S6', upstreamStatus: 529 },
      });
      expect(gateway.open(), 'deadlines left over').toBe(0);
    },
  );
});

describe('F40: an upstream that never sends message_stop, only pings', () => {
  const pinging = (events: readonly string[]) =>
    scriptedUpstream((response) => {
      sse(response).write(events.join(''));
      const timer = setInterval(() => response.write(SIM_PING), 5);
      response.on('close', () => clearInterval(timer));
    });

  test.each([
    ['S9: charged in full, because it had said how it ended', -1, 'S9', 'settle'],
    ['S8: charged nothing', -2, 'S8', 'void'],
  ])('is cut off at the deadline. %s', async (_name, upTo, rule, resolution) => {
    const gateway = await world(await pinging(streamEvents().slice(0, upTo)));
    const { answer, has } = reader(gateway);
    // The script's own ping is the third event; more of them than that, and it lives on.
    await has((text) => count(text, SIM_PING) > 5);
    expect(gateway.charging.resolved.size).toBe(0);
    gateway.passDeadline();
    expect((await answer).broken).toBe(true);
    const command = gateway.charging.only();
    expect([command.record.rule, command.resolution]).toEqual([rule, resolution]);
    const cost = 25n * 5_000n + 15n * 25_000n;
    expect(command.resolution === 'settle' ? command.cost : 0n).toBe(rule === 'S9' ? cost : 0n);
    expect(gateway.open(), 'deadlines left over').toBe(0);
  });
});

describe('F41: an upstream that falls silent within a stream', () => {
  test('its client is sent pings between the events, until the deadline (S8)', async () => {
    const begun = streamEvents().slice(0, 2).join('');
    const silent = await scriptedUpstream((response) => void sse(response).write(begun));
    const gateway = await world(silent, {}, { pingAfterMs: 5 });
    const { answer, has } = reader(gateway);
    await has((text) => count(text, OUR_PING) >= 3);
    gateway.passDeadline();
    const { body, broken } = await answer;
    expect(broken).toBe(true);
    expect(body.toString().replaceAll(OUR_PING, '')).toBe(begun);
    expect(body.toString().startsWith(begun)).toBe(true);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });

  test('silence that lasts is the end of it (S8), and nothing is charged', async () => {
    const silent = await scriptedUpstream((response) => {
      sse(response).write(streamEvents().slice(0, 4).join(''));
    });
    const gateway = await world(silent, { silenceTimeoutMs: 50 });
    const answer = await ask(gateway, { body: streamed });
    expect(answer.broken).toBe(true);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });
});

describe('F45: a redirect', () => {
  test.each([301, 302, 303, 307, 308])('%i is refused and costs nothing', async (status) => {
    const elsewhere = await scriptedUpstream((response) => response.end('{}'));
    closing.push(() => elsewhere.close());
    const gateway = await world(
      await scriptedUpstream((response) => {
        response.writeHead(status, { location: `${elsewhere.url}/v1/messages` });
        response.end();
      }),
    );
    const answer = await ask(gateway, { body: streamed });
    expect([answer.status, answer.headers.location]).toEqual([502, undefined]);
    expect(elsewhere.seen).toHaveLength(0);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S6' } });
  });
});

describe('F46: an answer that nobody asked for, on a connection that is kept', () => {
  const messageTo = (name: string) =>
    JSON.stringify({
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model: MODEL },
      ...{ content: [{ type: 'text', text: `for ${name}` }], stop_reason: 'end_turn' },
      usage: { input_tokens: 25, output_tokens: 15 },
    });
  const stray = messageTo('another tenant');
  const strayAnswer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${stray.length}\r\n\r\n${stray}`;

  test.each(['at once', 'when the connection is idle'])(
    'sent %s, it reaches nobody, and its connection is closed',
    async (when) => {
      const sockets = new Set<unknown>();
      const closed: unknown[] = [];
      let sendStray = (): void => {};
      const upstream = await scriptedUpstream((response, seen) => {
        const { socket } = response;
        sockets.add(socket);
        socket?.on('close', () => closed.push(socket));
        const own = messageTo(String(JSON.parse(seen.body.toString()).messages[0].content));
        response.writeHead(200, { 'content-type': 'application/json' });
        if (sockets.size > 1) return void response.end(own);
        response.end(own);
        sendStray = () => void socket?.write(strayAnswer);
        if (when === 'at once') sendStray();
      });
      const gateway = await world(upstream);
      const askAs = async (name: string) => {
        const messages = [{ role: 'user', content: name }];
        return (await ask(gateway, { body: { ...question, messages } })).body.toString();
      };
      expect(await askAs('one')).toBe(messageTo('one'));
      if (when !== 'at once') sendStray();
      await eventually(() => closed.length === 1);
      expect(await askAs('two')).toBe(messageTo('two'));
      expect(sockets.size).toBe(2);
      expect(gateway.charging.resolved.size).toBe(2);
    },
  );
});
