import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import {
  eventually,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';

// Far more than the kernel's buffers between four sockets hold, whatever they are tuned to.
const EVENTS = 1_536;
const EVENT_BYTES = 65_536;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function delta(): Buffer {
  const data = (text: string) =>
    JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
  const frame = (text: string) => `event: content_block_delta\ndata: ${data(text)}\n\n`;
  return Buffer.from(frame('x'.repeat(EVENT_BYTES - frame('').length)));
}

/** An upstream that writes as fast as it is read, and counts what has left it. */
class Fountain {
  readonly hash = createHash('sha256');
  written = 0;
  response: ServerResponse | undefined;
  upstream: ScriptedUpstream | undefined;

  async open(): Promise<string> {
    this.upstream = await scriptedUpstream((response) => void this.#pour(response));
    closing.push(async () => this.upstream?.close());
    return this.upstream.url;
  }

  /** Bytes that are in the kernel or beyond. */
  get left(): number {
    return this.written - (this.response?.writableLength ?? 0);
  }

  async #pour(response: ServerResponse): Promise<void> {
    this.response = response;
    response.on('error', () => {});
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const [start = '', block = '', , , , ...ends] = streamEvents();
    const event = delta();
    await this.#write(Buffer.from(start + block));
    for (let index = 0; index < EVENTS && !response.destroyed; index += 1) await this.#write(event);
    await this.#write(Buffer.from(ends.join('')));
    response.end();
  }

  async #write(bytes: Buffer): Promise<void> {
    const { response } = this;
    if (response === undefined || response.destroyed) return;
    this.written += bytes.length;
    this.hash.update(bytes);
    if (response.write(bytes)) return;
    const over = new AbortController();
    const { signal } = over;
    const either = [once(response, 'drain', { signal }), once(response, 'close', { signal })];
    await Promise.race(either).finally(() => over.abort());
    await Promise.allSettled(either);
  }
}

/** Asks for a stream and takes nothing of it but the head. */
async function open(gateway: TestGateway): Promise<IncomingMessage> {
  const call = request(`${gateway.url}/v1/messages`, {
    method: 'POST',
    agent: false,
    headers: {
      'x-api-key': gateway.key,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
  });
  call.on('error', () => {});
  call.end(JSON.stringify({ ...question, stream: true }));
  const response = await new Promise<IncomingMessage>((resolve) => call.on('response', resolve));
  response.pause();
  response.on('error', () => {});
  return response;
}

/** Until nothing has moved for a while. A slow machine may stop early, which proves nothing wrong. */
async function atRest(what: () => number): Promise<void> {
  let seen = -1;
  let times = 0;
  while (times < 10) {
    times = what() === seen ? times + 1 : 0;
    seen = what();
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

test('T31: a client that does not read stops the upstream; when it reads on, all of it comes', async () => {
  const fountain = new Fountain();
  const gateway = await startGateway(await fountain.open());
  closing.push(() => gateway.gateway.close());
  const answer = await open(gateway);
  await eventually(() => fountain.left > 0);
  await atRest(() => fountain.left);
  expect(fountain.left).toBeLessThan((EVENTS * EVENT_BYTES) / 2);
  // What is not in the kernel waits in the upstream: it has not even been written there.
  expect(fountain.written).toBeLessThan((EVENTS * EVENT_BYTES) / 2);

  const received = createHash('sha256');
  answer.on('data', (chunk: Buffer) => received.update(chunk));
  answer.resume();
  await once(answer, 'end');
  expect(answer.complete).toBe(true);
  expect(received.digest('hex')).toBe(fountain.hash.digest('hex'));
  expect(gateway.charging.only().record.rule).toBe('S2');
});

test('a client that leaves while it holds the upstream up lets it flow to its end', async () => {
  const fountain = new Fountain();
  const gateway = await startGateway(await fountain.open());
  closing.push(() => gateway.gateway.close());
  const answer = await open(gateway);
  await eventually(() => fountain.left > 0);
  await atRest(() => fountain.left);
  expect(gateway.charging.resolved.size).toBe(0);
  answer.destroy();
  await eventually(() => gateway.charging.resolved.size === 1, 20_000);
  expect(gateway.charging.only().record).toMatchObject({ rule: 'S2', clientDisconnected: true });
  expect(fountain.response?.writableFinished).toBe(true);
});
