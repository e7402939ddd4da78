import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishEvent } from '#outgoing-webhooks/publish';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world.close());

const call = (...asked: Parameters<AdminWorld['call']>) => world.call(...asked);
const get = (...asked: Parameters<AdminWorld['get']>) => world.get(...asked);
const made = async (body: object = {}) =>
  (await call('POST', '/webhooks', { url: 'https://example.com/hooks', ...body })).body;

test('an endpoint is created with its secret, which no other answer holds', async () => {
  const created = await call('POST', '/webhooks', { url: 'https://Example.com' });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({
    ...{ type: 'webhook_endpoint', url: 'https://example.com/', description: '' },
    ...{ event_types: [], status: 'enabled', old_secret_until: null },
    secret: expect.stringMatching(/^whsec_/),
  });
  const { secret, ...shown } = created.body;
  const one = await get(`/webhooks/${shown.id}`);
  expect(one.body).toEqual(shown);
  expect((await get('/webhooks')).body.data).toContainEqual(shown);
  const rotated = await call('POST', `/webhooks/${shown.id}/rotate_secret`);
  expect(rotated.body.secret).not.toBe(secret);
  expect(rotated.body.old_secret_until).not.toBeNull();
});

test('what is left out of a change stays; enabled pauses and switches on', async () => {
  const { id } = await made({ description: 'ours', event_types: ['api_key.expiring'] });
  const paused = await call('POST', `/webhooks/${id}`, { enabled: false });
  expect(paused.body).toMatchObject({
    ...{ url: 'https://example.com/hooks', description: 'ours', status: 'paused' },
    event_types: ['api_key.expiring'],
  });
  expect(messageOf(await call('POST', `/webhooks/${id}/test`))).toContain('switched off');
  const on = await call('POST', `/webhooks/${id}`, { enabled: true, event_types: [] });
  expect(on.body).toMatchObject({ status: 'enabled', event_types: [], description: 'ours' });
  expect((await call('DELETE', `/webhooks/${id}`)).body).toEqual({
    ...{ id, type: 'webhook_endpoint_deleted' },
  });
  expect((await get(`/webhooks/${id}`)).status).toBe(404);
});

test('T26: what leads inside, and what no type is, is refused and named', async () => {
  for (const [body, said] of [
    [{ url: 'https://127.1/' }, 'url: Events are sent to servers on the public internet only.'],
    [{ url: 'http://example.com/' }, 'url: Events are sent over https only.'],
    [{ url: 'https://example.com/', event_types: ['nope'] }, 'event_types: found "nope"'],
    [{}, 'url: '],
  ] as const) {
    const refused = await call('POST', '/webhooks', body);
    expect([refused.status, messageOf(refused)]).toEqual([400, expect.stringContaining(said)]);
  }
});

test('deliveries are listed page by page and sent again by their id', async () => {
  const { id } = await made();
  const sent: string[] = [];
  for (let n = 0; n < 3; n++) {
    sent.push((await call('POST', `/webhooks/${id}/test`)).body.event_id);
  }
  const first = (await get(`/webhooks/${id}/deliveries?limit=2`)).body;
  expect(first).toMatchObject({ has_more: true, data: [{ state: 'waiting', attempts: [] }, {}] });
  const rest = (await get(`/webhooks/${id}/deliveries?before=${first.data[1].event_id}`)).body;
  expect([...first.data, ...rest.data].map((one) => one.event_id).sort()).toEqual(sent.sort());
  const again = await call('POST', `/webhooks/${id}/deliveries/${sent[0]}/resend`);
  expect(again.body).toEqual({ event_id: sent[0], state: 'waiting' });
  expect((await get(`/webhooks/${id}/deliveries?limit=51`)).status).toBe(400);
});

test('T11: an endpoint of another organization is not found', async () => {
  const { id } = await made();
  await publishEvent(world.db.pool, {
    ...{ organizationId: world.payer.organizationId, eventId: 'one', type: 'credits.low' },
    ...{ occurredAt: new Date(), data: {} },
  });
  const event = (await get(`/webhooks/${id}/deliveries`)).body.data[0].event_id;
  const as = world.foreign;
  for (const [method, path] of [
    ['GET', ''],
    ['POST', ''],
    ['DELETE', ''],
    ['POST', '/rotate_secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', `/deliveries/${event}/resend`],
  ] as const) {
    const answer = await call(method, `/webhooks/${id}${path}`, {}, as);
    expect([method, path, answer.status]).toEqual([method, path, 404]);
  }
  expect((await get('/webhooks', as)).body.data).toEqual([]);
  expect((await get(`/webhooks/${id}`)).status).toBe(200);
});
