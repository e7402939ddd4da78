import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';
import { ask } from '#test/gateway-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world.close());

const call = (...asked: Parameters<AdminWorld['call']>) => world.call(...asked);
const get = (...asked: Parameters<AdminWorld['get']>) => world.get(...asked);

describe('spend limits', () => {
  test('the official client sets, reads, lists and deletes them', async () => {
    const client = new Anthropic({ baseURL: world.url, apiKey: world.admin, maxRetries: 0 });
    const { spendLimits } = client.beta.organization;
    const made = await spendLimits.set({ amount: '50000', scope: { type: 'organization' } });
    expect(made).toMatchObject({
      ...{ type: 'spend_limit', amount: '50000', currency: 'usd', period: 'monthly' },
      ...{ scope: { type: 'organization' }, is_enabled: true },
    });
    expect(await spendLimits.retrieve(made.id)).toEqual(made);
    const { workspaceId: workspace_id } = world.payer;
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
      ...{ set_by: expect.stringMatching(/^apikey_/), set_by_type: 'admin_key' },
      resets_at: expect.stringMatching(/^\d{4}-\d\d-01T00:00:00.000Z$/),
    });
    expect((await put({ amount_usd: '7' })).body).toMatchObject({ action: 'notify_only' });
    const { apiKeyId: api_key_id } = world.payer;
    const ofKey = await put({ amount_usd: '1', api_key_id });
    expect(ofKey.body.scope).toEqual({ type: 'api_key', api_key_id });
    for (const subject of [{}, { api_key_id }]) {
      const removed = await put({ amount_usd: null, ...subject });
      expect(removed.body).toMatchObject({ type: 'spend_limit_deleted' });
    }
    expect((await get('/spend_limits')).body).toEqual({ data: [], next_page: null });
    const { body: changes } = await get('/spend_limits/changes?limit=4');
    const program = { set_by: expect.stringMatching(/^apikey_/), set_by_type: 'admin_key' };
    expect(changes).toMatchObject({
      has_more: true,
      data: [
        { ...program, amount_usd: null, scope: { type: 'api_key' }, previous_amount_usd: '1' },
        { ...program, amount_usd: null, scope: { type: 'organization' } },
        { ...program, amount_usd: '1', scope: { type: 'api_key' }, previous_amount_usd: null },
        { ...program, amount_usd: '7', previous_amount_usd: '0.019', action: 'notify_only' },
      ],
    });
    const older = await get(`/spend_limits/changes?after_id=${changes.last_id}&limit=1`);
    expect(older.body.data).toMatchObject([{ amount_usd: '0.019', type: 'spend_limit_change' }]);
    const trail = await world.db.pool.query<{ actor: string; reason: string }>({
      text: `SELECT actor, reason FROM identity.audit_events
              WHERE organization_id = $1 AND action = 'spend_limit.set' ORDER BY id DESC LIMIT 1`,
      values: [world.payer.organizationId],
    });
    expect(trail).toEqual([{ actor: expect.stringMatching(/^apikey_/), reason: 'none' }]);
  });

  test('a limit holds from the next request on', async () => {
    await call('PUT', '/spend_limits', { amount_usd: '0' });
    const refused = await ask(world);
    expect(JSON.parse(refused.body.toString()).error.details.error_code).toBe(
      'spend_limit_reached',
    );
    await call('PUT', '/spend_limits', { amount_usd: null });
    expect((await ask(world)).status).toBe(200);
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
    expect((await get('/spend_limits', world.foreign)).body.data).toEqual([]);
    expect((await get('/spend_limits/changes', world.foreign)).body.data).toEqual([]);
    expect((await get(`/spend_limits/${mine.id}`, world.foreign)).status).toBe(404);
    expect((await call('DELETE', `/spend_limits/${mine.id}`, {}, world.foreign)).status).toBe(404);
    const { workspaceId: workspace_id } = world.payer;
    const theirs = { amount_usd: '1', workspace_id };
    expect((await call('PUT', '/spend_limits', theirs, world.foreign)).status).toBe(404);
    expect((await get('/spend_limits')).body.data).toEqual([mine]);
    await call('PUT', '/spend_limits', { amount_usd: null });
  });
});
