import { afterAll, beforeAll, expect, test } from 'vitest';
import { renewLeases } from '#charging/sql';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer } from '#test/ledger-world';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

const UNDER_WAY = 20_000;

test('H4: the leases of thousands of requests under way are renewed within a statement', async () => {
  const [one, other] = [await makePayer(db.pool), await makePayer(db.pool)];
  const ids = Array.from({ length: UNDER_WAY }, (_, index) => `req_${index}`);
  const orgs = ids.map((_, index) => (index % 10 === 0 ? other : one).organizationId);
  await db.ownerPool.query({
    text: `INSERT INTO ledger.holds
             (organization_id, id, api_key_id, amount_nanos, placed_at, lease_expires_at)
           SELECT org, id, 'key', 1, now(), now() + interval '1 minute'
             FROM unnest($1::text[], $2::text[]) AS u (org, id)`,
    values: [orgs, ids],
  });
  // A statement that looks through all ids for each hold does not end before its time-out.
  const [row] = await db.pool.query<{ renew_leases: number }>(renewLeases(orgs, ids, 3_600_000));
  expect(row?.renew_leases).toBe(UNDER_WAY);
  const [left] = await db.pool.query<{ count: bigint }>({
    text: `SELECT count(*) FROM ledger.holds WHERE lease_expires_at < now() + interval '30 minutes'`,
  });
  expect(left?.count).toBe(0n);
});
