import { Readable } from 'node:stream';
import {
  brotliCompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ask,
  eventually,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  type TestGateway,
} from '#test/gateway-world';
import { decoded } from './request-body.ts';

const BYTES_MAX = 33_554_432;
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: question.model,
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 25, output_tokens: 15 },
};
const plain = Buffer.from(`${JSON.stringify(question, null, 2)} \n`);
const encodings = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['identity', (bytes: Buffer) => bytes],
] as const;

let upstream: ScriptedUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await scriptedUpstream((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(message));
  });
  gateway = await startGateway(upstream.url, { balance: 10n ** 15n });
});
afterAll(async () => {
  await gateway.gateway.close();
  await upstream.close();
});

const send = (encoding: string, body: Buffer) =>
  ask(gateway, { headers: { 'content-encoding': encoding }, body });

/** A question of exactly so many bytes. */
function sized(bytes: number): Buffer {
  const body = Buffer.alloc(bytes, 0x20);
  Buffer.from(JSON.stringify(question)).copy(body);
  return body;
}

describe.each(encodings)('a body in %s', (encoding, encode) => {
  test('goes up decoded, byte for byte, and says nothing of its encoding', async () => {
    upstream.seen.length = 0;
    expect((await send(encoding, encode(plain))).status).toBe(200);
    const [seen] = upstream.seen;
    expect(seen?.body.equals(plain)).toBe(true);
    expect(seen?.headers['content-encoding']).toBeUndefined();
    expect(seen?.headers['content-length']).toBe(String(plain.length));
  });
});

test('a body may be 32 MB when decoded, and not a byte more', async () => {
  const [largest, larger] = [gzipSync(sized(BYTES_MAX)), gzipSync(sized(BYTES_MAX + 1))];
  // To pack them took this process long enough for its idle connections to be closed under it.
  await gateway.gateway.close();
  gateway = await startGateway(upstream.url, { balance: 10n ** 15n });
  upstream.seen.length = 0;
  expect((await send('gzip', largest)).status).toBe(200);
  expect(upstream.seen[0]?.body.length).toBe(BYTES_MAX);
  const refused = await send('gzip', larger);
  expect(refused.status).toBe(413);
  expect(JSON.parse(refused.body.toString()).error.type).toBe('request_too_large');
  expect(upstream.seen).toHaveLength(1);
});

describe.each(encodings.slice(0, -1))('in %s', (name, encode) => {
  const whole = encode(plain);
  test.each([
    ['a body that breaks off', whole.subarray(0, whole.length - 6)],
    ['a body that is in no encoding', plain],
  ])('%s is a 400 that names the header and what to do', async (_what, body) => {
    upstream.seen.length = 0;
    const answer = await send(name, body);
    expect(answer.status).toBe(400);
    expect(answer.headers['x-should-retry']).toBe('false');
    const { type, message } = JSON.parse(answer.body.toString()).error;
    expect(type).toBe('invalid_request_error');
    expect(message).toMatch(/^content-encoding: found a body that is no .* or breaks off/);
    expect(message).toContain(`no ${name.toLowerCase()}`);
    expect(message).toContain('plain and without this header');
    expect(upstream.seen).toHaveLength(0);
  });
});

test('the limit counts the chunk that reaches it, to the byte', async () => {
  const ending = async (bytesMax: number) => {
    const encoded = Readable.from([brotliCompressSync(Buffer.alloc(1_000))]);
    const body = decoded(encoded, createBrotliDecompress(), bytesMax);
    let ended = false;
    body.on('end', () => {
      ended = true;
    });
    await eventually(() => ended || body.destroyed);
    return ended;
  };
  expect([await ending(1_000), await ending(999)]).toEqual([true, false]);
});

test.each([
  ['gzip', gzipSync, createGunzip],
  ['zstd', zstdCompressSync, createZstdDecompress],
] as const)(
  'a bomb in %s is decoded to the limit and not beyond',
  async (_name, encode, decoder) => {
    const megabyte = encode(Buffer.alloc(1_048_576));
    let taken = 0;
    function* bomb() {
      for (; taken < 100_000; taken += 1) yield megabyte;
    }
    const body = decoded(Readable.from(bomb()), decoder(), 4_194_304);
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await eventually(() => body.destroyed);
    expect(bytes).toBeGreaterThan(4_194_304);
    expect(bytes).toBeLessThan(4_194_304 + 1_048_576);
    // A hundred gigabytes were offered; what was read on is what a queue holds.
    expect(taken).toBeLessThan(10_000);
  },
);
