import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, receiver, simForTests, until } from './sim-for-tests.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stripe-sim-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

it('a restart keeps all that was answered, and open pages move to the new address', async () => {
  const before = await simForTests({ dataDir, taxRatePercent: '10' });
  const customer = await before.stripe.customers.create({ name: 'Ann' }, { idempotencyKey: 'k' });
  const paid = await before.stripe.checkout.sessions.create(purchase(customer.id));
  await before.control('POST', `pay/${paid.id}`, { number: '4242424242424242' });
  const open = await before.stripe.checkout.sessions.create(purchase(customer.id));
  const events = (await before.stripe.events.list()).data;
  await before.sim.close();

  const after = await simForTests({ dataDir });
  expect((await after.stripe.events.list()).data).toEqual(events);
  const again = await after.stripe.customers.create({ name: 'Ann' }, { idempotencyKey: 'k' });
  expect(again.id).toBe(customer.id);
  const page = (await after.stripe.checkout.sessions.retrieve(open.id)).url ?? '';
  expect(page.startsWith(after.sim.url)).toBe(true);
  const done = await after.control('POST', `pay/${open.id}`, { number: '4242424242424242' });
  expect(done.status).toBe('complete');
  await after.sim.close();
});

it('half a line at the end, as a kill leaves it, never happened', async () => {
  const before = await simForTests({ dataDir });
  await before.stripe.customers.create({ name: 'Ann' });
  await before.sim.close();
  appendFileSync(join(dataDir, 'stripe-sim.jsonl'), '[["customers","cus_half",{"id":"cus');
  const after = await simForTests({ dataDir });
  expect((await after.stripe.customers.list()).data.map((row) => row.name)).toEqual(['Ann']);
  await after.sim.close();
});

it('an undelivered webhook is delivered after a restart', async () => {
  const nobody = 'http://127.0.0.1:9/hook';
  const before = await simForTests({ dataDir, webhook: { url: nobody, secret: 'whsec_a' } });
  await before.stripe.customers.create({});
  await before.sim.close();
  const hook = await receiver();
  const after = await simForTests({ dataDir, webhook: { url: hook.url, secret: 'whsec_a' } });
  await until(() => hook.received.length === 1);
  await after.sim.close();
  await hook.close();
});

it('a reset forgets everything but the endpoint given at start', async () => {
  const on = await simForTests({ dataDir, webhook: { url: 'http://127.0.0.1:9/', secret: 's' } });
  await on.stripe.customers.create({});
  await on.control('POST', 'reset');
  expect((await on.stripe.customers.list()).data).toEqual([]);
  expect((await on.stripe.webhookEndpoints.list()).data).toHaveLength(1);
  await on.sim.close();
});

it('an issued card keeps its number, which is nowhere in what is kept', async () => {
  const before = await simForTests({ dataDir });
  const { stripe, control } = before;
  await control('PUT', 'settings', { bank_delay_seconds: 0 });
  await stripe.topups.create({ amount: 5000, currency: 'usd' });
  const place = { line1: '1 Main St', city: 'Berlin', postal_code: '10115', country: 'DE' };
  const holder = await stripe.issuing.cardholders.create({
    name: 'Ann',
    billing: { address: place },
  });
  const order = { cardholder: holder.id, currency: 'usd', type: 'virtual' } as const;
  const { id } = await stripe.issuing.cards.create({ ...order, status: 'active' });
  const held = await stripe.testHelpers.issuing.authorizations.create({ card: id, amount: 700 });
  const expand = ['number', 'cvc'];
  const { number, cvc } = await stripe.issuing.cards.retrieve(id, { expand });
  const customer = await stripe.customers.create({ name: 'Ann' });
  const session = await stripe.checkout.sessions.create(purchase(customer.id));
  await control('POST', `pay/${session.id}`, { number });
  await before.sim.close();
  expect(readFileSync(join(dataDir, 'stripe-sim.jsonl'), 'utf8')).not.toContain(number);

  const after = await simForTests({ dataDir });
  const again = await after.stripe.issuing.cards.retrieve(id, { expand });
  expect([again.number, again.cvc]).toEqual([number, cvc]);
  await after.stripe.testHelpers.issuing.authorizations.capture(held.id);
  const { issuing } = await after.stripe.balance.retrieve();
  expect(issuing?.available[0]?.amount).toBe(5000 - 2500 - 700);
  await after.sim.close();
});
