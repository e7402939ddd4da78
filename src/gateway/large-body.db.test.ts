import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '#http/app';
import { systemEntropy } from '#src/system';
import { type BatchWorld, batchWorld, itemsOf } from '#test/batch-world';
import { ask } from '#test/gateway-world';
import { inOnePiece, receiveInOnePiece } from './large-body.ts';

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

test('one over the limit of its route is told so, as everywhere', async () => {
  const app = await createApp({
    ...{ entropy: systemEntropy, logger: false, bodyLimit: 10 },
    about: { title: 'large', version: '0.1.0', description: 'bodies' },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', receiveInOnePiece);
  app.post('/', { bodyLimit: 1_000 }, async ({ body }) => ({
    bytes: Buffer.isBuffer(body) ? body.length : -1,
  }));
  const send = (size: number) =>
    app.inject({ method: 'POST', url: '/', payload: Buffer.alloc(size, 0x20) });
  expect((await send(1_000)).json()).toEqual({ bytes: 1_000 });
  const refused = await send(1_001);
  expect([refused.statusCode, refused.json().error.type]).toEqual([413, 'request_too_large']);
  await app.close();
});

describe('a creation', () => {
  let world: BatchWorld;
  beforeAll(async () => {
    world = await batchWorld();
  });
  afterAll(() => world.close());

  test('may come encoded or in chunks', async () => {
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
  });
});
