import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
let directory: string;
let session: Stripe.Checkout.Session;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stripe-sim-'));
  on = await simForTests({ merchantName: 'Acme <Credits>', dataDir: directory });
  await on.control('PUT', 'settings', { tax_rate_percent: '8.875' });
  const customer = await on.stripe.customers.create({});
  session = await on.stripe.checkout.sessions.create(purchase(customer.id, 123456));
});

afterEach(async () => {
  await on.sim.close();
  rmSync(directory, { recursive: true });
});

function submit(number: string, path = session.url ?? '', more: Record<string, string> = {}) {
  const fields = {
    ...more,
    email: 'ann@example.test',
    number,
    expiry: '12 / 34',
    cvc: '123',
    name: 'Ann "A" Example',
    country: 'de',
    postal_code: '10115',
  };
  return fetch(path, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

it('the page shows merchant, lines, tax and total, and that it is a simulation', async () => {
  const page = await (await fetch(session.url ?? '')).text();
  for (const part of [
    'SIMULATED – test numbers only',
    'Acme &lt;Credits&gt;',
    'API credits',
    '$1,234.56',
    '$109.57',
    '$1,344.13',
    'name="number"',
    'href="http://127.0.0.1:9/return?canceled=1"',
  ]) {
    expect(page).toContain(part);
  }
  expect(page).not.toContain('<script');
});

it('a good card leads back with the id of the session', async () => {
  const answer = await submit('4242 4242 4242 4242');
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toBe(`http://127.0.0.1:9/return?cs=${session.id}`);
  const done = await on.stripe.checkout.sessions.retrieve(session.id, { expand: ['customer'] });
  expect(done).toMatchObject({
    payment_status: 'paid',
    automatic_tax: { status: 'complete' },
    customer_details: { address: { country: 'DE', postal_code: '10115' } },
    customer: { name: 'Ann "A" Example', address: { country: 'DE' } },
  });
});

it('a declined card shows the reason on the same page, and another card works', async () => {
  const declined = await submit('4000000000009995');
  expect(declined.status).toBe(402);
  const page = await declined.text();
  expect(page).toContain('Your card has insufficient funds.');
  expect(page).toContain('value="Ann &quot;A&quot; Example"');
  expect(page).not.toContain('4000000000009995');
  expect((await submit('5555555555554444')).status).toBe(303);
});

it('the bank may ask first', async () => {
  const asked = await submit('4000000000003220');
  const bank = `${on.sim.url}${asked.headers.get('location')}`;
  expect(await (await fetch(bank)).text()).toContain('Verify your payment');
  const body = new URLSearchParams({ answer: 'pass' });
  const done = await fetch(bank, { method: 'POST', body, redirect: 'manual' });
  expect(done.headers.get('location')).toContain(session.id);
});

it('a paid page and an expired page say so and charge nothing', async () => {
  const url = session.url ?? '';
  await submit('4242424242424242');
  expect(await (await fetch(url)).text()).toContain('Already paid');
  expect((await submit('4242424242424242', url)).status).toBe(409);
  expect((await on.stripe.charges.list()).data).toHaveLength(1);
  const other = await on.stripe.checkout.sessions.create(purchase(String(session.customer)));
  await on.stripe.checkout.sessions.expire(other.id);
  expect(await (await fetch(other.url ?? '')).text()).toContain('has expired');
});

it('no card number is ever written down', async () => {
  const numbers = ['4000000000009995', '4111111111111111', '4242424242424242'];
  for (const number of numbers) await submit(number);
  const kept = readFileSync(join(directory, 'stripe-sim.jsonl'), 'utf8');
  expect(kept).toContain('"last4":"4242"');
  for (const number of numbers) expect(kept).not.toContain(number);
});

it.each(['4000000000001208', '4000000000003725'])(
  'card %s pays once a person says they are one',
  async (number) => {
    const url = session.url ?? '';
    const asked = await submit(number);
    expect(asked.status).toBe(402);
    expect(await asked.text()).toContain('name="human"');
    expect(await (await fetch(url)).text()).not.toContain('name="human"');
    expect((await on.stripe.charges.list()).data).toEqual([]);
    const robot = await on.control('POST', `pay/${session.id}`, { number, human: false });
    expect(robot).toMatchObject({ status: 'declined', decline_code: 'captcha_required' });
    expect((await submit(number, url, { human: 'yes' })).status).toBe(303);
  },
);
