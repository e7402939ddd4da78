import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { newId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

const MIGRATION = new URL(
  '../../migrations/0020-every-lapse-leaves-the-limits.sql',
  import.meta.url,
);

/** Another key, in another workspace of the same organization. */
async function elsewhere({ organizationId }: Payer): Promise<Payer> {
  const workspaceId = newId('workspace', systemEntropy);
  const apiKeyId = newId('apiKey', systemEntropy);
  await db.ownerPool.query({
    text: `WITH w AS (INSERT INTO orgs.workspaces (organization_id, id, name)
             VALUES ($1, $2, 'Other'))
           INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
           VALUES ($1, $3, $2, 'workspace', 'other', 'test')`,
    values: [organizationId, workspaceId, apiKeyId],
  });
  return { organizationId, workspaceId, apiKeyId };
}

test('the upgrade sets what limits count as held to what open holds promise, by month', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId, workspaceId, apiKeyId } = payer;
  await give(db.pool, payer, usd('20'));
  const limits = [
    ['organization', organizationId],
    ['workspace', workspaceId],
    ['api_key', apiKeyId],
  ] as const;
  for (const [level, subjectId] of limits) {
    const action = 'notify_and_pause';
    const change = { organizationId, level, subjectId, amount: usd('50'), action } as const;
    await setSpendLimit(db.pool, { ...change, setBy: 'test' });
  }
  const [old, paid] = [
    await hold(node.charging, payer, usd('2')),
    await hold(node.charging, payer, usd('3')),
    await hold(node.charging, payer, usd('4')),
  ];
  await settle(node.charging, payer, paid.id, usd('1'));
  await hold(node.charging, await elsewhere(payer), usd('5'));
  await db.ownerPool.query({
    text: `UPDATE ledger.holds SET placed_at = placed_at - interval '1 month' WHERE id = $1`,
    values: [old.id],
  });
  await db.ownerPool.query({
    text: 'UPDATE orgs.spend_limits SET held_nanos = held_nanos + 7, last_held_nanos = 9',
  });
  const text = readFileSync(MIGRATION, 'utf8');
  await db.ownerPool.query({ text: text.slice(text.indexOf('DO $$')) });
  const counted = await db.pool.query({
    text: 'SELECT level, held_nanos, last_held_nanos FROM orgs.spend_limits ORDER BY level',
  });
  const sums = { held_nanos: usd('4'), last_held_nanos: usd('2') };
  expect(counted).toEqual([
    { level: 'api_key', ...sums },
    { level: 'organization', ...sums, held_nanos: usd('9') },
    { level: 'workspace', ...sums },
  ]);
  const wrong = await db.pool.query({
    text: 'SELECT FROM charging.spend_recount WHERE held_nanos <> recounted_held',
  });
  expect(wrong).toEqual([]);
});
