import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Statement } from '#db/pool';
import { balanceAsOf } from '#ledger/as-of-sql';
import { sealLedger } from '#ledger/seals';
import { exportStart, movesBetween, statementLines } from '#ledger/statement-sql';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, type Payer, usd } from '#test/ledger-world';

const ENTRIES = 4_000;

let db: TestDatabase;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('900'));
  await db.ownerPool.query({
    text: `SELECT ledger.post($1, 'r' || n, '{usage.settle}', ARRAY[(
               SELECT 'grant:' || id FROM ledger.grants WHERE organization_id = $1)],
             '{revenue}', ARRAY[n::bigint], bursar.now(), bursar.now())
             FROM generate_series(1, ${ENTRIES}) AS n`,
    values: [payer.organizationId],
  });
  await db.ownerPool.query({ text: 'ANALYZE' });
});
afterAll(() => db.drop());

interface Plan {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const entriesRead = (plan: Plan): number =>
  (plan['Relation Name'] === 'entries'
    ? (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
    : 0) + (plan.Plans ?? []).reduce((read, child) => read + entriesRead(child), 0);

async function readBy({ text, values = [] }: Statement): Promise<number> {
  const [row] = await db.ownerPool.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>({
    text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    values,
  });
  const [top] = row?.['QUERY PLAN'] ?? [];
  if (top === undefined) throw new Error('no plan');
  return entriesRead(top.Plan);
}

test('a page of an export reads its own entries and no others', async () => {
  const { organizationId } = payer;
  expect(await readBy(movesBetween(organizationId, 1_000n, 2_000n))).toBe(1_000);
});

test('a page of a statement and a balance of the past start at the seal', async () => {
  const { organizationId } = payer;
  await sealLedger(db.pool);
  const far = new Date('2999-01-01T00:00:00Z');
  for (const before of [undefined, `${ENTRIES}.1`]) {
    expect(await readBy(statementLines(organizationId, 20, before, {}))).toBeLessThan(100);
  }
  expect(await readBy(balanceAsOf(organizationId, far, 'effective'))).toBe(0);
  const [start] = await db.pool.query(exportStart(organizationId, far));
  expect(start).toMatchObject({ after: BigInt(ENTRIES) + 1n });
});
