import { afterAll, beforeAll, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import type { OrganizationId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { createApiKey } from '#orgs/api-keys';
import { setOrganizationTier } from '#orgs/organizations';
import { listWorkspaces } from '#orgs/workspaces';
import { databaseBuckets } from '#rate-limits/store';
import { systemEntropy } from '#src/system';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { createKeyResponse, errorBody, limitsResponse } from './contract.ts';

let world: ConsoleWorld;
let of: OrganizationId;
let admin: Browser;
beforeAll(async () => {
  world = await consoleWorld();
  of = await world.organization('Acme');
  admin = await world.person('ada@example.com', { of, role: 'admin' });
});
afterAll(() => world.close());

const limits = async (person = admin) =>
  limitsResponse.parse((await person.get('/api/limits')).body);
const set = (subject: object, amount_usd: string | null, action = 'notify_and_pause') =>
  admin.post('/api/limits', { ...subject, amount_usd, action });

test('nothing is limited at first, and what can be is named', async () => {
  const { spending, rates, hold_policy } = await limits();
  expect(spending.limits).toEqual([]);
  expect(spending.unlimited.map(({ level, subject }) => [level, subject])).toEqual([
    ['organization', 'Acme'],
    ['workspace', 'Default'],
  ]);
  expect(spending.resets_at).toMatch(/^\d{4}-\d\d-01T00:00:00\.000Z$/);
  expect([rates, hold_policy]).toEqual([{ tier: null, limits: [] }, 'auto']);
});

test('an admin sets, changes and removes a limit; it says who did and when', async () => {
  const subject = { level: 'organization', subject_id: of };
  expect((await set(subject, '25.50')).body).toEqual({ ok: true });
  const [limit] = (await limits()).spending.limits;
  expect(limit).toMatchObject({
    ...{ ...subject, subject: 'Acme', amount_usd: '25.5', action: 'notify_and_pause' },
    ...{ charged_usd: '0', held_usd: '0', reached_at: null, set_by: 'ada@example.com' },
  });
  await set(subject, '0', 'notify_only');
  const [changed] = (await limits()).spending.limits;
  expect(changed).toMatchObject({ amount_usd: '0', action: 'notify_only' });
  await set(subject, null);
  const { spending } = await limits();
  expect(spending.limits).toEqual([]);
  const ada = { ...subject, subject: 'Acme', set_by: 'ada@example.com', set_by_kind: 'member' };
  expect(spending.changes).toMatchObject([
    { ...ada, before_usd: '0', amount_usd: null, action: null },
    { ...ada, before_usd: '25.5', amount_usd: '0', action: 'notify_only' },
    { ...ada, before_usd: null, amount_usd: '25.5', action: 'notify_and_pause' },
  ]);
  const trail = await world.payments.db.pool.query({
    text: `SELECT reason FROM identity.audit_events
            WHERE organization_id = $1 AND action = 'spend_limit.set' ORDER BY id`,
    values: [of],
  });
  expect(trail).toEqual([
    { reason: '$25.5 notify_and_pause' },
    { reason: '$0 notify_only' },
    { reason: 'none' },
  ]);
});

test('limits of a key keep its name when it is revoked; admin keys are no subject', async () => {
  const made = createKeyResponse.parse((await admin.post('/api/keys', { name: 'ci' })).body);
  await set({ level: 'api_key', subject_id: made.id }, '1');
  await admin.post(`/api/keys/${made.id}/revoke`);
  const { spending } = await limits();
  expect(spending.limits).toMatchObject([{ level: 'api_key', subject: 'ci' }]);
  expect(spending.unlimited.map(({ subject_id }) => subject_id)).not.toContain(made.id);
});

test('programs and the operator are told apart from people; counting is no change', async () => {
  const { pool } = world.payments.db;
  const elsewhere = await world.organization('Elsewhere');
  const person = await world.person('bob@example.com', { of: elsewhere, role: 'admin' });
  const [workspace] = await listWorkspaces(pool, elsewhere);
  const made = await pool.transaction((tx) =>
    createApiKey(
      tx,
      { entropy: systemEntropy, pepper: Buffer.from('no matter which') },
      {
        ...{ organizationId: elsewhere, workspaceId: workspace?.id ?? '', createdBy: null },
        ...{ name: 'terraform', kind: 'admin' },
      },
    ),
  );
  const change = {
    organizationId: elsewhere,
    level: 'organization',
    subjectId: elsewhere,
  } as const;
  const rest = { amount: nanos(1n), action: 'notify_only' } as const;
  for (const setBy of [made.id, 'operator', 'user_GONE']) {
    await setSpendLimit(pool, { ...change, ...rest, setBy });
  }
  await setSpendLimit(pool, { ...change, ...rest, level: 'tier', setBy: 'tier' });
  const { spending } = await limits(person);
  expect(spending.changes.map((one) => [one.set_by, one.set_by_kind, one.level])).toEqual([
    ['Tier', 'tier', 'tier'],
    ['Former member', 'member', 'organization'],
    ['Operator', 'operator', 'organization'],
    ['Admin key terraform', 'admin_key', 'organization'],
  ]);
  expect(spending.limits.map(({ set_by_kind }) => set_by_kind)).toEqual(['tier', 'member']);
  // A limit that was not there is not removed, and counting is no change.
  const lifted = { ...change, ...rest, level: 'tier', amount: null, setBy: 'tier' } as const;
  await setSpendLimit(pool, lifted);
  await setSpendLimit(pool, lifted);
  await pool.query({ text: 'UPDATE orgs.spend_limits SET charged_nanos = charged_nanos + 1' });
  expect((await limits(person)).spending.changes).toHaveLength(5);
});

test.each(['lots', '-1', '1e3', '', '0.0000000001'])('%j is no amount', async (amount) => {
  const refused = await set({ level: 'organization', subject_id: of }, amount);
  expect(refused.status).toBe(400);
  expect(errorBody.parse(refused.body).error.field).toBe('amount_usd');
});

test('T11: what is another organization’s cannot be limited, nor can a tier', async () => {
  const other = await world.organization('Other');
  for (const [level, subject_id] of [
    ['organization', other],
    ['workspace', 'wrkspc_NONE'],
    ['api_key', 'apikey_NONE'],
  ]) {
    expect((await set({ level, subject_id }, '1')).status).toBe(404);
  }
  expect((await set({ level: 'tier', subject_id: of }, '1')).status).toBe(400);
});

test('the cap of a tier stands above the limits of the customer, and is nobody’s to set', async () => {
  const { pool } = world.payments.db;
  await setSpendLimit(pool, {
    ...{ organizationId: of, level: 'tier', subjectId: of, setBy: 'tier' },
    ...{ amount: nanos(500_000_000_000n), action: 'notify_and_pause' },
  });
  const [first] = (await limits()).spending.limits;
  expect(first).toMatchObject({ level: 'tier', amount_usd: '500', set_by: 'Tier' });
});

test('a tier shows its rates by class of models, with what is used now', async () => {
  const { pool } = world.payments.db;
  await setOrganizationTier(pool, of, 'build');
  const bucket = { organizationId: of, pool: 'opus-5', kind: 'requests' } as const;
  const rule = { perMinute: 5_000, capacity: 5_000 };
  await databaseBuckets(pool, 'n').exchange([{ bucket, rule, back: 0, want: 5_000 }]);
  const { rates } = await limits();
  expect(rates.tier).toBe('build');
  const opus = rates.limits.find(({ id }) => id === 'opus-5');
  expect(opus).toMatchObject({
    ...{ name: 'Claude Opus 5', requests: { per_minute: 5_000 } },
    input_tokens: { per_minute: 5_000_000, used: 0 },
  });
  expect(opus?.requests.used).toBeGreaterThan(0);
  const counting = rates.limits.find(({ id }) => id === 'count_tokens');
  expect(counting).toMatchObject({ requests: { per_minute: 4_000 }, input_tokens: null });
  expect(rates.limits.map(({ id }) => id)).toContain('other');
});
