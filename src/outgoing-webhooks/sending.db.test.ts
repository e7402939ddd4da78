import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accepts } from '#test/webhook-receiver';
import { type Hooked, type WebhooksWorld, webhooksWorld } from '#test/webhooks-world';
import { listDeliveries } from './deliveries.ts';
import { moveEndpoint, readEndpoint, removeEndpoint, rotateSecret } from './endpoints.ts';
import { RETRY_DELAYS_SECONDS, TRIES } from './schedule.ts';

let world: WebhooksWorld;
beforeEach(async () => {
  world = await webhooksWorld();
});
afterEach(() => world.close());

const logOf = async ({ organizationId, endpoint }: Hooked) =>
  (await listDeliveries(world.db.pool, { organizationId, endpointId: endpoint.id })).deliveries;

const standing = async ({ organizationId, endpoint }: Hooked) =>
  await readEndpoint(world.db.pool, organizationId, endpoint.id);

describe('publishing', () => {
  test('an event is signed, sent once, and verified by what was written from the specification', async () => {
    const one = await world.hooked();
    expect(await world.publish(one.organizationId, 'low-1')).toBe(1);
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(1);
    const [got] = world.receiver.received;
    if (got === undefined) throw new Error('nothing came');
    expect(accepts(one.secret, got)).toBe(true);
    expect(accepts('whsec_AAAA', got)).toBe(false);
    expect(got.headers['content-type']).toBe('application/json');
    expect(got.headers['webhook-id']).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(JSON.parse(got.body)).toEqual({
      ...{ type: 'credits.low', timestamp: '2027-01-15T12:00:00.000Z', data: { a: 'ä' } },
    });
    expect(await logOf(one)).toMatchObject([
      { state: 'delivered', type: 'credits.low', attempts: [{ result: 'delivered', status: 204 }] },
    ]);
  });

  test('published again, at once or later, it is the same event', async () => {
    const one = await world.hooked();
    const { organizationId: of } = one;
    const made = await Promise.all([1, 2, 3, 4].map(() => world.publish(of, 'same')));
    expect(made.sort()).toEqual([0, 0, 0, 1]);
    await world.sender.rested();
    expect(await world.publish(of, 'same')).toBe(0);
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(1);
    // The same name in another organization is another event.
    const other = await world.hooked();
    expect(await world.publish(other.organizationId, 'same')).toBe(1);
  });

  test('what is rolled back was never said', async () => {
    const one = await world.hooked();
    const undone = world.db.pool.transaction(async (tx) => {
      await world.publish(one.organizationId, 'undone', tx);
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    await world.sender.rested();
    expect(await logOf(one)).toEqual([]);
    expect(world.receiver.received).toEqual([]);
  });

  test('it goes to the endpoints that are on and ask for the type, and to no other organization', async () => {
    const all = await world.hooked();
    const { organizationId } = all;
    const path = (name: string) => world.receiver.url.replace('hooks', name);
    const low = { organizationId, url: path('low'), eventTypes: ['credits.low', 'api_key.paused'] };
    await world.hooked(low);
    await world.hooked({ organizationId, url: path('other'), eventTypes: ['api_key.expiring'] });
    const off = await world.hooked({ organizationId, url: path('off') });
    await moveEndpoint(world.db.pool, organizationId, off.endpoint.id, 'pause');
    await world.hooked({ url: path('strangers') });
    expect(await world.publish(organizationId, 'fan')).toBe(2);
    await world.sender.rested();
    expect(world.receiver.received.map(({ path }) => path.split('?')[0]).sort()).toEqual([
      '/hooks',
      '/low',
    ]);
    const ids = world.receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
  });

  test('without an endpoint there is nothing to keep', async () => {
    const organizationId = await world.organization();
    expect(await world.publish(organizationId, 'alone')).toBe(0);
    const kept = 'SELECT FROM outgoing_webhooks.events WHERE organization_id = $1';
    expect(await world.rows(kept, organizationId)).toEqual([]);
  });

  test('an endpoint that is removed at the same moment does not fail what the caller does', async () => {
    const one = await world.hooked();
    const { organizationId, endpoint } = one;
    for (let round = 0; round < 10; round++) {
      const made = await world.hooked({ organizationId });
      const [removed] = await Promise.all([
        removeEndpoint(world.db.pool, organizationId, made.endpoint.id),
        world.publish(organizationId, `race-${round}`),
      ]);
      expect(removed).toBe('removed');
    }
    expect((await standing(one))?.id).toBe(endpoint.id);
    await world.sender.rested();
  });
});

describe('retries', () => {
  test('what fails is tried again by the plan, under its id, with a new time, then given up', async () => {
    const one = await world.hooked();
    world.receiver.answer = 500;
    await world.publish(one.organizationId, 'hard');
    for (const [tried, delay] of RETRY_DELAYS_SECONDS.entries()) {
      await world.sender.rested();
      expect(world.receiver.received).toHaveLength(tried + 1);
      await world.later(`${delay - 1} seconds`);
      await world.sender.rested();
      expect(world.receiver.received, 'not before its time').toHaveLength(tried + 1);
      world.clock.advance(delay * 1_000);
      // The last tenth is chance.
      await world.later(`${Math.ceil(delay * 0.1) + 1} seconds`);
      // A person would see it switched off after three days; here it is to be tried to the end.
      await world.rows(
        `UPDATE outgoing_webhooks.endpoints SET failing_since = bursar.now()
          WHERE organization_id = $1`,
        one.organizationId,
      );
    }
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(TRIES);
    const of = (name: string) =>
      new Set(world.receiver.received.map(({ headers }) => headers[name]));
    expect(of('webhook-id').size).toBe(1);
    expect(of('webhook-timestamp').size).toBe(TRIES);
    expect(new Set(world.receiver.received.map(({ body }) => body)).size).toBe(1);
    const [delivery] = await logOf(one);
    expect(delivery).toMatchObject({ state: 'given_up' });
    expect(delivery?.attempts).toHaveLength(TRIES);
    expect(delivery?.attempts[0]).toMatchObject({ number: TRIES, result: 'refused', status: 500 });
    await world.later('40 days');
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(TRIES);
  });

  test('a receiver that comes back gets what it missed, and is healthy again', async () => {
    const one = await world.hooked();
    world.receiver.answer = 503;
    await world.publish(one.organizationId, 'missed');
    await world.sender.rested();
    expect((await standing(one))?.failingSince).not.toBeNull();
    world.receiver.answer = 200;
    await world.later('6 seconds');
    await world.sender.rested();
    expect(await logOf(one)).toMatchObject([
      { state: 'delivered', attempts: [{ status: 200 }, {}] },
    ]);
    expect((await standing(one))?.failingSince).toBeNull();
  });

  test('a receiver that asks to be left alone for a while is', async () => {
    const one = await world.hooked();
    world.receiver.answer = (_one, reply) => reply.writeHead(429, { 'retry-after': '7200' }).end();
    await world.publish(one.organizationId, 'later');
    await world.sender.rested();
    world.receiver.answer = 204;
    await world.later('1 hour 59 minutes');
    await world.sender.rested();
    expect(await logOf(one)).toMatchObject([{ state: 'waiting' }]);
    await world.later('15 minutes');
    await world.sender.rested();
    expect(await logOf(one)).toMatchObject([{ state: 'delivered' }]);
  });
});

describe('an endpoint that takes nothing', () => {
  test('for three days is switched off and told of, once; what waits goes when it is on again', async () => {
    const one = await world.hooked();
    const { organizationId, endpoint } = one;
    world.receiver.answer = 500;
    await world.publish(organizationId, 'day-0');
    await world.sender.rested();
    await world.later('2 days 23 hours');
    await world.publish(organizationId, 'day-3');
    await world.sender.rested();
    expect((await standing(one))?.status).toBe('enabled');
    await world.later('2 hours');
    await world.publish(organizationId, 'day-3-and-later');
    await world.sender.rested();
    expect((await standing(one))?.status).toBe('failing');
    expect(world.told).toMatchObject([
      {
        ...{ organizationId, kind: 'webhook_endpoint_disabled' },
        facts: { endpoint_id: endpoint.id, reason: 'failing', host: new URL(endpoint.url).host },
      },
    ]);
    expect(world.told[0]?.key).toContain(endpoint.id);
    const before = world.receiver.received.length;
    await world.later('3 days');
    expect(await world.publish(organizationId, 'while-off')).toBe(0);
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(before);
    world.receiver.answer = 200;
    await moveEndpoint(world.db.pool, organizationId, endpoint.id, 'enable');
    await world.sender.rested();
    expect((await logOf(one)).map(({ state }) => state)).toEqual(Array(3).fill('delivered'));
    expect(world.told).toHaveLength(1);
  });

  test('and says 410 is sent nothing more at once', async () => {
    const one = await world.hooked();
    world.receiver.answer = 410;
    await world.publish(one.organizationId, 'gone');
    await world.sender.rested();
    expect((await standing(one))?.status).toBe('gone');
    expect(world.told).toMatchObject([{ facts: { reason: 'gone' } }]);
    expect(await logOf(one)).toMatchObject([{ attempts: [{ result: 'gone', status: 410 }] }]);
    expect(await world.publish(one.organizationId, 'after')).toBe(0);
    await world.later('5 days');
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(1);
  });

  test('is switched off and told of together, or neither', async () => {
    const one = await world.hooked();
    world.receiver.answer = 410;
    const failing = world.another(undefined, async () => {
      throw new Error('no mail today');
    });
    await world.publish(one.organizationId, 'gone');
    await failing.rested();
    await failing.close();
    expect((await standing(one))?.status).toBe('enabled');
  });
});

describe('secrets', () => {
  test('F67: for a day after a rotation either secret is accepted, then only the new one', async () => {
    const one = await world.hooked();
    const { organizationId, endpoint } = one;
    const rotated = await rotateSecret(world.db.pool, world.deps, organizationId, endpoint.id);
    if (rotated.outcome !== 'rotated') throw new Error(rotated.outcome);
    await world.publish(organizationId, 'both');
    await world.sender.rested();
    await world.later('24 hours 1 second');
    await world.publish(organizationId, 'one');
    await world.sender.rested();
    const [both, after] = world.receiver.received;
    if (both === undefined || after === undefined) throw new Error('too little came');
    expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);
    expect([accepts(one.secret, both), accepts(rotated.secret, both)]).toEqual([true, true]);
    expect([accepts(one.secret, after), accepts(rotated.secret, after)]).toEqual([false, true]);
    expect((await standing(one))?.oldSecretUntil).toBeNull();
  });

  test('T7: no secret is in the database in a form that signs', async () => {
    const one = await world.hooked();
    const key = Buffer.from(one.secret.slice(6), 'base64');
    const found = await world.rows<{ text: string }>(
      'SELECT e::text AS text FROM outgoing_webhooks.endpoints AS e WHERE organization_id = $1',
      one.organizationId,
    );
    expect(found).toHaveLength(1);
    for (const form of [one.secret, one.secret.slice(6), key.toString('hex')]) {
      expect(found[0]?.text).not.toContain(form);
    }
  });

  test('with another pepper nothing is sent, and the log says what to do', async () => {
    const one = await world.hooked();
    await world.rows(
      `UPDATE outgoing_webhooks.endpoints SET secret = '\\x01ff' WHERE organization_id = $1`,
      one.organizationId,
    );
    await world.publish(one.organizationId, 'sealed');
    await world.sender.rested();
    expect(world.receiver.received).toEqual([]);
    expect(await logOf(one)).toMatchObject([
      { state: 'waiting', attempts: [{ result: 'secret_unreadable', status: null }] },
    ]);
  });
});
