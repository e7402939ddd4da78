import Anthropic, { RateLimitError } from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { type NanoUsd, nanos } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { setOrganizationTier } from '#orgs/organizations';
import { readSpendLimits } from '#orgs/spend-limits';
import { databaseBuckets } from '#rate-limits/store';
import type { TierBook } from '#rate-limits/tiers';
import { systemClock } from '#src/system';
import type { TestDatabase } from '#test/database';
import {
  type Customer,
  type GatewayProcesses,
  gatewayProcesses,
  type Process,
} from '#test/gateway-processes';
import { ask, question } from '#test/gateway-world';
import { usd } from '#test/ledger-world';
import { gateOf, oneTier } from '#test/rate-world';

let world: GatewayProcesses;
let db: TestDatabase;
let payer: Customer;
const gateways: Process[] = [];

beforeAll(async () => {
  world = await gatewayProcesses();
  ({ db } = world);
});
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.customer('5');
});

/** A gateway of its own on the one database; without a standard tier. */
async function start(book: TierBook, name = 'node'): Promise<string> {
  const rates = gateOf(book, {
    ...{ clock: systemClock, store: databaseBuckets(db.pool, name), standard: 'none' },
    patienceMs: 20_000,
    setCap: (organizationId, amount) =>
      setSpendLimit(db.pool, {
        ...{ organizationId, level: 'tier', subjectId: organizationId, amount, setBy: 'tier' },
        action: 'notify_and_pause',
      }),
  });
  const process = await world.start({ rates });
  gateways.push(process);
  return process.url;
}

const call = (url: string) =>
  ask(
    { url, key: payer.key },
    { headers: { 'x-sim-scenario': 'ok;input_tokens=100;output_tokens=20' }, body: question },
  );
const errorOf = (body: Buffer): Record<string, unknown> => JSON.parse(body.toString()).error;
const tier = (name: string | null) => setOrganizationTier(db.pool, payer.organizationId, name);
const capped = (cap: NanoUsd): TierBook => {
  const { classes, tiers } = oneTier({});
  return { classes, tiers: tiers.map((one) => ({ ...one, spendCap: cap })) };
};

test('an organization’s tier limits it on all gateways of a database, and nobody else', async () => {
  const book = oneTier({ requests: 40 });
  const urls = [await start(book, 'one'), await start(book, 'two')];
  expect((await call(urls[0] ?? '')).headers).not.toHaveProperty(
    'anthropic-ratelimit-requests-limit',
  );
  await tier('test');
  for (const gateway of gateways.splice(0)) await gateway.close();
  const [one = '', two = ''] = [await start(book, 'one'), await start(book, 'two')];
  const statuses = [];
  for (let i = 0; i < 70; i += 1) statuses.push((await call(i % 2 === 0 ? one : two)).status);
  const served = statuses.filter((status) => status === 200).length;
  // Forty at once, less a lease in each hand, and in the time this test may take twenty more.
  expect(served).toBeGreaterThanOrEqual(36);
  expect(statuses).toContain(429);
});

test('the cap of a tier is taken with the hold, and refuses in the words of the public API', async () => {
  const url = await start(capped(usd('0.01')));
  await tier('test');
  // A hold of this question is more than half of it, a charge a tenth.
  const statuses = [];
  for (let i = 0; i < 12; i += 1) statuses.push((await call(url)).status);
  expect(statuses[0]).toBe(200);
  expect(statuses.at(-1)).toBe(429);
  const refused = await call(url);
  const { type, message, details } = errorOf(refused.body);
  expect(type).toBe('rate_limit_error');
  expect(message).toMatch(
    /^You have reached your API usage limits: your organization has crossed its monthly API usage threshold, set based on your organization's API tier\. You will regain access on \d{4}-\d{2}-01 at 00:00 UTC\.$/,
  );
  expect(details).toMatchObject({ error_code: 'enforced_spend_limit_reached', level: 'tier' });
  expect(refused.headers).not.toHaveProperty('retry-after');
  expect(refused.headers['x-should-retry']).toBe('false');
  const client = new Anthropic({ baseURL: url, apiKey: payer.key, maxRetries: 2 });
  const wanted = { model: question.model, max_tokens: 100 };
  const asked = client.messages.create({ ...wanted, messages: [{ role: 'user', content: 'hi' }] });
  await expect(asked).rejects.toBeInstanceOf(RateLimitError);
  const [limit] = await readSpendLimits(db.pool, payer.organizationId);
  const served = statuses.filter((status) => status === 200).length;
  const charged = nanos(BigInt(served) * usd('0.001'));
  expect(limit).toMatchObject({ level: 'tier', amount: usd('0.01'), charged, held: 0n });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test.each([
  ['the organization’s own limit, if that is smaller', '0.001', 400, 'organization'],
  ['the tier’s cap, if the organization allows itself more', '3', 429, 'tier'],
])('of two that bound the same, the refusal names %s', async (_what, own, status, level) => {
  const url = await start(capped(usd('0.002')));
  await tier('test');
  const { organizationId } = payer;
  await setSpendLimit(db.pool, {
    ...{ organizationId, level: 'organization', subjectId: organizationId, amount: usd(own) },
    ...{ action: 'notify_and_pause', setBy: 'test' },
  });
  const refused = await call(url);
  expect(refused.status).toBe(status);
  expect(errorOf(refused.body).details).toMatchObject({ level });
});

test('a month of requests before the tier counts, and another tier lifts the cap at once', async () => {
  const book = capped(usd('0.002'));
  await call(await start(book));
  await call(await start(book));
  await tier('test');
  expect((await call(await start(book))).status).toBe(429);
  const [limit] = await readSpendLimits(db.pool, payer.organizationId);
  expect(limit).toMatchObject({ level: 'tier', charged: usd('0.002') });
  await tier('none');
  expect((await call(await start(book))).status).toBe(200);
  expect(await readSpendLimits(db.pool, payer.organizationId)).toEqual([]);
});
