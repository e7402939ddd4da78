import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '#kernel/clock';
import { changeKey, createApiKey } from '#orgs/api-keys';
import type { KeyMoveName } from '#orgs/key-states';
import { systemEntropy } from '#src/system';
import type { TestDatabase } from '#test/database';
import {
  type Customer,
  type GatewayProcesses,
  gatewayProcesses,
  type Process,
} from '#test/gateway-processes';
import { type Asking, ask, question } from '#test/gateway-world';

const clock = manualClock(new Date());
let world: GatewayProcesses;
let db: TestDatabase;
let nodes: readonly Process[];
let payer: Customer;

beforeAll(async () => {
  world = await gatewayProcesses();
  ({ db } = world);
  nodes = await Promise.all([world.start({ clock }), world.start({ clock })]);
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.customer('5');
});

const newKey = (expiresAt?: Date) => world.newKey(payer, expiresAt);

/** Those that take no hold first: a hold that is refused makes its process forget the key. */
const routes: readonly Asking[] = [
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: `/v1/models/${question.model}` },
  { method: 'GET', path: '/v1/files' },
  { path: '/v1/messages/count_tokens' },
  { path: '/v1/quote' },
  { path: '/v1/messages' },
  { path: '/v1/messages', body: { ...question, stream: true } },
];

/** What every route of every process answers to a key. */
async function everywhere(key: string) {
  const answers = [];
  for (const { url } of nodes) {
    for (const asking of routes) answers.push(await ask({ url, key }, asking));
  }
  return answers;
}

const statuses = async (key: string) => (await everywhere(key)).map(({ status }) => status);
const all = (status: number) => nodes.flatMap(() => routes.map(() => status));

describe.each(['revoke', 'disable'] as const)('%s', (move: KeyMoveName) => {
  test('within a second no process takes the key, on no route', async () => {
    const { id, key } = await newKey();
    expect(await statuses(key)).toEqual(all(200));
    expect((await changeKey(db.pool, move, { id })).outcome).toBe('done');
    clock.advance(1_000);
    expect(await statuses(key)).toEqual(all(401));
  });
});

test('a key enabled again works everywhere at once', async () => {
  const { id, key } = await newKey();
  await changeKey(db.pool, 'disable', { id });
  expect(await statuses(key)).toEqual(all(401));
  await changeKey(db.pool, 'enable', { id });
  expect(await statuses(key)).toEqual(all(200));
});

test('unknown, malformed, revoked, disabled, expired: nobody can tell one from another', async () => {
  const [revoked, disabled] = [await newKey(), await newKey()];
  await changeKey(db.pool, 'revoke', revoked);
  await changeKey(db.pool, 'disable', disabled);
  const expired = await newKey(new Date(0));
  const unknown = await createApiKey(
    { query: async () => [] },
    { entropy: systemEntropy, pepper: Buffer.from('another') },
    { ...payer, name: 'unsaved', kind: 'workspace', createdBy: null },
  );
  const shown = [];
  for (const { key } of [revoked, disabled, expired, unknown, { key: 'nonsense' }]) {
    for (const { status, headers, body } of await everywhere(key)) {
      const { 'request-id': requestId, date: _date, ...rest } = headers;
      expect(requestId).toMatch(/^req_/);
      const told = body.toString().replace(String(requestId), 'req_same');
      shown.push(JSON.stringify({ status, rest, told }));
    }
  }
  expect(shown).toHaveLength(5 * nodes.length * routes.length);
  expect(new Set(shown).size).toBe(1);
  expect(shown[0]).toContain('invalid x-api-key');
});

test('a key past its end is refused within a second, on no clock but the store’s', async () => {
  const { key } = await newKey(new Date(Date.now() + 3_600_000));
  expect(await statuses(key)).toEqual(all(200));
  await db.ownerPool.query({
    text: `UPDATE orgs.api_keys SET expires_at = now() WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  clock.advance(1_000);
  expect(await statuses(key)).toEqual(all(401));
});
