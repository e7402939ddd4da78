import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accepts } from '#test/webhook-receiver';
import { type WebhooksWorld, webhooksWorld } from '#test/webhooks-world';
import { forgetEvents, listDeliveries, resend } from './deliveries.ts';
import { moveEndpoint, removeEndpoint } from './endpoints.ts';
import type { Post, Posting } from './post.ts';
import { publishTest } from './publish.ts';
import { openSender } from './sender.ts';
import { claimDue } from './sql.ts';
import { STRICT_POLICY } from './target.ts';

let world: WebhooksWorld;
beforeEach(async () => {
  world = await webhooksWorld();
});
afterEach(() => world.close());

/** Attempts that end when they are told to. */
function held() {
  const open: { readonly posting: Posting; end(status: number): void }[] = [];
  const post: Post = (posting) =>
    new Promise((resolve) => {
      open.push({ posting, end: (status) => resolve({ outcome: 'answered', status }) });
    });
  return { open, post };
}

const pathOf = ({ target }: Posting) => target.url.pathname;
const at = (name: string) => world.receiver.url.replace('hooks', name);

describe('a dead endpoint', () => {
  test('holds up nobody else: it has few places, and the last of them are never its own', async () => {
    const { open, post } = held();
    const sender = world.another(post);
    const slow = await Promise.all(
      Array.from({ length: 12 }, (_, n) => world.hooked({ url: at(`slow-${n}`) })),
    );
    // They have failed before, so they are known to be slow.
    await world.rows('UPDATE outgoing_webhooks.endpoints SET failing_since = bursar.now()');
    for (const { organizationId } of slow) {
      for (const event of ['a', 'b', 'c']) await world.publish(organizationId, event);
    }
    await sender.round();
    expect(open).toHaveLength(8);
    expect(new Set(open.map(({ posting }) => pathOf(posting))).size).toBe(8);
    const quick = await world.hooked({ url: at('quick') });
    await world.publish(quick.organizationId, 'now');
    await sender.round();
    expect(open.map(({ posting }) => pathOf(posting))).toContain('/quick');
    for (let next = open.shift(); next !== undefined; next = open.shift()) next.end(204);
    await expect.poll(() => open.length).toBeGreaterThan(0);
    const ending = setInterval(() => open.splice(0).forEach((one) => void one.end(204)), 5);
    await sender.rested();
    clearInterval(ending);
    const left = await world.rows(
      `SELECT FROM outgoing_webhooks.deliveries WHERE state <> 'delivered'`,
    );
    expect(left).toEqual([]);
  });

  test('with a long queue has no more than its share under way', async () => {
    const { open, post } = held();
    const [first, second] = [world.another(post), world.another(post)];
    const one = await world.hooked();
    for (let n = 0; n < 20; n++) await world.publish(one.organizationId, `event-${n}`);
    await first.round();
    expect(open).toHaveLength(4);
    await Promise.all([first.round(), second.round()]);
    expect(open, 'in both processes together').toHaveLength(4);
    const ending = setInterval(() => open.splice(0).forEach((each) => void each.end(204)), 5);
    await first.rested();
    await second.rested();
    clearInterval(ending);
  });
});

describe('two workers', () => {
  test('never send one attempt twice', async () => {
    const senders = [world.sender, world.another(), world.another()];
    const hooked = await Promise.all([1, 2, 3].map(() => world.hooked()));
    const published: Promise<number>[] = [];
    for (let n = 0; n < 15; n++) {
      for (const { organizationId } of hooked) {
        published.push(world.publish(organizationId, `event-${n}`));
      }
    }
    const rounds = Promise.all(senders.map((sender) => sender.rested()));
    await Promise.all(published);
    await rounds;
    await Promise.all(senders.map((sender) => sender.rested()));
    const ids = world.receiver.received.map(({ headers }) => String(headers['webhook-id']));
    expect(ids).toHaveLength(45);
    expect(new Set(ids).size).toBe(45);
  });
});

test('of many claims at the same moment one gets it', async () => {
  const { organizationId } = await world.hooked();
  for (let round = 0; round < 20; round++) {
    await world.publish(organizationId, `round-${round}`);
    const claim = { healthy: true, most: 32, mostOfOne: 4, leaseSeconds: 60 };
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => world.db.pool.query(claimDue(claim))),
    );
    expect(claims.map((claimed) => claimed.length).sort()).toEqual([...Array(9).fill(0), 1]);
    await world.rows(`UPDATE outgoing_webhooks.deliveries SET state = 'delivered'`);
  }
});

describe('a process that dies', () => {
  const lapse = () =>
    world.rows(`UPDATE outgoing_webhooks.deliveries
      SET leased_until = bursar.real_now() - interval '1 second' WHERE leased_until IS NOT NULL`);

  test('between sending and noting is followed by one that sends again, under the same id', async () => {
    const { open, post } = held();
    const dying = world.another(post);
    const one = await world.hooked();
    await world.publish(one.organizationId, 'crash');
    await dying.round();
    expect(open).toHaveLength(1);
    await world.sender.rested();
    expect(world.receiver.received, 'while its lease runs').toEqual([]);
    await lapse();
    await world.sender.rested();
    expect(world.receiver.received).toHaveLength(1);
    const { organizationId, endpoint } = one;
    const log = async () =>
      (await listDeliveries(world.db.pool, { organizationId, endpointId: endpoint.id })).deliveries;
    expect(await log()).toMatchObject([
      { state: 'delivered', attempts: [{ result: 'delivered' }, { result: 'unknown' }] },
    ]);
    // It was only slow: what it comes to say late changes no more than its own line.
    open[0]?.end(500);
    await dying.rested();
    expect(await log()).toMatchObject([
      { state: 'delivered', attempts: [{ result: 'delivered' }, { result: 'refused' }] },
    ]);
    const again = world.receiver.received[0];
    expect(again && accepts(one.secret, again)).toBe(true);
    expect(open[0]?.posting.headers['webhook-id']).toBe(again?.headers['webhook-id']);
  });

  test('and comes back late with a success is believed', async () => {
    const { open, post } = held();
    const [dying, next] = [world.another(post), world.another(post)];
    const one = await world.hooked();
    await world.publish(one.organizationId, 'late');
    await dying.round();
    await lapse();
    await next.round();
    expect(open).toHaveLength(2);
    open[0]?.end(200);
    await dying.rested();
    open[1]?.end(500);
    await next.rested();
    const { organizationId, endpoint } = one;
    const { deliveries } = await listDeliveries(world.db.pool, {
      ...{ organizationId, endpointId: endpoint.id },
    });
    expect(deliveries).toMatchObject([{ state: 'delivered' }]);
  });
});

describe('sending again by hand', () => {
  const again = (of: string, to: string, event: string) =>
    world.db.pool.transaction((tx) => resend(tx, of, to, event));

  test('sends the same event under its id, also after it arrived', async () => {
    const { organizationId, endpoint } = await world.hooked();
    await world.publish(organizationId, 'again');
    await world.sender.rested();
    const id = String(world.receiver.received[0]?.headers['webhook-id']);
    expect(await again(organizationId, endpoint.id, id)).toBe('waiting');
    await world.sender.rested();
    expect(world.receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
    const of = { organizationId, endpointId: endpoint.id };
    expect((await listDeliveries(world.db.pool, of)).deliveries).toMatchObject([
      { state: 'delivered', attempts: [{ number: 2 }, { number: 1 }] },
    ]);
  });

  test('is refused while it is being sent, to an endpoint that is off, and of what is not there', async () => {
    const { open, post } = held();
    const { organizationId, endpoint } = await world.hooked();
    const other = await world.hooked();
    await world.publish(organizationId, 'again');
    const sender = world.another(post);
    await sender.round();
    const id = String(open[0]?.posting.headers['webhook-id']);
    expect(await again(organizationId, endpoint.id, id)).toBe('under_way');
    open[0]?.end(204);
    await sender.rested();
    await moveEndpoint(world.db.pool, organizationId, endpoint.id, 'pause');
    expect(await again(organizationId, endpoint.id, id)).toBe('endpoint_off');
    expect(await again(organizationId, endpoint.id, 'evt_none')).toBe('unknown_delivery');
    expect(await again(other.organizationId, endpoint.id, id), 'T11').toBe('unknown_delivery');
    expect(await again(organizationId, other.endpoint.id, id)).toBe('unknown_delivery');
  });
});

test('of tests there are thirty a minute, however many are asked for at once', async () => {
  const { organizationId, endpoint } = await world.hooked({ eventTypes: ['credits.low'] });
  const press = (n: number) =>
    world.db.pool.transaction((tx) =>
      publishTest(tx, {
        ...{ organizationId, endpointId: endpoint.id, eventId: `press-${n}`, now: new Date() },
      }),
    );
  const pressed = await Promise.all(Array.from({ length: 35 }, (_, n) => press(n)));
  expect(pressed.filter(({ outcome }) => outcome === 'waiting')).toHaveLength(30);
  expect(pressed.filter(({ outcome }) => outcome === 'too_many_tests')).toHaveLength(5);
  await world.later('61 seconds');
  expect((await press(99)).outcome).toBe('waiting');
  await moveEndpoint(world.db.pool, organizationId, endpoint.id, 'pause');
  expect((await press(100)).outcome).toBe('endpoint_off');
});

test('T26: where an operator no longer allows to send is not sent to, and the log says so', async () => {
  const { organizationId, endpoint } = await world.hooked();
  await world.publish(organizationId, 'stricter');
  const sender = openSender({ ...world.deps, policy: STRICT_POLICY });
  await sender.rested();
  await sender.close();
  expect(world.receiver.received).toEqual([]);
  const of = { organizationId, endpointId: endpoint.id };
  expect((await listDeliveries(world.db.pool, of)).deliveries).toMatchObject([
    { state: 'waiting', attempts: [{ result: 'target_refused' }] },
  ]);
});

test('an endpoint that is removed while something is sent to it is gone without a fault', async () => {
  const { open, post } = held();
  const { organizationId, endpoint } = await world.hooked();
  await world.publish(organizationId, 'removed');
  const sender = world.another(post);
  await sender.round();
  expect(await removeEndpoint(world.db.pool, organizationId, endpoint.id)).toBe('removed');
  open[0]?.end(200);
  await sender.rested();
  expect(await world.rows('SELECT FROM outgoing_webhooks.attempts')).toEqual([]);
});

test('what was sent can be seen for thirty days, page by page, and is then forgotten', async () => {
  const { organizationId, endpoint } = await world.hooked();
  for (let n = 0; n < 5; n++) await world.publish(organizationId, `event-${n}`);
  await world.sender.rested();
  const of = { organizationId, endpointId: endpoint.id, most: 2 };
  const seen: string[] = [];
  let before: string | undefined;
  for (let more = true; more; ) {
    const page = await listDeliveries(world.db.pool, { ...of, before });
    seen.push(...page.deliveries.map(({ eventId }) => eventId));
    before = seen.at(-1);
    more = page.more;
  }
  expect(new Set(seen).size).toBe(5);
  await world.later('29 days 23 hours');
  expect(await forgetEvents(world.db.pool)).toBe(0);
  await world.later('2 hours');
  expect(await forgetEvents(world.db.pool)).toBe(5);
  expect((await listDeliveries(world.db.pool, of)).deliveries).toEqual([]);
});
