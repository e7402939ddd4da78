import { afterEach, beforeEach, expect, test } from 'vitest';
import { startModelSim } from './server.ts';

let sim: Awaited<ReturnType<typeof startModelSim>>;
beforeEach(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterEach(() => sim.close());

const headers = { 'x-api-key': 'made-up', 'anthropic-version': '2023-06-01' };
const call = (path: string, init: RequestInit = {}) =>
  fetch(`${sim.url}${path}`, { ...init, headers });

async function upload(text: string): Promise<Record<string, unknown>> {
  const body = new FormData();
  body.set('file', new File([text], 'notes.txt', { type: 'text/plain' }));
  const answer = await call('/v1/files', { method: 'POST', body });
  const made: Record<string, unknown> = JSON.parse(await answer.text());
  return made;
}

test('a file is kept as it came, described, listed and deleted', async () => {
  const text = 'one\r\n\r\ntwo --boundary';
  const made = await upload(text);
  expect(made).toMatchObject({
    type: 'file',
    filename: 'notes.txt',
    mime_type: 'text/plain',
    size_bytes: text.length,
    expires_at: null,
  });
  const path = `/v1/files/${made.id}`;
  expect(await (await call(path)).json()).toEqual(made);
  expect(await (await call(`${path}/content`)).text()).toBe(text);
  const other = await upload('other');
  expect(await (await call('/v1/files')).json()).toEqual({ data: [other, made], next_page: null });
  const named = await call(`/v1/files?ids[]=${made.id}`);
  expect(await named.json()).toEqual({ data: [made], next_page: null });
  const deleted = await call(path, { method: 'DELETE' });
  expect(await deleted.json()).toEqual({ id: made.id, type: 'file_deleted' });
  expect((await call(path)).status).toBe(404);
});

test('equal uploads in equal order give equal answers', async () => {
  const first = [await upload('a'), await upload('a')];
  await sim.close();
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  expect([await upload('a'), await upload('a')]).toEqual(first);
  expect(first[0]?.id).not.toBe(first[1]?.id);
});

test('a form without a file is a 400', async () => {
  const answer = await call('/v1/files', { method: 'POST', body: new FormData() });
  expect(answer.status).toBe(400);
});
