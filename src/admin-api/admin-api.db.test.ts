import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { registerAdminApi } from '#admin-api/register';
import { createGateway, type Gateway } from '#gateway/gateway';
import { parseId } from '#kernel/ids';
import { changeKey, createApiKey, type KeyKind } from '#orgs/api-keys';
import { createWorkspace } from '#orgs/workspaces';
import { bundledBook } from '#pricing/bundled-book';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { ask, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';

const pepper = Buffer.from('pepper of the tests');
let db: TestDatabase;
let money: ReturnType<typeof chargingOn>;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let gateway: Gateway;
let url: string;
let payer: Payer;
let stranger: Payer;
let key: string;
let admin: string;
let foreign: string;

beforeAll(async () => {
  db = await testDatabase();
  money = chargingOn(db.url);
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const { pool } = db;
  gateway = await createGateway({
    ...{ pool, charging: money.charging, prices: await recordedPrices(pool), pepper },
    upstream: { url: sim.url, key: 'operator-key' },
    ...{ clock: systemClock, entropy: systemEntropy, logger: false, drainSeconds: 5 },
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    register: (app, door) => registerAdminApi(app, { pool, book: bundledBook, ...door }),
  });
  url = await gateway.listen('127.0.0.1', 0);
  [payer, stranger] = await Promise.all([makePayer(pool), makePayer(pool)]);
  for (const amount of ['5', '3', '2']) await give(pool, payer, usd(amount));
  key = (await newKey(payer, 'workspace')).key;
  admin = (await newKey(payer, 'admin')).key;
  foreign = (await newKey(stranger, 'admin')).key;
});
afterAll(async () => {
  await gateway.close();
  await sim.close();
  await money.close();
  await db.drop();
});

const newKey = ({ organizationId, workspaceId }: Payer, kind: KeyKind) =>
  db.pool.transaction((tx) =>
    createApiKey(
      tx,
      { entropy: systemEntropy, pepper },
      { organizationId, workspaceId, kind, name: `${kind} key`, createdBy: null },
    ),
  );

async function call(method: string, path: string, body: object | undefined = {}, as = admin) {
  const at = `/v1/organizations${path}`;
  const sent = method === 'DELETE' ? Buffer.alloc(0) : body;
  const answer = await ask({ url, key: as }, { method, path: at, body: sent });
  return { status: answer.status, body: JSON.parse(answer.body.toString()) };
}
const get = (path: string, as = admin) => call('GET', path, undefined, as);

const refusal = z.object({
  error: z.object({ type: z.string(), message: z.string() }),
});
const messageOf = (answer: { body: unknown }) => refusal.parse(answer.body).error.message;

describe('who is let in', () => {
  const routes = [
    ['GET', '/me'],
    ['GET', '/workspaces'],
    ['GET', '/api_keys'],
    ['GET', '/credits'],
    ['GET', '/credits/ledger'],
    ['GET', '/requests/req_1'],
    ['GET', '/spend_limits'],
    ['GET', '/spend_limits/spl_1'],
    ['POST', '/spend_limits'],
    ['PUT', '/spend_limits'],
    ['DELETE', '/spend_limits/spl_1'],
  ] as const;

  test.each(routes)('%s %s is for admin keys', async (method, path) => {
    const refused = await call(method, path, {}, key);
    expect([refused.status, refused.body.error]).toEqual([
      403,
      {
        type: 'permission_error',
        message: expect.stringContaining('Admin API key'),
        details: { error_code: 'workspace_key_not_accepted' },
      },
    ]);
    expect((await call(method, path, {}, 'nonsense')).status).toBe(401);
  });

  test('every route is in the documentation, and here', async () => {
    const answer = await fetch(`${url}/openapi.json`);
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await answer.json());
    const documented = Object.entries(paths)
      .filter(([path]) => path.startsWith('/v1/organizations'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    const here = routes.map(([method, path]) => {
      const named = path.replace('spl_1', '{id}').replace('req_1', '{request_id}');
      return `${method.toLowerCase()} /v1/organizations${named}`;
    });
    expect(documented.sort()).toEqual(here.sort());
  });

  test('an admin key buys nothing, has the prefix of its kind, and ends when it is revoked', async () => {
    expect(admin).toMatch(/^sk-bursar-admin01-/);
    const refused = await ask({ url, key: admin });
    expect([refused.status, JSON.parse(refused.body.toString()).error.details]).toEqual([
      403,
      { error_code: 'admin_key_not_accepted' },
    ]);
    const made = await newKey(payer, 'admin');
    expect((await get('/me', made.key)).status).toBe(200);
    await changeKey(db.pool, 'revoke', made);
    const status = async () => (await get('/me', made.key)).status;
    await expect.poll(status, { timeout: 30_000 }).toBe(401);
  });

  test('a version is asked for, as everywhere', async () => {
    const headers = { 'anthropic-version': undefined };
    const path = '/v1/organizations/me';
    const refused = await ask({ url, key: admin }, { method: 'GET', path, headers });
    expect(messageOf({ body: JSON.parse(refused.body.toString()) })).toContain(
      'header is required',
    );
  });
});

describe('credit', () => {
  test('what there is, by grant, and with holds=true what is held for whom', async () => {
    const paid = await ask({ url, key });
    expect(paid.status).toBe(200);
    const { status, body } = await get('/credits');
    expect(status).toBe(200);
    const available = usd('10') - usd(String(paid.headers['bursar-cost-usd']));
    expect(usd(body.available_usd)).toBe(available);
    expect(body).toMatchObject({ type: 'credits', held_usd: '0', frozen_usd: '0', debt_usd: '0' });
    expect(body.grants).toHaveLength(3);
    expect(body.holds).toBeUndefined();
    expect((await get('/credits?holds=true')).body.holds).toEqual([]);

    const running = ask({ url, key }, { headers: { 'x-sim-scenario': 'ok;first_ms=4000' } });
    const held = await eventuallyHeld();
    expect(held.holds).toEqual([
      expect.objectContaining({
        request_id: expect.stringMatching(/^req_/),
        amount_usd: held.held_usd,
      }),
    ]);
    const id = String((await running).headers['request-id']);
    expect(held.holds[0].request_id).toBe(id);
    expect((await get('/credits?holds=maybe')).body.error.message).toBe(
      'holds: found "maybe", expected true or false',
    );
  });

  async function eventuallyHeld() {
    let seen = (await get('/credits?holds=true')).body;
    const holds = async () => {
      seen = (await get('/credits?holds=true')).body;
      return seen.holds.length;
    };
    await expect.poll(holds, { timeout: 30_000 }).toBe(1);
    return seen;
  }

  test('the statement is read page by page, both ways, and the pages fit together', async () => {
    const all = (await get('/credits/ledger?limit=1000')).body;
    const ids: string[] = all.data.map(({ id }: { id: string }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(4);
    expect(all).toMatchObject({ has_more: false, first_id: ids[0], last_id: ids.at(-1) });
    expect(all.data.at(-1)).toMatchObject({
      ...{ type: 'ledger_line', amount_usd: '5', balance_usd: '5' },
      grant_id: expect.stringMatching(/^grant_/),
    });
    const sum = all.data.reduce(
      (total: bigint, { amount_usd }: { amount_usd: string }) => total + usd(amount_usd),
      0n,
    );
    expect(sum).toBe(usd(all.data[0].balance_usd));

    const down: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await get(`/credits/ledger?limit=2${after}`);
      down.push(...body.data.map(({ id }: { id: string }) => id));
      if (!body.has_more) break;
      after = `&after_id=${body.last_id}`;
    }
    expect(down).toEqual(ids);
    const up: string[] = [];
    for (let before = ids.at(-1); ; ) {
      const { body } = await get(`/credits/ledger?limit=2&before_id=${before}`);
      up.unshift(...body.data.map(({ id }: { id: string }) => id));
      if (!body.has_more) break;
      before = body.first_id;
    }
    expect(up).toEqual(ids.slice(0, -1));
    const newest = await get(`/credits/ledger?before_id=${ids[0]}`);
    expect(newest.body).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  });

  test.each([
    ['limit=0', 'limit: found "0", expected a whole number from 1 to 1000'],
    ['after_id=x', 'after_id: found "x", expected the id of a line'],
    [
      'after_id=1.1&before_id=2.1',
      'before_id: found "2.1", expected none, because after_id is given too',
    ],
  ])('%s is refused by name', async (query, message) => {
    const refused = await get(`/credits/ledger?${query}`);
    expect([refused.status, messageOf(refused)]).toEqual([400, message]);
  });

  test('a receipt is the organization’s own, and of nobody else', async () => {
    const paid = await ask({ url, key });
    const id = String(paid.headers['request-id']);
    const { body } = await get(`/requests/${id}`);
    expect(body).toMatchObject({
      ...{ id, type: 'request_receipt', outcome: 'S1', model: question.model },
      charged_usd: paid.headers['bursar-cost-usd'],
      ...{ estimated: false, client_disconnected: false, retry_of: null },
    });
    expect(body.lines.length).toBeGreaterThan(0);
    expect(body.grants.length).toBeGreaterThan(0);
    expect(JSON.stringify(body)).not.toContain('upstream');
    const unknown = await get('/requests/req_01KAAAAAAAAAAAAAAAAAAAAAAA', foreign);
    const theirs = await get(`/requests/${id}`, foreign);
    expect([theirs.status, theirs.body.error]).toEqual([404, unknown.body.error]);
    expect((await get('/requests/nonsense')).status).toBe(404);
  });
});

describe('spend limits', () => {
  test('the official client sets, reads, lists and deletes them', async () => {
    const client = new Anthropic({ baseURL: url, apiKey: admin, maxRetries: 0 });
    const { spendLimits } = client.beta.organization;
    const made = await spendLimits.set({ amount: '50000', scope: { type: 'organization' } });
    expect(made).toMatchObject({
      ...{ type: 'spend_limit', amount: '50000', currency: 'usd', period: 'monthly' },
      ...{ scope: { type: 'organization' }, is_enabled: true },
    });
    expect(await spendLimits.retrieve(made.id)).toEqual(made);
    const { workspaceId: workspace_id } = payer;
    await spendLimits.set({ amount: '1', scope: { type: 'workspace', workspace_id } });
    const seen = [];
    for await (const limit of spendLimits.list()) seen.push(limit.scope.type);
    expect(seen.sort()).toEqual(['organization', 'workspace']);
    const only = await spendLimits.list({ scope_type: ['workspace'] });
    expect(only.data).toMatchObject([{ amount: '1', scope: { workspace_id } }]);
    for (const limit of (await spendLimits.list()).data) {
      expect(await spendLimits.delete(limit.id)).toEqual({
        id: limit.id,
        type: 'spend_limit_deleted',
      });
    }
    expect((await spendLimits.list()).data).toEqual([]);
    await expect(spendLimits.retrieve(made.id)).rejects.toThrow('could not be found');
  });

  test('PUT sets exact amounts for any part, keeps the action, and removes with null', async () => {
    const put = (body: object) => call('PUT', '/spend_limits', body);
    const first = await put({ amount_usd: '0.019', action: 'notify_only' });
    expect(first.body).toMatchObject({
      ...{
        amount_usd: '0.019',
        amount: '1',
        action: 'notify_only',
        charged_usd: expect.any(String),
      },
      set_by: expect.stringMatching(/^apikey_/),
    });
    expect((await put({ amount_usd: '7' })).body).toMatchObject({ action: 'notify_only' });
    const { apiKeyId: api_key_id } = payer;
    const ofKey = await put({ amount_usd: '1', api_key_id });
    expect(ofKey.body.scope).toEqual({ type: 'api_key', api_key_id });
    for (const subject of [{}, { api_key_id }]) {
      const removed = await put({ amount_usd: null, ...subject });
      expect(removed.body).toMatchObject({ type: 'spend_limit_deleted' });
    }
    expect((await get('/spend_limits')).body).toEqual({ data: [], next_page: null });
    const trail = await db.pool.query<{ actor: string; reason: string }>({
      text: `SELECT actor, reason FROM identity.audit_events
              WHERE organization_id = $1 AND action = 'spend_limit.set' ORDER BY id DESC LIMIT 1`,
      values: [payer.organizationId],
    });
    expect(trail).toEqual([{ actor: expect.stringMatching(/^apikey_/), reason: 'none' }]);
  });

  test('a limit holds from the next request on', async () => {
    await call('PUT', '/spend_limits', { amount_usd: '0' });
    const refused = await ask({ url, key });
    expect(JSON.parse(refused.body.toString()).error.details.error_code).toBe(
      'spend_limit_reached',
    );
    await call('PUT', '/spend_limits', { amount_usd: null });
    expect((await ask({ url, key })).status).toBe(200);
  });

  test.each([
    ['POST', { amount: null, scope: { type: 'organization' } }, /^amount: expected cents/],
    ['POST', { amount: '5.5', scope: { type: 'organization' } }, /^amount: expected cents/],
    ['POST', { amount: '5', scope: { type: 'user', user_id: 'u' } }, /^scope.*: expected/],
    [
      'POST',
      { amount: '5', scope: { type: 'organization' }, period: 'daily' },
      /^period: expected/,
    ],
    ['PUT', { amount_usd: '-1' }, /^amount_usd: expected US dollars/],
    ['PUT', { amount_usd: 5 }, /^amount_usd: expected US dollars/],
    ['PUT', { amount_usd: '5', action: 'stop' }, /^action: expected notify_only or/],
    ['PUT', { amount_usd: '5', workspace_id: 'a', api_key_id: 'b' }, /^api_key_id: expected none/],
  ])('%s %j is refused by the field', async (method, body, message) => {
    const refused = await call(method, '/spend_limits', body);
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toMatch(message);
  });

  test('T11: nothing of another organization is limited, read or removed', async () => {
    await call('PUT', '/spend_limits', { amount_usd: '9' });
    const [mine] = (await get('/spend_limits')).body.data;
    expect((await get('/spend_limits', foreign)).body.data).toEqual([]);
    expect((await get(`/spend_limits/${mine.id}`, foreign)).status).toBe(404);
    expect((await call('DELETE', `/spend_limits/${mine.id}`, {}, foreign)).status).toBe(404);
    const { workspaceId: workspace_id } = payer;
    const theirs = { amount_usd: '1', workspace_id };
    expect((await call('PUT', '/spend_limits', theirs, foreign)).status).toBe(404);
    expect((await get('/spend_limits')).body.data).toEqual([mine]);
    await call('PUT', '/spend_limits', { amount_usd: null });
  });
});

describe('the organization', () => {
  test('is told with its workspaces and its keys, which show no secret', async () => {
    const { organizationId, workspaceId } = payer;
    expect((await get('/me')).body).toEqual({
      ...{ id: organizationId, type: 'organization', name: 'Test' },
    });
    const made = await db.pool.transaction((tx) =>
      createWorkspace(tx, systemEntropy, { organizationId, name: 'Staging' }),
    );
    const staging = made.outcome === 'created' ? made.workspace.id : '';
    const { body: workspaces } = await get('/workspaces');
    expect(workspaces.data).toMatchObject([{ id: workspaceId }, { id: staging, name: 'Staging' }]);
    await newKey({ ...payer, workspaceId: workspaceNamed(staging) }, 'workspace');
    const { body: keys } = await get('/api_keys');
    expect(JSON.stringify(keys)).not.toContain(key);
    expect(keys.data[0]).toMatchObject({
      ...{ type: 'api_key', status: 'active', workspace_id: staging },
      scope: { type: 'workspace', workspace_id: staging },
    });
    expect(keys.data).toContainEqual(
      expect.objectContaining({ scope: { type: 'organization' }, workspace_id: null }),
    );
    const archived = (await get('/api_keys?status=archived')).body.data;
    expect(archived).toMatchObject([{ status: 'archived' }]);
    const here = (await get(`/api_keys?workspace_id=${staging}&limit=1`)).body;
    expect([here.data.length, here.has_more]).toEqual([1, false]);
    expect((await get('/api_keys?after_id=apikey_1')).status).toBe(400);
    expect((await get('/workspaces', foreign)).body.data).toHaveLength(1);
  });
});

function workspaceNamed(text: string): Payer['workspaceId'] {
  const id = parseId('workspace', text);
  if (id === undefined) throw new Error(`no workspace: ${text}`);
  return id;
}
