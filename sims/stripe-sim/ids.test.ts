import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

const noon = { now: () => Date.UTC(2026, 5, 1, 12) };

/** A purchase and its refund, from the first id to the last. */
async function story({ stripe, control }: SimForTests, id_seed: number): Promise<string[]> {
  await control('PUT', 'settings', { id_seed });
  const customer = await stripe.customers.create({ name: 'Acme' });
  const session = await stripe.checkout.sessions.create({
    ...purchase(customer.id),
    invoice_creation: { enabled: true },
  });
  const paid = await control('POST', `pay/${session.id}`, { number: '4242424242424242' });
  await stripe.refunds.create({ payment_intent: String(paid.payment_intent), amount: 100 });
  const events = await stripe.events.list({ limit: 100 });
  return [customer.id, session.id, ...events.data.map((event) => JSON.stringify(event.data))];
}

async function told(id_seed: number): Promise<string[]> {
  const on = await simForTests(noon);
  const ids = await story(on, id_seed);
  await on.sim.close();
  // The address of the receipts has the port in it, which any run may get another of.
  return ids.map((text) => text.replaceAll(on.sim.url, ''));
}

it('equal input has equal ids for an equal seed, others for another or none', async () => {
  const first = await told(7);
  expect(await told(7)).toEqual(first);
  expect((await told(8))[0]).not.toBe(first[0]);
  expect((await told(0))[0]).not.toBe((await told(0))[0]);
});

it('a restart repeats no id', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'stripe-sim-'));
  const before = await simForTests({ dataDir });
  await before.control('PUT', 'settings', { id_seed: 7 });
  const first = await before.stripe.customers.create();
  await before.sim.close();
  const after = await simForTests({ dataDir });
  expect((await after.stripe.customers.create()).id).not.toBe(first.id);
  expect((await after.stripe.customers.list()).data).toHaveLength(2);
  await after.sim.close();
  rmSync(dataDir, { recursive: true });
});

it('the secret of an endpoint is never made from the seed', async () => {
  const secrets: (string | undefined)[] = [];
  for (const _ of [1, 2]) {
    const on = await simForTests(noon);
    await on.control('PUT', 'settings', { id_seed: 7 });
    const asked = { url: 'http://127.0.0.1:9/x', enabled_events: ['*' as const] };
    secrets.push((await on.stripe.webhookEndpoints.create(asked)).secret);
    await on.sim.close();
  }
  expect(secrets[0]).not.toBe(secrets[1]);
});
