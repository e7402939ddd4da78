import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { changeKey } from '#orgs/api-keys';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';
import { ask, question } from '#test/gateway-world';
import { usd } from '#test/ledger-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world.close());

const call = (...asked: Parameters<AdminWorld['call']>) => world.call(...asked);
const get = (...asked: Parameters<AdminWorld['get']>) => world.get(...asked);

describe('who is let in', () => {
  const routes = [
    ['GET', '/me'],
    ['GET', '/workspaces'],
    ['POST', '/workspaces'],
    ['GET', '/workspaces/spl_1'],
    ['GET', '/api_keys'],
    ['GET', '/api_keys/spl_1'],
    ['POST', '/api_keys/spl_1'],
    ['GET', '/rate_limits'],
    ['GET', '/credits'],
    ['GET', '/credits/ledger'],
    ['GET', '/requests/req_1'],
    ['GET', '/spend_limits'],
    ['GET', '/spend_limits/spl_1'],
    ['POST', '/spend_limits'],
    ['PUT', '/spend_limits'],
    ['DELETE', '/spend_limits/spl_1'],
    ['POST', '/purchases'],
    ['GET', '/purchases'],
    ['GET', '/purchases/spl_1'],
    ['POST', '/purchases/spl_1/cancel'],
    ['GET', '/auto_reload'],
    ['GET', '/credits/advice'],
    ['GET', '/spend_limits/changes'],
    ['PUT', '/auto_reload'],
    ['GET', '/webhooks'],
    ['POST', '/webhooks'],
    ['GET', '/webhooks/spl_1'],
    ['POST', '/webhooks/spl_1'],
    ['DELETE', '/webhooks/spl_1'],
    ['POST', '/webhooks/spl_1/rotate_secret'],
    ['POST', '/webhooks/spl_1/test'],
    ['GET', '/webhooks/spl_1/deliveries'],
    ['POST', '/webhooks/spl_1/deliveries/evt_1/resend'],
    ['GET', '/spend_watch'],
    ['PUT', '/spend_watch'],
    ['GET', '/spend_anomalies'],
    ['POST', '/spend_anomalies/spl_1/acknowledge'],
  ] as const;

  test.each(routes)('%s %s is for admin keys', async (method, path) => {
    const refused = await call(method, path, {}, world.key);
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
    const answer = await fetch(`${world.url}/openapi.json`);
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await answer.json());
    const documented = Object.entries(paths)
      .filter(([path]) => path.startsWith('/v1/organizations'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    const here = routes.map(([method, path]) => {
      const named = path
        .replace('spl_1', '{id}')
        .replace('req_1', '{request_id}')
        .replace('evt_1', '{event_id}');
      return `${method.toLowerCase()} /v1/organizations${named}`;
    });
    expect(documented.sort()).toEqual(here.sort());
  });

  test('an admin key buys nothing, has the prefix of its kind, and ends when it is revoked', async () => {
    expect(world.admin).toMatch(/^sk-bursar-admin01-/);
    const refused = await ask({ url: world.url, key: world.admin });
    expect([refused.status, JSON.parse(refused.body.toString()).error.details]).toEqual([
      403,
      { error_code: 'admin_key_not_accepted' },
    ]);
    const made = await world.newKey(world.payer, 'admin');
    expect((await get('/me', made.key)).status).toBe(200);
    await changeKey(world.db.pool, 'revoke', made);
    const status = async () => (await get('/me', made.key)).status;
    await expect.poll(status, { timeout: 30_000 }).toBe(401);
  });

  test('a version is asked for, as everywhere', async () => {
    const headers = { 'anthropic-version': undefined };
    const path = '/v1/organizations/me';
    const refused = await ask(
      { url: world.url, key: world.admin },
      { method: 'GET', path, headers },
    );
    expect(messageOf({ body: JSON.parse(refused.body.toString()) })).toContain(
      'header is required',
    );
  });
});

describe('credit', () => {
  test('what there is, by grant, and with holds=true what is held for whom', async () => {
    const paid = await ask(world);
    expect(paid.status).toBe(200);
    const { status, body } = await get('/credits');
    expect(status).toBe(200);
    const available = usd('10') - usd(String(paid.headers['bursar-cost-usd']));
    expect(usd(body.available_usd)).toBe(available);
    expect(body).toMatchObject({ type: 'credits', held_usd: '0', frozen_usd: '0', debt_usd: '0' });
    expect(body.grants).toHaveLength(3);
    expect(body.holds).toBeUndefined();
    expect((await get('/credits?holds=true')).body.holds).toEqual([]);

    const running = ask(world, { headers: { 'x-sim-scenario': 'ok;first_ms=4000' } });
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
    const paid = await ask(world);
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
    const unknown = await get('/requests/req_01KAAAAAAAAAAAAAAAAAAAAAAA', world.foreign);
    const theirs = await get(`/requests/${id}`, world.foreign);
    expect([theirs.status, theirs.body.error]).toEqual([404, unknown.body.error]);
    expect((await get('/requests/nonsense')).status).toBe(404);
  });
});
