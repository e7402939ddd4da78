import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;

beforeEach(async () => {
  on = await simForTests();
});

afterEach(() => on.sim.close());

function call(path: string, init: RequestInit = {}, key = 'sk_test_x') {
  return fetch(`${on.sim.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${key}`, ...init.headers },
  });
}

const form = (body: string, idempotencyKey: string): RequestInit => ({
  method: 'POST',
  body,
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    'idempotency-key': idempotencyKey,
  },
});

it('only test keys are let in', async () => {
  expect((await call('/v1/customers')).status).toBe(200);
  expect((await call('/v1/customers', {}, 'sk_live_x')).status).toBe(401);
  expect((await fetch(`${on.sim.url}/v1/customers`)).status).toBe(401);
  const basic = `Basic ${Buffer.from('sk_test_x:').toString('base64')}`;
  const answer = await fetch(`${on.sim.url}/v1/customers`, { headers: { authorization: basic } });
  expect(answer.status).toBe(200);
});

it('an unknown parameter is refused by name', async () => {
  const params = { ...purchase('cus_x'), payment_method_types: ['card'] };
  await expect(on.stripe.checkout.sessions.create(params)).rejects.toMatchObject({
    statusCode: 400,
    code: 'parameter_unknown',
    param: 'payment_method_types[0]',
  });
});

it('a missing object is 404, an unexpandable field 400', async () => {
  await expect(on.stripe.customers.retrieve('cus_none')).rejects.toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
  });
  const { id } = await on.stripe.customers.create({});
  const asked = on.stripe.customers.retrieve(id, { expand: ['email'] });
  await expect(asked).rejects.toMatchObject({ statusCode: 400 });
});

it('an update merges metadata and keeps the rest', async () => {
  const { id } = await on.stripe.customers.create({ name: 'A', metadata: { a: '1', b: '2' } });
  const after = await on.stripe.customers.update(id, { metadata: { a: '', c: '3' } });
  expect(after).toMatchObject({ name: 'A', metadata: { b: '2', c: '3' } });
  expect(after.metadata).not.toHaveProperty('a');
});

it('one key and one request make one object, and the replay says it is one', async () => {
  const first = await call('/v1/customers', form('name=A', 'k1'));
  const again = await call('/v1/customers', form('name=A', 'k1'));
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(await again.text()).toBe(await first.text());
  expect((await on.stripe.customers.list()).data).toHaveLength(1);
});

it('one key with other parameters is an idempotency error', async () => {
  await call('/v1/customers', form('name=A', 'k1'));
  const other = await call('/v1/customers', form('name=B', 'k1'));
  expect(other.status).toBe(400);
  expect(await other.json()).toMatchObject({ error: { type: 'idempotency_error' } });
});

it('a refused request does not use up its key', async () => {
  expect((await call('/v1/customers', form('colour=red', 'k1'))).status).toBe(400);
  expect((await call('/v1/customers', form('name=A', 'k1'))).status).toBe(200);
});

it('a decline is kept and replayed', async () => {
  const body = 'amount=500&currency=usd&confirm=true&payment_method=pm_card_visa_chargeDeclined';
  const first = await call('/v1/payment_intents', form(body, 'k2'));
  const again = await call('/v1/payment_intents', form(body, 'k2'));
  expect([first.status, again.status]).toEqual([402, 402]);
  expect(await again.text()).toBe(await first.text());
  expect((await on.stripe.charges.list()).data).toHaveLength(1);
});

it('a key still in flight is a conflict', async () => {
  await on.control('PUT', 'faults', { api_delay_ms: 1_000 });
  const both = await Promise.all(
    ['first', 'second'].map(() => call('/v1/customers', form('name=A', 'k3'))),
  );
  const [made, refused] = both.toSorted((a, b) => a.status - b.status);
  expect([made?.status, refused?.status]).toEqual([200, 409]);
  expect(await refused?.json()).toMatchObject({ error: { code: 'idempotency_key_in_use' } });
});

it('a 500 after the work is done is kept for its key, and the work stays', async () => {
  await on.control('PUT', 'faults', { api: 'error_500_after' });
  expect((await call('/v1/customers', form('name=A', 'k4'))).status).toBe(500);
  await on.control('PUT', 'faults', {});
  const replay = await call('/v1/customers', form('name=A', 'k4'));
  expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([500, 'true']);
  expect((await on.stripe.customers.list()).data).toHaveLength(1);
});

it('hang does the work and never answers; rate_limit and down do nothing', async () => {
  await on.control('PUT', 'faults', { api: 'hang' });
  // Long enough to be heard, also on a busy machine.
  const signal = AbortSignal.timeout(1_500);
  const lost = call('/v1/customers', { ...form('name=A', 'k5'), signal });
  await expect(lost).rejects.toThrow();
  await on.control('PUT', 'faults', { api: 'rate_limit' });
  expect((await call('/v1/customers', form('name=B', 'k6'))).status).toBe(429);
  await on.control('PUT', 'faults', { api: 'down' });
  await expect(call('/v1/customers', form('name=C', 'k7'))).rejects.toThrow();
  await on.control('PUT', 'faults', {});
  const names = (await on.stripe.customers.list()).data.map((row) => row.name);
  expect(names).toEqual(['A']);
});

it('events are paged newest first in both directions, by type and by time', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await on.stripe.customers.create({ name });
  await on.stripe.products.create({ name: 'p' });
  const types = ['customer.created'];
  const names = (rows: { data: Array<{ data: { object: object } }> }) =>
    rows.data.map((row) => Object.assign({ name: '' }, row.data.object).name);
  const first = await on.stripe.events.list({ types, limit: 2 });
  expect([names(first), first.has_more]).toEqual([['e', 'd'], true]);
  const last = first.data[1]?.id ?? '';
  const rest = await on.stripe.events.list({ types, limit: 3, starting_after: last });
  expect([names(rest), rest.has_more]).toEqual([['c', 'b', 'a'], false]);
  const oldest = rest.data[2]?.id ?? '';
  const back = await on.stripe.events.list({ types, limit: 2, ending_before: oldest });
  expect([names(back), back.has_more]).toEqual([['c', 'b'], true]);
  const later = Math.floor(Date.now() / 1000) + 60;
  expect((await on.stripe.events.list({ created: { gte: later } })).data).toEqual([]);
  const all: string[] = [];
  for await (const event of on.stripe.events.list({ limit: 1 })) all.push(event.type);
  expect(all).toHaveLength(6);
});
