import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { findUnusualKey } from '#test/anomalies';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { createKeyResponse, errorBody, keyList } from './contract.ts';
import { watchResponse } from './watch/contract.ts';

let world: ConsoleWorld;
let of: OrganizationId;
let admin: Browser;
beforeAll(async () => {
  world = await consoleWorld();
  of = await world.organization('Acme');
  admin = await world.person('ada@example.com', { of, role: 'admin' });
});
afterAll(() => world.close());

const pool = () => world.payments.db.pool;
const watch = async (person = admin) =>
  watchResponse.parse((await person.get('/api/spend-watch')).body);
const newKey = async (name: string) =>
  createKeyResponse.parse((await admin.post('/api/keys', { name })).body).id;
const statusOf = async (id: string) =>
  keyList.parse((await admin.get('/api/keys')).body).data.find((key) => key.id === id)?.status;
const find = (keyId: string, action: 'alert' | 'pause') =>
  findUnusualKey(pool(), { organizationId: of, keyId }, action);
const trail = (action: string) =>
  pool().query({
    text: `SELECT e.subject, u.email, e.reason FROM identity.audit_events e
             LEFT JOIN orgs.users u ON u.id = e.actor
            WHERE organization_id = $1 AND action = $2 ORDER BY e.id`,
    values: [of, action],
  });

test('unless somebody says otherwise, unusual spending is told of; who says so is kept', async () => {
  expect(await watch()).toEqual({ action: 'alert', set: null, anomalies: [] });
  expect((await admin.post('/api/spend-watch', { action: 'pause' })).body).toEqual({ ok: true });
  expect(await watch()).toMatchObject({
    ...{ action: 'pause', set: { by: 'ada@example.com', at: expect.any(String) } },
  });
  expect(await trail('spend_watch.set')).toEqual([
    { subject: of, email: 'ada@example.com', reason: 'pause' },
  ]);
  expect((await admin.post('/api/spend-watch', { action: 'panic' })).status).toBe(400);
});

test('a paused key says why, and one click resumes it; who did is kept', async () => {
  const id = await newKey('production');
  await find(id, 'pause');
  expect(await statusOf(id)).toBe('paused');
  const [open] = (await watch()).anomalies;
  expect(open).toMatchObject({
    ...{ level: 'api_key', subject_id: id, subject: 'production', state: 'open' },
    ...{ window_minutes: 5, spent_usd: '8.2', usual_usd: '0.6', ended_by: null },
    paused_at: expect.any(String),
  });
  const expected = await admin.post(`/api/spend-watch/anomalies/${open?.id}/expected`);
  expect(errorBody.parse(expected.body).error.code).toBe('key_is_paused');
  expect((await admin.post(`/api/keys/${id}/resume`)).body).toEqual({ ok: true });
  expect(await statusOf(id)).toBe('active');
  expect((await watch()).anomalies[0]).toMatchObject({
    ...{ state: 'resumed', ended_by: 'ada@example.com', ended_at: expect.any(String) },
  });
  expect(await trail('api_key.resume')).toEqual([
    { subject: id, email: 'ada@example.com', reason: null },
  ]);
  // Again is the same as once.
  expect((await admin.post(`/api/keys/${id}/resume`)).status).toBe(200);
  expect(await trail('api_key.resume')).toHaveLength(1);
});

test('what was only told of is called expected once, and the key was never stopped', async () => {
  const id = await newKey('nightly job');
  await find(id, 'alert');
  expect(await statusOf(id)).toBe('active');
  const [open] = (await watch()).anomalies;
  const path = `/api/spend-watch/anomalies/${open?.id}/expected`;
  const other = await world.organization('Elsewhere');
  const stranger = await world.person('eve@example.com', { of: other, role: 'admin' });
  expect((await stranger.post(path)).status).toBe(404);
  expect((await watch(stranger)).anomalies).toEqual([]);
  expect((await admin.post(path)).status).toBe(200);
  expect((await watch()).anomalies[0]).toMatchObject({ state: 'acknowledged' });
  expect((await admin.post(path)).status).toBe(404);
});

test('a key that a person has disabled is not resumed', async () => {
  const id = await newKey('disabled');
  await find(id, 'pause');
  expect((await admin.post(`/api/keys/${id}/disable`)).status).toBe(200);
  expect((await admin.post(`/api/keys/${id}/resume`)).status).toBe(409);
  expect((await admin.post(`/api/keys/${id}/enable`)).status).toBe(200);
  expect(await statusOf(id)).toBe('active');
});
