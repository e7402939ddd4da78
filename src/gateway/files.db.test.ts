import Anthropic, { NotFoundError, toFile } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { newId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import type { TestDatabase } from '#test/database';
import { type Customer, type GatewayProcesses, gatewayProcesses } from '#test/gateway-processes';
import { ask, MODEL } from '#test/gateway-world';
import { usd } from '#test/ledger-world';

let world: GatewayProcesses;
let db: TestDatabase;
let url: string;
let payer: Customer;
/** A key of the workspace, one of another workspace of the same organization, and a stranger's. */
let own: string;
let beside: string;
let stranger: string;

beforeAll(async () => {
  world = await gatewayProcesses();
  ({ db } = world);
  ({ url } = await world.start({ clock: manualClock(new Date()) }));
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.customer('50');
  own = payer.key;
  ({ key: stranger } = await world.customer('50'));
  const workspaceId = newId('workspace', systemEntropy);
  await db.pool.query({
    text: `INSERT INTO orgs.workspaces (organization_id, id, name) VALUES ($1, $2, 'Beside')`,
    values: [payer.organizationId, workspaceId],
  });
  ({ key: beside } = await world.newKey({ ...payer, workspaceId }));
});

const clientOf = (apiKey: string) => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const upload = async (key: string, text: string, name = 'notes.txt') =>
  clientOf(key).files.upload({ file: await toFile(Buffer.from(text), name) });

describe('the official client', () => {
  test('uploads, describes, lists, reads and deletes a file, and pays nothing', async () => {
    const client = clientOf(own);
    const text = 'Grüße 🌍 '.repeat(20_000);
    const made = await upload(own, text);
    const bytes = Buffer.byteLength(text);
    expect(made).toMatchObject({ type: 'file', filename: 'notes.txt', size_bytes: bytes });
    expect(await client.files.retrieveMetadata(made.id)).toEqual(made);
    const second = await upload(own, 'two', 'two.txt');
    const listed = [];
    for await (const file of client.files.list({ limit: 1 })) listed.push(file);
    expect(listed).toEqual([second, made]);
    expect((await client.files.list({ ids: [made.id] })).data).toEqual([made]);
    const content = await client.files.download(made.id);
    expect(await content.text()).toBe(text);
    expect(content.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await client.files.delete(made.id)).toEqual({ id: made.id, type: 'file_deleted' });
    expect((await client.files.list()).data).toEqual([second]);
    await expect(client.files.retrieveMetadata(made.id)).rejects.toBeInstanceOf(NotFoundError);
    expect((await world.balance(payer)).available).toBe(usd('50'));
  });
});

describe('T11: a file is of the workspace that uploaded it', () => {
  test.each(['beside', 'stranger'] as const)('to a key %s it is not there', async (which) => {
    const made = await upload(own, 'secret');
    const client = clientOf(which === 'beside' ? beside : stranger);
    expect((await client.files.list()).data).toEqual([]);
    expect((await client.files.list({ ids: [made.id] })).data).toEqual([]);
    for (const attempt of [
      () => client.files.retrieveMetadata(made.id),
      () => client.files.download(made.id),
      () => client.files.delete(made.id),
    ]) {
      await expect(attempt()).rejects.toThrow('The requested resource could not be found.');
    }
    expect((await clientOf(own).files.retrieveMetadata(made.id)).id).toBe(made.id);
  });

  const naming = (id: string) => ({
    model: MODEL,
    max_tokens: 10,
    messages: [
      { role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: id } }] },
    ],
  });
  const spelled = (id: string, key: string) =>
    Buffer.from(JSON.stringify(naming(id)).replace('"file_id"', `"${key}"`));
  const spellings = [
    'file_id',
    '\\u0066ile_id',
    'file\\u005fid',
    'file\\u005Fid',
    'fi\\u006ce_\\u0069\\u0064',
    'fi\\u006Ce_id',
  ];

  test.each(spellings)('it cannot be named in a request either, as %s', async (key) => {
    const made = await upload(own, 'secret');
    for (const path of ['/v1/messages', '/v1/messages/count_tokens', '/v1/quote']) {
      const body = spelled(made.id, key);
      expect([path, (await ask({ url, key: own }, { path, body })).status]).toEqual([path, 200]);
      const refused = await ask({ url, key: stranger }, { path, body });
      expect([path, refused.status]).toEqual([path, 404]);
      expect(JSON.parse(refused.body.toString()).error).toEqual({
        type: 'not_found_error',
        message: `file_id: ${made.id}`,
      });
    }
    const held = await db.pool.query({
      text: `SELECT 1 FROM ledger.holds WHERE organization_id = $1 AND state = 'open'`,
      values: [payer.organizationId],
    });
    expect(held).toEqual([]);
  });

  test('what a model gave a tool of the customer’s is no file of ours', async () => {
    const use = { type: 'tool_use', id: 'toolu_1', name: 'read', input: { file_id: '1AbC' } };
    const done = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'read' };
    const messages = [
      { role: 'user', content: 'Read it.' },
      { role: 'assistant', content: [use] },
      { role: 'user', content: [done] },
    ];
    const body = { model: MODEL, max_tokens: 10, messages };
    expect((await ask({ url, key: own }, { body })).status).toBe(200);
  });

  test('a file that nobody has uploaded here is nobody’s', async () => {
    const refused = await ask({ url, key: own }, { body: naming('file_of_the_operator') });
    expect(refused.status).toBe(404);
  });
});

test('nothing of a file is kept but whose it is', async () => {
  await upload(own, 'content-canary', 'name-canary.txt');
  const rows = await db.ownerPool.query<{ row: string }>({
    text: 'SELECT f::text AS row FROM orgs.files f',
  });
  expect(rows.length).toBeGreaterThan(0);
  for (const { row } of rows) expect(row).not.toContain('canary');
});

test('an organization cannot fill the storage that all share', async () => {
  const made = await upload(own, 'small');
  await db.ownerPool.query({
    text: 'UPDATE orgs.files SET size_bytes = 107374182400 WHERE organization_id = $1',
    values: [payer.organizationId],
  });
  const refused = await upload(beside, 'more').catch((error: unknown) => error);
  expect(refused).toMatchObject({ status: 400, errorCode: 'storage_quota_exceeded' });
  await clientOf(own).files.delete(made.id);
  expect((await upload(beside, 'more')).type).toBe('file');
});

test('what is past its end is not listed', async () => {
  const client = clientOf(own);
  const file = await toFile(Buffer.from('brief'), 'brief.txt');
  const made = await client.files.upload({ file, expires_in_seconds: 3_600 });
  expect((await client.files.list()).data).toHaveLength(1);
  await db.ownerPool.query({
    text: `UPDATE orgs.files SET expires_at = now() WHERE id = $1`,
    values: [made.id],
  });
  expect((await client.files.list()).data).toEqual([]);
});

test.each([
  ['a page that is none', '?page=nonsense'],
  ['a limit that is none', '?limit=0'],
])('%s is a 400', async (_what, query) => {
  const asking = { method: 'GET', path: `/v1/files${query}` };
  expect((await ask({ url, key: own }, asking)).status).toBe(400);
});
