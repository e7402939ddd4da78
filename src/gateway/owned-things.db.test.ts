import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { forgetContainers } from '#orgs/containers';
import { systemEntropy } from '#src/system';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  withKey,
} from '#test/batch-world';
import {
  ask,
  MODEL,
  question,
  type ScriptedUpstream,
  type SeenRequest,
  scriptedUpstream,
  streamEvents,
} from '#test/gateway-world';

let world: BatchWorld;
let node: BatchNode;
let upstream: ScriptedUpstream;
/** A key of the workspace, one of another workspace of the organization, and a stranger's. */
let own: BatchCustomer;
let beside: BatchCustomer;
let stranger: BatchCustomer;
let made = 0;
/** Ids of this test alone. */
let id: { readonly container: string; readonly file: string };

beforeAll(async () => {
  world = await batchWorld();
  upstream = await scriptedUpstream(answer);
  node = await world.node({ upstream: { url: upstream.url, key: 'operator-key' } });
});
afterAll(async () => {
  await world.close();
  await upstream.close();
});
beforeEach(async () => {
  made += 1;
  id = { container: `container_${made}`, file: `file_made_${made}` };
  own = await world.customer('500');
  stranger = await world.customer('500');
  const workspaceId = newId('workspace', systemEntropy);
  await world.db.pool.query({
    text: `INSERT INTO orgs.workspaces (organization_id, id, name) VALUES ($1, $2, 'Beside')`,
    values: [own.organizationId, workspaceId],
  });
  beside = await withKey(world.db, { ...own, workspaceId });
});

const usage = { input_tokens: 25, output_tokens: 15 };
const container = () => ({ id: id.container, expires_at: '2026-11-21T14:00:00Z' });
const ran = () => ({
  type: 'bash_code_execution_tool_result',
  tool_use_id: 'srvtoolu_1',
  content: {
    type: 'bash_code_execution_result',
    ...{ stdout: 'é🌍', stderr: '', return_code: 0 },
    content: [{ type: 'bash_code_execution_output', file_id: id.file }],
  },
});
const message = () => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' },
  ...{ content: [ran()], container: container(), usage },
});
function events(): string {
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const [start = '', ...rest] = streamEvents();
  const stop = rest.at(-1) ?? '';
  const delta = { stop_reason: 'end_turn', stop_sequence: null, container: container() };
  return [
    start,
    event('content_block_start', { index: 0, content_block: ran() }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta, usage }),
    stop,
  ].join('');
}

/** Every request is answered by running something, in a container and with a file. */
function answer(response: ServerResponse, { path, body }: SeenRequest): void {
  const json = (value: unknown): void => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (path.startsWith('/v1/messages/batches')) batch(response, path, json);
  else if (path.endsWith('/content')) response.end('made by a tool');
  else if (path.startsWith('/v1/files/')) json({ id: path.split('/')[3], type: 'file' });
  else if (body.toString().includes('"stream":true')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // In pieces of seven bytes: an id may come in parts.
    const bytes = Buffer.from(events());
    for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
    response.end();
  } else json(path === '/v1/messages' ? message() : { input_tokens: 25 });
}

function batch(response: ServerResponse, path: string, json: (value: unknown) => void): void {
  if (path.endsWith('/results')) {
    const result = { type: 'succeeded', message: message() };
    response.writeHead(200, { 'content-type': 'application/x-jsonl' });
    response.end(`${JSON.stringify({ custom_id: 'a0', result })}\n`);
    return;
  }
  const now = new Date().toISOString();
  json({
    ...{ id: `msgbatch_${made}`, processing_status: 'ended', created_at: now, expires_at: now },
    request_counts: { processing: 0, succeeded: 1, errored: 0, canceled: 0, expired: 0 },
  });
}

const asking = (by: BatchCustomer, body: unknown, path = '/v1/messages') =>
  ask({ url: node.url, key: by.key }, { path, body });
const fetched = (by: BatchCustomer, path: string) =>
  ask({ url: node.url, key: by.key }, { method: 'GET', path });
const ids = [
  ['by its id', () => id.container],
  ['in an object', () => ({ id: id.container })],
] as const;
const paths = ['/v1/messages', '/v1/messages/count_tokens', '/v1/quote'];

async function mayUse(by: BatchCustomer): Promise<boolean> {
  const { status } = await asking(by, { ...question, container: id.container });
  return status === 200;
}

describe('T11: a container is of the workspace whose answer told of it', () => {
  test.each([
    ['as JSON', false],
    ['as a stream', true],
  ])('%s, and its bytes are as they came', async (_how, stream) => {
    expect(await mayUse(own)).toBe(false);
    const got = await asking(own, { ...question, stream });
    expect(got.body.toString()).toBe(stream ? events() : JSON.stringify(message()));
    await expect.poll(() => mayUse(own)).toBe(true);
    expect([await mayUse(beside), await mayUse(stranger)]).toEqual([false, false]);
  });

  test.each(ids)('it cannot be named by others, %s, anywhere', async (_how, named) => {
    await asking(own, question);
    const seen = upstream.seen.length;
    for (const path of paths) {
      for (const by of [beside, stranger]) {
        const refused = await asking(by, { ...question, container: named() }, path);
        expect([path, refused.status]).toEqual([path, 404]);
        expect(JSON.parse(refused.body.toString()).error).toEqual({
          type: 'not_found_error',
          message: `container: ${id.container}`,
        });
      }
    }
    expect(upstream.seen.length).toBe(seen);
    for (const path of paths) {
      const { status } = await asking(own, { ...question, container: named() }, path);
      expect([path, status]).toEqual([path, 200]);
    }
  });

  test('one that nobody was ever told of is refused in the same words', async () => {
    const refused = await asking(own, { ...question, container: 'container_guessed' });
    expect(refused.status).toBe(404);
    expect(JSON.parse(refused.body.toString()).error.message).toBe('container: container_guessed');
  });

  test.each(['\\u0063ontainer', 'containe\\u0072'])('spelled %s it is the same', async (key) => {
    await asking(own, question);
    const text = JSON.stringify({ ...question, container: id.container });
    const body = Buffer.from(text.replace('"container"', `"${key}"`));
    expect((await asking(stranger, body)).status).toBe(404);
    expect((await asking(own, body)).status).toBe(200);
  });

  test('a word in a text, or a container that is null, is none', async () => {
    const messages = [{ role: 'user', content: 'What is {"container": "x"} for? é' }];
    const body = { ...question, messages, container: null };
    expect((await asking(own, body)).status).toBe(200);
  });

  test('it is forgotten when it is long gone upstream, and not before', async () => {
    await asking(own, question);
    const age = (interval: string) =>
      world.db.ownerPool.query({
        text: `UPDATE orgs.containers SET first_seen_at = first_seen_at - $2::interval WHERE id = $1`,
        values: [id.container, interval],
      });
    await age('30 days 23 hours');
    expect(await forgetContainers(world.db.pool, 100)).toBe(0);
    await age('1 hour');
    const counts = [1, 2].map(() => forgetContainers(world.db.pool, 100));
    expect((await Promise.all(counts)).reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await mayUse(own)).toBe(false);
  });
});

test('skills of the API are everybody’s, others nobody’s', async () => {
  const having = (type: string) => ({
    ...question,
    container: { skills: [{ type, skill_id: 'pptx', version: 'latest' }] },
  });
  expect((await asking(own, having('anthropic'))).status).toBe(200);
  const refused = await asking(own, having('custom'));
  expect(refused.status).toBe(404);
  expect(JSON.parse(refused.body.toString()).error.message).toBe('skill_id: pptx');
});

describe('a file that a tool has made', () => {
  test.each([
    ['as JSON', false],
    ['as a stream', true],
  ])('told of %s, is of the workspace and can be fetched', async (_how, stream) => {
    const path = `/v1/files/${id.file}/content`;
    expect((await fetched(own, path)).status).toBe(404);
    await asking(own, { ...question, stream });
    const got = async () => (await fetched(own, path)).body.toString();
    await expect.poll(got).toBe('made by a tool');
    expect((await fetched(own, `/v1/files/${id.file}`)).status).toBe(200);
    for (const by of [beside, stranger]) expect((await fetched(by, path)).status).toBe(404);
  });

  test('can be sent back in the conversation', async () => {
    await asking(own, question);
    const messages = [...question.messages, { role: 'assistant', content: [ran()] }];
    expect((await asking(own, { ...question, messages })).status).toBe(200);
    expect((await asking(stranger, { ...question, messages })).status).toBe(404);
  });
});

describe('the items of a batch', () => {
  const item = (params: object) => ({
    requests: [
      { custom_id: 'a0', params: question },
      { custom_id: 'a1', params: { ...question, ...params } },
    ],
  });
  const create = (by: BatchCustomer, params: object) =>
    asking(by, item(params), '/v1/messages/batches');

  test('may name what is of their workspace, and nothing else', async () => {
    await asking(own, question);
    const messages = [{ role: 'user', content: [{ type: 'container_upload', file_id: id.file }] }];
    for (const params of [{ container: id.container }, { messages }]) {
      expect((await create(own, params)).status).toBe(200);
      const refused = await create(stranger, params);
      expect(refused.status).toBe(404);
      expect(refused.body.toString()).toContain(params.container ?? id.file);
    }
    expect((await world.balance(stranger)).held).toBe(0n);
  });

  test('make things for their workspace, known once the results are read', async () => {
    const one = { requests: [{ custom_id: 'a0', params: question }] };
    const created = await asking(own, one, '/v1/messages/batches');
    const { id: batchId } = JSON.parse(created.body.toString());
    expect(await mayUse(own)).toBe(false);
    expect((await fetched(own, `/v1/messages/batches/${batchId}/results`)).status).toBe(200);
    await expect.poll(() => mayUse(own)).toBe(true);
    expect((await fetched(own, `/v1/files/${id.file}`)).status).toBe(200);
    expect(await mayUse(stranger)).toBe(false);
  });
});
