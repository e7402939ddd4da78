import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { createGateway, type Gateway } from '#gateway/gateway';
import { nanos } from '#kernel/money';
import { createApiKey, readApiKey } from '#orgs/api-keys';
import { startModelSim } from '#sims/model-sim/server';
import { setWatchPolicy } from '#spend-watch/policy';
import type { Tell } from '#spend-watch/raise';
import { watchSpending } from '#spend-watch/watch';
import { systemClock, systemEntropy } from '#src/system';
import { ask, question } from '#test/gateway-world';
import { give, toNextMonth } from '#test/ledger-world';
import { VISA } from '#test/payments';
import { recordedPrices } from '#test/prices';
import { type Reloader, type ReloadWorld, reloadWorld, usd } from '#test/reload-world';

/**
 * A stolen key at fifty requests a second, against a limit of $25 a month and with auto-reload on: it
 * once cost somebody $1,771 in four hours and 52 reloads (anthropics/claude-code#73795). Each step
 * sends a second's worth of requests through the gateway, then does what the workers do each second,
 * then moves business time: a slow machine changes nothing.
 */
const PER_SECOND = 50;
const CENTS_EACH = 6;

const pepper = Buffer.from('pepper of the tests');
let reloads: ReloadWorld;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let gateway: Gateway;
let url: string;
let victim: Reloader;
let key: { readonly id: string; readonly key: string };
const told: Parameters<Tell>[1][] = [];
const tell: Tell = async (_tx, notice) => void told.push(notice);

beforeAll(async () => {
  reloads = await reloadWorld();
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const { pool } = reloads.world.db;
  gateway = await createGateway({
    ...{ pool, charging: reloads.node.charging, prices: await recordedPrices(pool), pepper },
    upstream: { url: sim.url, key: 'operator-key' },
    ...{ clock: systemClock, entropy: systemEntropy, logger: false, drainSeconds: 5 },
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
  });
  url = await gateway.listen('127.0.0.1', 0);
});
afterAll(async () => {
  await gateway?.close();
  await sim?.close();
  await reloads?.close();
});

beforeEach(async () => {
  const { pool } = reloads.world.db;
  // Neither a day nor the month ends while the attack lasts.
  await toNextMonth(pool);
  await reloads.later('1 hour');
  await look();
  told.length = 0;
  victim = await reloads.reloader();
  const { organizationId, workspaceId } = victim.payer;
  key = await pool.transaction((tx) =>
    createApiKey(
      tx,
      { entropy: systemEntropy, pepper },
      { organizationId, workspaceId, name: 'production', kind: 'workspace', createdBy: null },
    ),
  );
  await setSpendLimit(pool, {
    ...{ organizationId, level: 'organization', subjectId: organizationId, amount: usd('25') },
    ...{ action: 'notify_and_pause', setBy: 'user_ada' },
  });
  await give(pool, victim.payer, usd('6'));
  await victim.save(VISA);
});

const look = () => watchSpending({ pool: reloads.world.db.pool, entropy: systemEntropy, tell });

/** Six cents each, and bounded by little more: the limit is reached almost to the cent. */
const body = {
  ...question,
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'x'.repeat(7_000) }],
};
const headers = { 'x-sim-scenario': 'ok;input_tokens=7000;output_tokens=1000' };

async function attack(seconds: number, step: string): Promise<Record<number, number>> {
  const answers: Record<number, number> = {};
  for (let second = 0; second < seconds; second++) {
    const burst = Array.from({ length: PER_SECOND }, () =>
      ask({ url, key: key.key }, { body, headers }),
    );
    for (const { status } of await Promise.all(burst)) answers[status] = (answers[status] ?? 0) + 1;
    await look();
    await victim.ask();
    await reloads.later(step);
  }
  return answers;
}

async function spent() {
  const [row] = await reloads.world.db.pool.query<{ total: bigint | null }>({
    text: `SELECT sum(charged_nanos)::bigint AS total FROM metering.requests
            WHERE organization_id = $1`,
    values: [victim.payer.organizationId],
  });
  return nanos(row?.total ?? 0n);
}

const status = async () =>
  (
    await readApiKey(reloads.world.db.pool, {
      ...{ organizationId: victim.payer.organizationId, id: key.id },
    })
  )?.status;

describe('a stolen key at fifty requests a second', () => {
  test.each([
    { maxPerDay: 24, reloadsMost: 24 },
    { maxPerDay: 2, reloadsMost: 2 },
  ])(
    'spends no more than the limit, reloads at most $maxPerDay times, and is told of once',
    async ({ maxPerDay, reloadsMost }) => {
      await victim.set({ threshold: usd('5'), target: usd('11'), maxPerDay });
      const first = await attack(1, '1 second');
      expect(first).toEqual({ 200: expect.any(Number) });
      expect(told).toMatchObject([
        { kind: 'key_spend_anomaly', facts: { api_key_id: key.id, paused: false } },
      ]);
      await attack(10, '1 second');
      // Four hours, compressed: the rest of the story is refusals.
      const later = await attack(12, '20 minutes');
      expect(later[200] ?? 0).toBeLessThan(12 * PER_SECOND);
      expect((await spent()) <= usd('25')).toBe(true);
      if (maxPerDay === 24) {
        // Nothing but the limit ended it, within one request of it.
        const last = await ask({ url, key: key.key }, { body, headers });
        expect(last.body.toString()).toContain('You have reached your specified API usage limits');
        expect((await spent()) > usd('24.9')).toBe(true);
      }
      const charges = await victim.charged();
      expect(charges.length).toBeLessThanOrEqual(reloadsMost);
      expect(charges.length).toBeGreaterThan(0);
      expect(told.map(({ kind }) => kind)).toEqual(['key_spend_anomaly']);
      expect(await status()).toBe('active');
    },
  );

  test('that is paused by policy has spent what one look apart allows, far below the limit', async () => {
    const { organizationId } = victim.payer;
    await reloads.world.db.pool.transaction((tx) =>
      setWatchPolicy(tx, { organizationId, action: 'pause', by: 'user_ada', requestId: null }),
    );
    await victim.set({ threshold: usd('5'), target: usd('11'), maxPerDay: 24 });
    const first = await attack(1, '1 second');
    expect(first[200]).toBe(PER_SECOND);
    expect(await status()).toBe('paused');
    const before = await spent();
    expect(before).toBe(nanos(BigInt(PER_SECOND * CENTS_EACH) * 10_000_000n));
    const after = await attack(5, '10 minutes');
    expect(after[200] ?? 0).toBe(0);
    expect(await spent()).toBe(before);
    expect(told.map(({ kind }) => kind)).toEqual(['key_paused']);
    const refused = await ask({ url, key: key.key }, { body, headers });
    expect(refused.status).toBe(403);
    expect(refused.headers['x-should-retry']).toBe('false');
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error: {
        type: 'permission_error',
        message: expect.stringContaining('paused because it spent unusually fast'),
        details: {
          error_code: 'api_key_paused',
          keys_url: 'http://127.0.0.1:4000/settings/keys',
        },
      },
    });
  });
});
