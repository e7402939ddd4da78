import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { publishEvent } from '#outgoing-webhooks/publish';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { errorBody } from '../contract.ts';
import { deliveriesResponse, endpointWithSecret, webhooksResponse } from './contract.ts';

let world: ConsoleWorld;
let of: OrganizationId;
let admin: Browser;
beforeAll(async () => {
  world = await consoleWorld();
  of = await world.organization('Listening');
  admin = await world.person('admin@example.com', { of, role: 'admin' });
});
afterAll(() => world.close());

const URL = 'https://example.com/hooks';
const facts = { url: URL, description: 'ours', event_types: ['credits.low'] };

async function create(more: object = {}, by = admin) {
  const answer = await by.post('/api/webhooks', { ...facts, ...more });
  expect(answer.status).toBe(201);
  return endpointWithSecret.parse(answer.body);
}
const list = async () => webhooksResponse.parse((await admin.get('/api/webhooks')).body);
const one = async (id: string) => (await list()).endpoints.find((each) => each.id === id);
const log = async (id: string, query = '') =>
  deliveriesResponse.parse((await admin.get(`/api/webhooks/${id}/deliveries${query}`)).body);
const codeOf = (answer: { body: unknown }) => errorBody.parse(answer.body).error;

test('T42: a secret is told when it is made, and by no other answer', async () => {
  const made = await create();
  expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(made.endpoint).toMatchObject({ ...facts, status: 'enabled', old_secret_until: null });
  const rotated = endpointWithSecret.parse(
    (await admin.post(`/api/webhooks/${made.endpoint.id}/rotate`)).body,
  );
  expect(rotated.secret).not.toBe(made.secret);
  expect(rotated.endpoint.old_secret_until).not.toBeNull();
  await admin.post(`/api/webhooks/${made.endpoint.id}/test`);
  for (const path of ['/api/webhooks', `/api/webhooks/${made.endpoint.id}/deliveries`]) {
    const text = JSON.stringify((await admin.get(path)).body);
    expect(text).not.toContain(made.secret);
    expect(text).not.toContain(rotated.secret);
  }
});

test('T26: a URL that leads inside is not saved, neither new nor changed, and the field is named', async () => {
  const { endpoint } = await create();
  const count = (await list()).endpoints.length;
  for (const path of ['/api/webhooks', `/api/webhooks/${endpoint.id}`]) {
    for (const url of ['http://example.com/', 'https://127.1/', 'https://[::1]/', 'https://db/']) {
      const refused = await admin.post(path, { ...facts, url });
      expect([refused.status, codeOf(refused).code, codeOf(refused).field]).toEqual([
        ...[400, 'webhook_url', 'url'],
      ]);
    }
  }
  expect((await list()).endpoints).toHaveLength(count);
  expect((await one(endpoint.id))?.url).toBe(URL);
});

test('an endpoint is changed, paused, switched on and removed, and the audit trail says by whom', async () => {
  const { endpoint } = await create();
  const path = `/api/webhooks/${endpoint.id}`;
  const changed = { url: 'https://example.org/', description: 'new', event_types: [] };
  expect((await admin.post(path, changed)).status).toBe(200);
  expect(await one(endpoint.id)).toMatchObject(changed);
  expect((await admin.post(`${path}/pause`)).status).toBe(200);
  expect(await one(endpoint.id)).toMatchObject({ status: 'paused' });
  expect(codeOf(await admin.post(`${path}/test`)).code).toBe('webhook_off');
  expect((await admin.post(`${path}/pause`)).status).toBe(200);
  expect((await admin.post(`${path}/enable`)).status).toBe(200);
  expect((await admin.post(`${path}/remove`)).status).toBe(200);
  expect(await one(endpoint.id)).toBeUndefined();
  expect((await admin.post(`${path}/remove`)).status).toBe(404);
  const trail = await world.payments.db.ownerPool.query<{ action: string }>({
    text: 'SELECT action FROM identity.audit_events WHERE subject = $1 ORDER BY id',
    values: [endpoint.id],
  });
  expect(trail.map(({ action }) => action.replace('webhook_endpoint.', ''))).toEqual([
    ...['create', 'change', 'pause', 'enable', 'remove'],
  ]);
});

test('unknown types are refused; those that there are come with words', async () => {
  const refused = await admin.post('/api/webhooks', { ...facts, event_types: ['credits.lwo'] });
  expect([refused.status, codeOf(refused).field]).toEqual([400, 'event_types']);
  const test = await admin.post('/api/webhooks', { ...facts, event_types: ['webhook.test'] });
  expect(test.status).toBe(400);
  const { types } = await list();
  expect(types.find(({ type }) => type === 'credits.low')?.when).toContain('fell below');
  expect(types.every(({ when }) => when.length > 0)).toBe(true);
});

test('there are at most ten, however many are made at once', async () => {
  const crowded = await world.organization('Crowded');
  const person = await world.person('crowd@example.com', { of: crowded, role: 'admin' });
  const made = await Promise.all(
    Array.from({ length: 14 }, () => person.post('/api/webhooks', facts)),
  );
  expect(made.filter(({ status }) => status === 201)).toHaveLength(10);
  const refused = made.find(({ status }) => status !== 201);
  expect(refused && codeOf(refused).code).toBe('too_many_webhooks');
});

describe('the log', () => {
  test('shows a test that waits, with what is sent, and where the next page begins', async () => {
    const { endpoint } = await create();
    for (let n = 0; n < 22; n++) {
      expect((await admin.post(`/api/webhooks/${endpoint.id}/test`)).status).toBe(200);
    }
    const first = await log(endpoint.id);
    expect([first.deliveries.length, first.more]).toEqual([20, true]);
    const [newest] = first.deliveries;
    expect(newest).toMatchObject({ type: 'webhook.test', state: 'waiting', attempts: [] });
    expect(JSON.parse(newest?.body ?? '')).toMatchObject({ type: 'webhook.test' });
    const rest = await log(endpoint.id, `?before=${first.deliveries.at(-1)?.event_id}`);
    expect([rest.deliveries.length, rest.more]).toEqual([2, false]);
    const ids = [...first.deliveries, ...rest.deliveries].map(({ event_id }) => event_id);
    expect(new Set(ids).size).toBe(22);
  });

  test('T11: of another organization is not found, nor is anything done to it', async () => {
    const theirs = await world.organization('Victim');
    const victim = await world.person('victim@example.com', { of: theirs, role: 'admin' });
    const { endpoint } = await create({}, victim);
    const { pool } = world.payments.db;
    await publishEvent(pool, {
      ...{ organizationId: theirs, eventId: 'one', type: 'credits.low', data: {} },
      occurredAt: new Date(),
    });
    const mine = deliveriesResponse.parse(
      (await victim.get(`/api/webhooks/${endpoint.id}/deliveries`)).body,
    );
    const event = mine.deliveries[0]?.event_id ?? '';
    expect(event).toMatch(/^evt_/);
    const deeds = ['', '/rotate', '/pause', '/enable', '/remove', '/test'];
    const paths = [...deeds, `/deliveries/${event}/resend`];
    for (const path of paths) {
      const asked = (id: string) => admin.post(`/api/webhooks/${id}${path}`, facts);
      const [foreign, missing] = [await asked(endpoint.id), await asked('whend_NONE')];
      expect([path, foreign.status, foreign.body]).toEqual([path, 404, missing.body]);
    }
    expect((await admin.get(`/api/webhooks/${endpoint.id}/deliveries`)).status).toBe(404);
    const still = webhooksResponse.parse((await victim.get('/api/webhooks')).body);
    expect(still.endpoints).toMatchObject([{ id: endpoint.id, status: 'enabled' }]);
  });
});
