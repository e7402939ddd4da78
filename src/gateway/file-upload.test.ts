import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import {
  ask,
  eventually,
  memoryFiles,
  scriptedUpstream,
  startGateway,
  type TestGateway,
} from '#test/gateway-world';
import { FILE_BYTES_MAX, passing } from './file-upload.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const made = {
  id: 'file_1',
  type: 'file',
  filename: 'big.bin',
  mime_type: 'application/octet-stream',
  size_bytes: 1,
  created_at: '2026-01-01T00:00:00Z',
};
const type = 'multipart/form-data; boundary=mark';

/** An upstream that counts what comes, once it is let. */
async function sink(letGo: Promise<void>) {
  const seen = { bytes: 0, hash: createHash('sha256'), length: '', type: '', gone: false };
  const server = createServer(async (incoming, response) => {
    seen.length = incoming.headers['content-length'] ?? '';
    seen.type = incoming.headers['content-type'] ?? '';
    incoming.on('error', () => {});
    incoming.on('close', () => {
      seen.gone = !incoming.complete;
    });
    await letGo;
    incoming.on('data', (chunk: Buffer) => {
      seen.bytes += chunk.length;
      seen.hash.update(chunk);
    });
    incoming.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(made));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { seen, url: `http://127.0.0.1:${port}` };
}

async function world(url: string, options: Parameters<typeof startGateway>[1] = {}) {
  const gateway = await startGateway(url, options);
  closing.push(() => gateway.gateway.close());
  return gateway;
}

/** Uploads zeros; counts how many have been taken. */
function pour(gateway: TestGateway, bytes: number, headers: Record<string, string>) {
  const call = request(`${gateway.url}/v1/files`, {
    method: 'POST',
    agent: false,
    headers: {
      'x-api-key': gateway.key,
      'anthropic-version': '2023-06-01',
      'content-type': type,
      ...headers,
    },
  });
  const chunk = Buffer.alloc(1_048_576);
  let sent = 0;
  const more = (): void => {
    while (sent < bytes) {
      const part = chunk.subarray(0, Math.min(chunk.length, bytes - sent));
      sent += part.length;
      if (!call.write(part)) return void call.once('drain', more);
    }
    call.end();
  };
  const status = new Promise<number>((resolve) => {
    call.on('error', () => resolve(0));
    call.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
  more();
  return { call, status, taken: () => sent - call.writableLength };
}

test('an upload goes up as it comes, as fast as the upstream takes it, and is never kept', async () => {
  let letGo = (): void => {};
  const { seen, url } = await sink(
    new Promise((resolve) => {
      letGo = resolve;
    }),
  );
  const gateway = await world(url);
  const bytes = 100 * 1_048_576;
  const { status, taken } = pour(gateway, bytes, { 'content-length': String(bytes) });
  let before = -1;
  for (let times = 0; times < 10; times = taken() === before ? times + 1 : 0) {
    before = taken();
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  // The upstream does not read: what is on the way is what sockets hold.
  expect(taken()).toBeLessThan(bytes / 2);
  letGo();
  expect(await status).toBe(200);
  expect([seen.bytes, seen.length, seen.type]).toEqual([bytes, String(bytes), type]);
  const zeros = createHash('sha256').update(Buffer.alloc(bytes)).digest('hex');
  expect(seen.hash.digest('hex')).toBe(zeros);
});

test('a client that breaks off ends the upload upstream', async () => {
  const { seen, url } = await sink(Promise.resolve());
  const gateway = await world(url);
  const { call, status } = pour(gateway, 50 * 1_048_576, { 'content-length': '524288000' });
  await eventually(() => seen.bytes > 1_048_576);
  call.destroy();
  expect(await status).toBe(0);
  await eventually(() => seen.gone);
});

test('what says that it is larger than 500 MB is refused before it is read', async () => {
  const { seen, url } = await sink(Promise.resolve());
  const gateway = await world(url);
  const length = String(FILE_BYTES_MAX + 1);
  const { call, status } = pour(gateway, 1_048_576, { 'content-length': length });
  expect(await status).toBe(413);
  call.destroy();
  expect(seen.bytes).toBe(0);
});

test('what does not say how large it is breaks off where a file is too large', async () => {
  async function* zeros() {
    for (;;) yield Buffer.alloc(1_000);
  }
  const passed = passing(Readable.from(zeros()), 10_500);
  const read = async () => {
    let bytes = 0;
    for await (const chunk of passed.body) bytes += chunk.length;
    return bytes;
  };
  await expect(read()).rejects.toThrow('larger than a file may be');
  expect([passed.tooLarge, passed.bytes]).toEqual([true, 11_000]);
});

test('a file whose owner could not be noted is deleted again, and nobody has it', async () => {
  const upstream = await scriptedUpstream((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(made));
  });
  closing.push(() => upstream.close());
  const files = memoryFiles();
  const record = async () => Promise.reject(new Error('the store is away'));
  const gateway = await world(upstream.url, { files: { ...files, record } });
  const headers = { 'content-type': type };
  const answer = await ask(gateway, { path: '/v1/files', headers, body: Buffer.from('--mark') });
  expect(answer.status).toBe(503);
  await eventually(() => upstream.seen.length === 2);
  expect(upstream.seen.map(({ path }) => path)).toEqual(['/v1/files', '/v1/files/file_1']);
});

test.each([
  [401, 502],
  [302, 502],
  [413, 413],
  [500, 500],
])('an upload that the upstream answers with %i ends with %i', async (status, shown) => {
  const upstream = await scriptedUpstream((response) => {
    response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' });
    response.end('{"type":"error","error":{"type":"api_error","message":"said upstream"}}');
  });
  closing.push(() => upstream.close());
  const gateway = await world(upstream.url);
  const body = Buffer.from('--mark');
  const answer = await ask(gateway, { path: '/v1/files', headers: { 'content-type': type }, body });
  expect(answer.status).toBe(shown);
  expect(answer.body.toString().includes('said upstream')).toBe(status === shown);
  expect(answer.headers.location).toBeUndefined();
});
