import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BatchWorld, batchWorld, itemsOf } from '#test/batch-world';
import { ask } from '#test/gateway-world';
import { inOnePiece } from './large-body.ts';

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
const parts = (size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    ),
  );

describe('a large body', () => {
  test.each([
    ['as long as announced', bytes.length],
    ['of unknown length', 0],
    ['longer than announced', 70_000],
    ['shorter than announced', 250_000],
  ])('%s is what came', async (_what, announced) => {
    for (const size of [1_000, 65_536, 200_000]) {
      const body = await inOnePiece(parts(size), announced, 300_000);
      expect(body.equals(bytes)).toBe(true);
    }
  });

  test('may have as many bytes as its limit says, and not one more', async () => {
    expect((await inOnePiece(parts(999), 0, bytes.length)).length).toBe(bytes.length);
    const refused = inOnePiece(parts(999), 0, bytes.length - 1);
    await expect(refused).rejects.toMatchObject({ statusCode: 413 });
  });

  test.each([new Error('reset'), undefined])('that breaks off (%s) is none', async (error) => {
    const broken = new PassThrough();
    const body = inOnePiece(broken, bytes.length, 300_000);
    broken.write(bytes.subarray(0, 10));
    broken.destroy(error);
    await expect(body).rejects.toMatchObject({ statusCode: 400 });
  });
});

describe('a creation', () => {
  let world: BatchWorld;
  beforeAll(async () => {
    world = await batchWorld();
  });
  afterAll(() => world.close());

  test('may come encoded or in chunks, and one over its limit is told so', async () => {
    const node = await world.node();
    const customer = await world.customer();
    const to = { url: node.url, key: customer.key };
    const path = '/v1/messages/batches';
    const body = Buffer.from(JSON.stringify({ requests: itemsOf('ok', 'ok') }));
    const ways = [{}, { 'transfer-encoding': 'chunked' }, { 'content-encoding': 'gzip' }];
    for (const headers of ways) {
      const sent = 'content-encoding' in headers ? gzipSync(body) : body;
      const made = await ask(to, { path, headers, body: sent });
      expect([headers, made.status]).toEqual([headers, 200]);
      expect(JSON.parse(made.body.toString()).request_counts.processing).toBe(2);
    }
    const bomb = gzipSync(Buffer.alloc(268_435_457, 0x20), { level: 1 });
    const refused = await ask(to, { path, headers: { 'content-encoding': 'gzip' }, body: bomb });
    expect(refused.status).toBe(413);
    expect(JSON.parse(refused.body.toString()).error.type).toBe('request_too_large');
  });
});
