import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseId, type WorkspaceId } from '#kernel/ids';
import { changeKey } from '#orgs/api-keys';
import { setOrganizationTier } from '#orgs/organizations';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';
import { ask } from '#test/gateway-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world.close());

const call = (...asked: Parameters<AdminWorld['call']>) => world.call(...asked);
const get = (...asked: Parameters<AdminWorld['get']>) => world.get(...asked);

describe('the organization', () => {
  test('is told with its workspaces and its keys, which show no secret', async () => {
    const { organizationId, workspaceId } = world.payer;
    expect((await get('/me')).body).toEqual({
      ...{ id: organizationId, type: 'organization', name: 'Test' },
    });
    const made = await call('POST', '/workspaces', { name: ' Staging ', display_color: '#000000' });
    expect(made.body).toMatchObject({ type: 'workspace', name: 'Staging', archived_at: null });
    const staging = made.body.id;
    expect((await get(`/workspaces/${staging}`)).body).toEqual(made.body);
    expect((await get(`/workspaces/${staging}`, world.foreign)).status).toBe(404);
    const nameless = await call('POST', '/workspaces', { name: 'a\u0000' });
    expect(messageOf(nameless)).toMatch(/^name: expected a name of 1 to 200/);
    const { body: workspaces } = await get('/workspaces');
    expect(workspaces.data).toMatchObject([{ id: workspaceId }, { id: staging, name: 'Staging' }]);
    await world.newKey({ ...world.payer, workspaceId: workspaceNamed(staging) }, 'workspace');
    const { body: keys } = await get('/api_keys');
    expect(JSON.stringify(keys)).not.toContain(world.key);
    expect(keys.data[0]).toMatchObject({
      ...{ type: 'api_key', status: 'active', workspace_id: staging },
      scope: { type: 'workspace', workspace_id: staging },
    });
    expect(keys.data).toContainEqual(
      expect.objectContaining({ scope: { type: 'organization' }, workspace_id: null }),
    );
    await changeKey(world.db.pool, 'revoke', await world.newKey(world.payer, 'workspace'));
    const archived = (await get('/api_keys?status=archived')).body.data;
    expect(archived).toMatchObject([{ status: 'archived' }]);
    const here = (await get(`/api_keys?workspace_id=${staging}&limit=1`)).body;
    expect([here.data.length, here.has_more]).toEqual([1, false]);
    expect((await get('/api_keys?after_id=apikey_1')).status).toBe(400);
    expect((await get('/workspaces', world.foreign)).body.data).toHaveLength(1);
  });
});

describe('rate limits', () => {
  test('are those of the tier, by group, as the official client reads them', async () => {
    expect((await get('/rate_limits')).body).toEqual({ data: [], next_page: null });
    await setOrganizationTier(world.db.pool, world.payer.organizationId, 'build');
    const client = new Anthropic({ baseURL: world.url, apiKey: world.admin, maxRetries: 0 });
    const { data } = await client.beta.organization.rateLimits.list();
    const opus = data.find(({ models }) => models?.includes('claude-opus-5') === true);
    expect(opus).toMatchObject({
      ...{ type: 'rate_limit', group: { type: 'model_group', display_name: 'Claude Opus 5' } },
      limits: [
        { type: 'requests_per_minute', value: 5_000 },
        { type: 'input_tokens_per_minute_cache_aware', value: 5_000_000 },
        { type: 'output_tokens_per_minute', value: 1_000_000 },
      ],
    });
    expect((await get('/rate_limits?model=claude-opus-5')).body.data).toEqual([opus]);
    expect((await get('/rate_limits?group_type=token_count')).body.data).toMatchObject([
      { models: null, limits: [{ type: 'requests_per_minute', value: 4_000 }] },
    ]);
    const unknown = await get('/rate_limits?model=claude-nobody-1');
    expect([unknown.status, messageOf(unknown)]).toEqual([404, 'model: claude-nobody-1']);
    expect((await get('/rate_limits?group_type=all')).status).toBe(400);
    expect((await get('/rate_limits', world.foreign)).body.data).toEqual([]);
  });
});

describe('a key of the organization', () => {
  const change = (id: string, body: object, as = world.admin) =>
    call('POST', `/api_keys/${id}`, body, as);

  test('is renamed, switched off and on, and archived for good', async () => {
    const made = await world.newKey(world.payer, 'workspace');
    const paid = () => ask({ url: world.url, key: made.key });
    expect((await change(made.id, { name: 'nightly' })).body).toMatchObject({
      ...{ id: made.id, name: 'nightly', status: 'active' },
    });
    expect((await change(made.id, { status: 'inactive' })).body.status).toBe('inactive');
    await expect.poll(async () => (await paid()).status, { timeout: 30_000 }).toBe(401);
    expect((await change(made.id, { status: 'active' })).body.status).toBe('active');
    await expect.poll(async () => (await paid()).status, { timeout: 30_000 }).toBe(200);
    expect((await change(made.id, { status: 'archived' })).body.status).toBe('archived');
    const again = await change(made.id, { status: 'active' });
    expect([again.status, messageOf(again)]).toEqual([
      400,
      'status: found "active", expected none, because the key is archived for good',
    ]);
    expect((await get(`/api_keys/${made.id}`)).body).toMatchObject({ name: 'nightly' });
    const trail = await world.db.pool.query<{ action: string }>({
      text: 'SELECT action FROM identity.audit_events WHERE subject = $1 ORDER BY id',
      values: [made.id],
    });
    expect(trail.map(({ action }) => action)).toEqual([
      ...['api_key.rename', 'api_key.disable', 'api_key.enable', 'api_key.revoke'],
    ]);
  });

  test('T11: another organization can neither see nor change it', async () => {
    const made = await world.newKey(world.payer, 'workspace');
    expect((await get(`/api_keys/${made.id}`, world.foreign)).status).toBe(404);
    expect((await change(made.id, { status: 'archived' }, world.foreign)).status).toBe(404);
    expect((await get(`/api_keys/${made.id}`)).body.status).toBe('active');
  });

  test.each([
    [{ name: '' }, /^name: expected a name/],
    [{ status: 'deleted' }, /^status: expected active, inactive or archived/],
  ])('%j is refused by the field', async (body, message) => {
    const made = await world.newKey(world.payer, 'workspace');
    const refused = await change(made.id, body);
    expect([refused.status, messageOf(refused)]).toEqual([400, expect.stringMatching(message)]);
  });
});

function workspaceNamed(text: string): WorkspaceId {
  const id = parseId('workspace', text);
  if (id === undefined) throw new Error(`no workspace: ${text}`);
  return id;
}
