import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';
import { findUnusualKey } from '#test/anomalies';
import { ask, question } from '#test/gateway-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world.close());

const find = (keyId: string, action: 'alert' | 'pause') =>
  findUnusualKey(world.db.pool, { organizationId: world.payer.organizationId, keyId }, action);

test('what unusual spending leads to is read and set, and says who set it', async () => {
  expect((await world.get('/spend_watch')).body).toEqual({
    ...{ action: 'alert', set_by: null, set_at: null },
  });
  const set = await world.call('PUT', '/spend_watch', { action: 'pause' });
  expect(set.body).toMatchObject({ action: 'pause', set_by: expect.stringMatching(/^apikey_/) });
  expect((await world.call('PUT', '/spend_watch', { action: 'stop' })).status).toBe(400);
  expect((await world.get('/spend_watch', world.foreign)).body.action).toBe('alert');
});

test('a paused key is inactive to programs, and active again when it is made so', async () => {
  const { id, key } = await world.newKey(world.payer, 'workspace');
  await find(id, 'pause');
  const refused = await ask({ url: world.url, key }, { body: question });
  expect(refused.status).toBe(403);
  expect((await world.get(`/api_keys/${id}`)).body.status).toBe('inactive');
  const [open] = (await world.get('/spend_anomalies')).body.data;
  expect(open).toMatchObject({
    ...{ type: 'spend_anomaly', level: 'api_key', subject_id: id, state: 'open' },
    ...{ spent_usd: '8.2', usual_usd: '0.6', allowed_usd: '5', window_minutes: 5 },
  });
  const expected = await world.call('POST', `/spend_anomalies/${open.id}/acknowledge`, {});
  expect(messageOf(expected)).toContain('its key is paused');
  const active = await world.call('POST', `/api_keys/${id}`, { status: 'active' });
  expect(active.body.status).toBe('active');
  expect((await ask({ url: world.url, key }, { body: question })).status).toBe(200);
  expect((await world.get('/spend_anomalies')).body.data[0]).toMatchObject({
    ...{ state: 'resumed', ended_by: expect.stringMatching(/^apikey_/) },
  });
  expect((await world.get('/spend_anomalies', world.foreign)).body.data).toEqual([]);
});

test('what was only told of is acknowledged, by its own organization', async () => {
  const { id } = await world.newKey(world.payer, 'workspace');
  await find(id, 'alert');
  const [open] = (await world.get('/spend_anomalies')).body.data;
  const path = `/spend_anomalies/${open.id}/acknowledge`;
  expect((await world.call('POST', path, {}, world.foreign)).status).toBe(404);
  expect((await world.call('POST', path, {})).body.state).toBe('acknowledged');
  expect((await world.call('POST', path, {})).status).toBe(404);
});
