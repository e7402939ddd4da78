import { createServer, get, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '#test/gateway-world';
import { type Client, clientOf } from './client.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A client that takes the head of an answer and then stops reading. */
async function slowReader(stallMs: number): Promise<{ client: Client; response: ServerResponse }> {
  return new Promise((resolve) => {
    const server = createServer((_request, response) => {
      const client = clientOf(response, stallMs);
      client.begin(200, {});
      resolve({ client, response });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const call = get({ port, host: '127.0.0.1' }, (incoming) => {
        incoming.on('error', () => {});
        incoming.pause();
      });
      call.on('error', () => {});
      closing.push(() => {
        call.destroy();
        server.close();
        server.closeAllConnections();
      });
    });
  });
}

test('T31: a client that stalls pauses the upstream, is dropped, and lets the upstream flow', async () => {
  const { client, response } = await slowReader(100);
  const calls: string[] = [];
  let gone = false;
  client.onGone(() => {
    gone = true;
  });
  const reading = {
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    abort: () => void calls.push('abort'),
  };
  const chunk = Buffer.alloc(65_536);
  // The kernel takes some megabytes before the queue of this process grows.
  for (let index = 0; index < 500 && calls.length === 0; index += 1) {
    client.write(chunk, reading);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(calls).toEqual(['pause']);
  expect(response.writableLength).toBeLessThan(1_000_000);
  await eventually(() => gone);
  expect(calls).toEqual(['pause', 'resume']);
  expect(client.gone).toBe(true);
  client.write(chunk, reading);
  client.end();
  expect(calls).toEqual(['pause', 'resume']);
});
