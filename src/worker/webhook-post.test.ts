import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Posted } from '#outgoing-webhooks/post';
import { readTarget, STRICT_POLICY, type TargetPolicy } from '#outgoing-webhooks/target';
import { type Receiver, startReceiver } from '#test/webhook-receiver';
import { webhookPost } from '#worker/webhook-post';

const OPEN: TargetPolicy = { ports: new Set([443]), loopback: true };
const receivers: Receiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((one) => one.close()));
});

async function receiver(): Promise<Receiver> {
  const started = await startReceiver();
  receivers.push(started);
  return started;
}

const nobody = async (): Promise<readonly string[]> => [];

/** Sends to a URL of which only its target is judged. */
function post(
  url: string,
  options: Partial<Parameters<typeof webhookPost>[0]> = {},
  policy = OPEN,
): Promise<Posted> {
  const read = readTarget(url, policy);
  if (read.outcome !== 'accepted') throw new Error(`${url}: ${read.why}`);
  const send = webhookPost({ resolve: nobody, ...options });
  return send({ target: read.target, headers: { 'webhook-id': 'evt_1' }, body: '{"a":"ä"}' });
}

test('what is sent arrives to the byte, at the path and with the query of the URL', async () => {
  const there = await receiver();
  expect(await post(there.url)).toEqual({ outcome: 'answered', status: 204 });
  expect(there.received).toMatchObject([
    {
      ...{ method: 'POST', path: '/hooks?tenant=1', body: '{"a":"ä"}' },
      headers: { 'webhook-id': 'evt_1', 'content-length': '10' },
    },
  ]);
});

test('a redirect is an answer and is not followed', async () => {
  const [there, elsewhere] = [await receiver(), await receiver()];
  there.answer = (_one, reply) => reply.writeHead(307, { location: elsewhere.url }).end();
  expect(await post(there.url)).toEqual({ outcome: 'answered', status: 307 });
  expect(elsewhere.received).toEqual([]);
});

test('a receiver that never answers, and one that answers for ever, end in time', async () => {
  const there = await receiver();
  there.answer = undefined;
  expect(await post(there.url, { totalTimeoutMs: 300 })).toEqual({ outcome: 'timed_out' });
  // The status came; the rest of an endless body is not waited for.
  there.answer = (_one, reply) => {
    reply.writeHead(200);
    const more = setInterval(() => reply.write('x'.repeat(1_000)), 5);
    reply.on('close', () => clearInterval(more));
  };
  expect(await post(there.url)).toEqual({ outcome: 'answered', status: 200 });
  there.answer = (_one, reply) => void reply.writeHead(200).write('.');
  expect(await post(there.url, { totalTimeoutMs: 4_000 })).toMatchObject({ status: 200 });
});

test('what the receiver asks for is passed on', async () => {
  const there = await receiver();
  there.answer = (_one, reply) => reply.writeHead(503, { 'retry-after': '120' }).end();
  expect(await post(there.url)).toEqual({
    ...{ outcome: 'answered', status: 503, retryAfterSeconds: 120 },
  });
  there.answer = (_one, reply) => reply.writeHead(503, { 'retry-after': 'Fri, 01 Jan' }).end();
  expect(await post(there.url)).toEqual({ outcome: 'answered', status: 503 });
});

test('nobody there, no TLS there, and a connection that breaks off are told apart', async () => {
  const there = await receiver();
  const { port } = new URL(there.url);
  expect(await post(`https://127.0.0.1:${port}/`)).toEqual({ outcome: 'tls_failed' });
  there.answer = (_one, reply) => void reply.destroy();
  expect(await post(there.url)).toEqual({ outcome: 'broke_off' });
  await receivers.pop()?.close();
  expect(await post(there.url)).toEqual({ outcome: 'unreachable' });
});

describe('T26: names that lead inside', () => {
  const strict = (resolve: (name: string) => Promise<readonly string[]>) =>
    post('https://hooks.example.com/', { resolve }, STRICT_POLICY);

  test('an answer of which any address is not public is refused as a whole', async () => {
    for (const answers of [
      [],
      ['127.0.0.1'],
      ['169.254.169.254'],
      ['192.0.2.10', '10.0.0.1'],
      ['::ffff:127.0.0.1'],
      ['fd00:ec2::254'],
      ['64:ff9b::7f00:1'],
      ['not an address'],
    ]) {
      expect(await strict(async () => answers), answers.join()).toEqual({
        outcome: 'no_public_address',
      });
    }
  });

  test('a name server that never answers ends in time', async () => {
    const silent = () => new Promise<readonly string[]>(() => {});
    expect(
      await post(
        'https://hooks.example.com/',
        { resolve: silent, totalTimeoutMs: 200 },
        STRICT_POLICY,
      ),
    ).toEqual({ outcome: 'timed_out' });
  });

  test('rebinding: a name is asked for once, and what it answered is connected to', async () => {
    const told = await listener('127.0.0.1');
    const beside = await listener('127.0.0.2', told.port);
    let asked = 0;
    const sent = await post(
      `https://rebind.example.com:${told.port}/`,
      {
        // Every question after the first leads inside.
        resolve: async () => (++asked === 1 ? ['127.0.0.1'] : ['127.0.0.2']),
        classify: (address) => (address === '127.0.0.1' ? 'public' : 'refused'),
      },
      { ports: new Set([told.port]), loopback: false },
    );
    expect(sent.outcome).not.toBe('answered');
    expect([asked, told.connections(), beside.connections()]).toEqual([1, 1, 0]);
    await Promise.all([told.close(), beside.close()]);
  });
});

/** Counts who connects, and hangs up. */
async function listener(host: string, at = 0) {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(at, host, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => connections,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
