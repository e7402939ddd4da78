import { afterAll, beforeAll, expect, test } from 'vitest';
import { ruleOf } from '#rate-limits/bucket';
import { readInUse } from '#rate-limits/in-use';
import { databaseBuckets } from '#rate-limits/store';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

const organizationId = 'org_in_use';
// Refilled so slowly that a busy machine does not give a unit back while this runs.
const slow = ruleOf(1);
const rule = { ...slow, capacity: 100 };

test('what was taken is in use, of nothing else and of nobody else', async () => {
  const store = databaseBuckets(db.pool, 'node');
  const bucket = { organizationId, pool: 'opus-5', kind: 'requests' } as const;
  const ofWorkspace = { ...bucket, pool: 'opus-5@wrkspc_1' };
  await store.exchange([
    { bucket, rule, back: 0, want: 30 },
    { bucket: ofWorkspace, rule, back: 0, want: 90 },
  ]);
  const { used } = await readInUse(db.pool, organizationId);
  expect(used('opus-5', 'requests', rule)).toBe(30);
  expect(used('opus-5', 'input_tokens', rule)).toBe(0);
  expect(used('opus-5@wrkspc_1', 'requests', rule)).toBe(0);
  expect((await readInUse(db.pool, 'org_other')).used('opus-5', 'requests', rule)).toBe(0);
});

test('what has been refilled is in use no more', async () => {
  await db.ownerPool.query({
    text: `UPDATE rate_limits.buckets SET filled_at = filled_at - interval '1 hour'`,
  });
  const { used } = await readInUse(db.pool, organizationId);
  expect(used('opus-5', 'requests', { perMinute: 10, capacity: 100 })).toBe(0);
});
