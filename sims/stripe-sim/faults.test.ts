import { connect } from 'node:net';
import Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { receiver, type SimForTests, simForTests, until } from './sim-for-tests.ts';

const SECRET = 'whsec_test';
const DAY_MS = 86_400_000;
let on: SimForTests;
let hook: Awaited<ReturnType<typeof receiver>>;
let status = 200;

beforeEach(async () => {
  status = 200;
  hook = await receiver(() => status);
  on = await simForTests({ webhook: { url: hook.url, secret: SECRET } });
  await on.control('PUT', 'settings', { webhook_retry_ms: 10 });
});

afterEach(async () => {
  await on.sim.close();
  await hook.close();
});

const faults = (body: object) => on.control('PUT', 'faults', body);

function post(path: string, body: string, key: string): Promise<Response> {
  return fetch(`${on.sim.url}${path}`, {
    method: 'POST',
    body,
    headers: { authorization: 'Bearer sk_test_x', 'idempotency-key': key },
  });
}

const customers = async () => (await on.stripe.customers.list()).data.map((row) => row.name);

it('S15: half of a 200 arrives, the work is done, and the same key brings the answer', async () => {
  await faults({ api: 'half_answer', api_times: 1 });
  const lost = on.stripe.customers.create({ name: 'Ann' }, { idempotencyKey: 'k' });
  await expect(lost).rejects.toBeInstanceOf(Stripe.errors.StripeConnectionError);
  const again = await on.stripe.customers.create({ name: 'Ann' }, { idempotencyKey: 'k' });
  expect([again.name, await customers()]).toEqual(['Ann', ['Ann']]);
});

it('a connection cut after the work was done leaves the work', async () => {
  await faults({ api: 'reset_after', api_times: 1 });
  await expect(post('/v1/customers', 'name=Ann', 'k')).rejects.toThrow();
  const replay = await post('/v1/customers', 'name=Ann', 'k');
  expect(replay.headers.get('idempotent-replayed')).toBe('true');
  expect(await customers()).toEqual(['Ann']);
});

it('a fault can be for one call, so many times', async () => {
  await faults({ api: 'rate_limit', api_only: 'POST /v1/customers', api_times: 2 });
  await on.stripe.customers.list();
  const statuses: number[] = [];
  for (const name of ['a', 'b', 'c']) {
    statuses.push((await post('/v1/customers', `name=${name}`, name)).status);
  }
  expect(statuses).toEqual([429, 429, 200]);
});

it('a locked object may be tried again at once, a busy account may not, a revoked key never', async () => {
  const seen: unknown[] = [];
  for (const api of ['lock_timeout', 'rate_limit', 'key_revoked']) {
    await faults({ api, api_times: 1 });
    const answer = await post('/v1/customers', 'name=a', api);
    const { error } = (await answer.json()) as { error: { code: string } };
    seen.push([answer.status, error.code, answer.headers.get('stripe-should-retry')]);
  }
  expect(seen).toEqual([
    [429, 'lock_timeout', 'true'],
    [429, 'rate_limit', null],
    [401, 'api_key_expired', null],
  ]);
});

it('more requests than allowed in a second are refused', async () => {
  await on.control('PUT', 'settings', { rate_limit_per_second: 1 });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => post('/v1/customers', `name=${at}`, String(at))),
  );
  const refused = answers.filter((answer) => answer.status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.headers.get('stripe-rate-limited-reason')).toBe('global-rate');
});

it('a key is forgotten after a day', async () => {
  await post('/v1/customers', 'name=Ann', 'k');
  await on.control('PUT', 'settings', { clock_offset_ms: 25 * 3600_000 });
  const fresh = await post('/v1/customers', 'name=Bob', 'k');
  expect([fresh.status, fresh.headers.get('idempotent-replayed')]).toEqual([200, null]);
});

it('S32: signatures that are wrong, an hour old or from the future', async () => {
  const verdicts: string[] = [];
  for (const webhooks of ['wrong_signature', 'old_signature', 'future_signature', 'normal']) {
    await faults({ webhooks });
    const before = hook.received.length;
    await on.stripe.customers.create({});
    await until(() => hook.received.length > before);
    const { body = '', signature = '' } = hook.received[before] ?? {};
    try {
      Stripe.webhooks.constructEvent(body, signature, SECRET);
      verdicts.push('accepted');
    } catch {
      verdicts.push('refused');
    }
  }
  // The SDK tolerates the future: only age counts.
  expect(verdicts).toEqual(['refused', 'refused', 'accepted', 'accepted']);
});

it('S08: the endpoint can hear of a change before its maker does', async () => {
  await faults({ webhook_before_answer: true });
  await on.stripe.customers.create({ name: 'Ann' });
  expect(hook.types()).toEqual(['customer.created']);
});

it('while a secret is rolled both are good, and after a day only the new one', async () => {
  const endpoint = await on.stripe.webhookEndpoints.create({
    url: hook.url,
    enabled_events: ['customer.created'],
  });
  await on.stripe.webhookEndpoints.update('we_preset', { disabled: true });
  const rolled = await on.control('POST', `roll_secret/${endpoint.id}`);
  const good = async (secret: string) => {
    const before = hook.received.length;
    await on.stripe.customers.create({});
    await until(() => hook.received.length > before);
    const { body = '', signature = '' } = hook.received[before] ?? {};
    try {
      return Stripe.webhooks.constructEvent(body, signature, secret).object === 'event';
    } catch {
      return false;
    }
  };
  const old = endpoint.secret ?? '';
  expect([await good(old), await good(String(rolled.secret))]).toEqual([true, true]);
  await on.control('PUT', 'settings', { clock_offset_ms: 2 * DAY_MS });
  expect([await good(old), await good(String(rolled.secret))]).toEqual([false, true]);
});

it('S10: an endpoint that answers nothing good for nine days is switched off', async () => {
  status = 404;
  await on.stripe.customers.create({});
  await until(() => hook.received.length > 1);
  await on.control('PUT', 'settings', { clock_offset_ms: 10 * DAY_MS });
  await on.stripe.customers.create({});
  const endpoint = async () => (await on.stripe.webhookEndpoints.list()).data[0]?.status;
  await until(async () => (await endpoint()) === 'disabled');
  const heard = hook.received.length;
  await on.stripe.customers.create({});
  expect((await on.stripe.events.list()).data[0]?.pending_webhooks).toBe(0);
  expect(hook.received.length).toBe(heard);
  await on.stripe.webhookEndpoints.update('we_preset', { disabled: false });
  expect(await endpoint()).toBe('enabled');
});

it('an event can be sent again by hand', async () => {
  await on.stripe.customers.create({});
  await until(() => hook.received.length === 1);
  const [event] = (await on.stripe.events.list()).data;
  await on.control('POST', `resend/${event?.id}`);
  await until(() => hook.received.length === 2);
  expect(hook.received[1]?.body).toContain(String(event?.id));
});

it('the list of events can lag, and forgets after thirty days', async () => {
  await on.stripe.customers.create({});
  await faults({ events_lag_seconds: 60 });
  expect((await on.stripe.events.list()).data).toEqual([]);
  await faults({});
  expect((await on.stripe.events.list()).data).toHaveLength(1);
  await on.control('PUT', 'settings', { clock_offset_ms: 31 * DAY_MS });
  expect((await on.stripe.events.list()).data).toEqual([]);
});

it('a test clock moves forward, and what is due by it happens', async () => {
  const now = Math.floor(Date.now() / 1000);
  const clock = await on.stripe.testHelpers.testClocks.create({ frozen_time: now, name: 'a' });
  const customer = await on.stripe.customers.create({ test_clock: clock.id });
  expect(customer.test_clock).toBe(clock.id);
  const invoice = await on.stripe.invoices.create({ customer: customer.id, auto_advance: true });
  const moving = await on.stripe.testHelpers.testClocks.advance(clock.id, {
    frozen_time: now + 7200,
  });
  expect(moving).toMatchObject({
    status: 'advancing',
    status_details: { advancing: { target_frozen_time: now + 7200 } },
  });
  expect((await on.stripe.testHelpers.testClocks.retrieve(clock.id)).status).toBe('ready');
  // An invoice over nothing is paid as soon as it is finalized, which it was by itself.
  expect((await on.stripe.invoices.retrieve(invoice.id)).status).toBe('paid');
  const back = on.stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: now });
  await expect(back).rejects.toMatchObject({ param: 'frozen_time' });
});

it.each([
  ['sk_live_abc', 401],
  ['rk_live_abc', 401],
  [`sk_test_51${'A'.repeat(97)}`, 401],
  ['rk_test_abc', 403],
  ['pk_test_abc', 401],
  ['', 401],
  ['sk_test_made_up', 200],
])('the key %s is answered with %i', async (key, expected) => {
  const headers = { authorization: `Bearer ${key}` };
  expect((await fetch(`${on.sim.url}/v1/customers`, { headers })).status).toBe(expected);
});

it('a body that is too large or never ends takes nothing down', async () => {
  const large = await post('/v1/customers', `name=${'a'.repeat(2_000_000)}`, 'k');
  expect(large.status).toBe(413);
  const socket = connect(Number(new URL(on.sim.url).port), '127.0.0.1');
  socket.write('POST /v1/customers HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc');
  socket.destroy();
  expect((await on.stripe.customers.list()).data).toEqual([]);
});

it('every refusal of a request names what was wrong with it', async () => {
  const errors: unknown[] = [];
  for (const body of [
    'amount=500',
    'amount=x&currency=usd',
    'amount=500&currency=usd&colour=red',
    'amount=500&currency=usd&confirm=maybe',
    `amount=500&currency=usd&metadata[${'k'.repeat(41)}]=v`,
    `amount=500&currency=usd&metadata[k]=${'v'.repeat(501)}`,
  ]) {
    const answer = await post('/v1/payment_intents', body, body.slice(0, 200));
    const { error } = (await answer.json()) as { error: Record<string, string> };
    errors.push([answer.status, error.type, error.param?.slice(0, 12), error.code ?? null]);
  }
  const type = 'invalid_request_error';
  expect(errors).toEqual([
    [400, type, 'currency', 'parameter_missing'],
    [400, type, 'amount', 'parameter_invalid_integer'],
    [400, type, 'colour', 'parameter_unknown'],
    [400, type, 'confirm', null],
    [400, type, 'metadata[kkk', null],
    [400, type, 'metadata[k]', null],
  ]);
});
