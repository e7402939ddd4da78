import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '#http/app';
import { systemEntropy } from '#src/system';
import { ask } from '#test/gateway-world';
import { bodyRoom } from './body-room.ts';
import { receiveInOnePiece } from './large-body.ts';

/** Those that have been received and wait to be answered. */
let waiting: (() => void)[] = [];
let app: Awaited<ReturnType<typeof createApp>>;
let url: string;

beforeEach(async () => {
  waiting = [];
  app = await createApp({
    ...{ entropy: systemEntropy, logger: false, bodyLimit: 10 },
    about: { title: 'room', version: '0.1.0', description: 'bodies' },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', receiveInOnePiece);
  app.post('/', { bodyLimit: 1_000, onRequest: bodyRoom(1_500) }, async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return 'taken';
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  for (const answer of waiting) answer();
  await app.close();
});

const send = (bytes: number, headers: Record<string, string> = {}) =>
  ask({ url, key: 'key' }, { path: '/', body: Buffer.alloc(bytes), headers });

/** Sends one, and comes back when one has been received. */
const hold = async (bytes: number, headers: Record<string, string> = {}) => {
  const answer = { is: send(bytes, headers) };
  await expect.poll(() => waiting.length).toBeGreaterThan(0);
  return answer;
};

describe('the bodies of all requests together', () => {
  test('take no more than there is room for; the rest is to be tried again', async () => {
    const first = await hold(800);
    const refused = await send(701);
    expect([refused.status, refused.headers['x-should-retry']]).toEqual([529, 'true']);
    expect(JSON.parse(refused.body.toString()).error.type).toBe('overloaded_error');
    const second = send(700);
    await expect.poll(() => waiting.length).toBe(2);
    for (const answer of waiting) answer();
    expect([(await first.is).status, (await second).status]).toEqual([200, 200]);
    waiting = [];
    const third = await hold(701);
    waiting[0]?.();
    expect((await third.is).status).toBe(200);
  });

  test('count as the largest where nobody says how long they get', async () => {
    const first = await hold(10, { 'transfer-encoding': 'chunked' });
    expect((await send(501)).status).toBe(529);
    waiting[0]?.();
    expect((await first.is).status).toBe(200);
  });
});
