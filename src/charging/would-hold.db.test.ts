import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { readBalance } from '#ledger/balance';
import { revokeApiKey } from '#orgs/api-keys';
import { setOrganizationStatus } from '#orgs/organizations';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, newRequest, type Payer, usd } from '#test/ledger-world';
import { wouldHold } from './would-hold.ts';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
});

const asked = (amount: string) =>
  wouldHold(db.pool, { ...payer, requestId: newRequest(), amount: usd(amount) });
/** What a hold is told, after what it would have been told: they must be one answer. */
async function agreed(amount: string) {
  const { asOf: _, ...would } = { asOf: undefined, ...(await asked(amount)) };
  const {
    asOf: __,
    id: ___,
    ...did
  } = {
    asOf: undefined,
    ...(await hold(node.charging, payer, usd(amount))),
  };
  expect(would).toEqual(did);
  return would;
}

/** All that a hold writes, in every table of the money path. */
async function everything() {
  const { organizationId: id } = payer;
  const tables = ['ledger.books', 'ledger.holds', 'ledger.entries', 'ledger.grants'];
  const all = [...tables, 'orgs.spend_limits', 'metering.requests'];
  return await Promise.all(
    all.map((table) =>
      db.ownerPool.query({
        text: `SELECT t.*, t.xmin::text FROM ${table} AS t WHERE organization_id = $1`,
        values: [id],
      }),
    ),
  );
}

test('a question leaves nothing: no hold, no counter, no number, not even a rewritten row', async () => {
  await give(db.pool, payer, usd('5'));
  const { organizationId } = payer;
  await setSpendLimit(db.pool, {
    ...{ organizationId, level: 'organization', subjectId: organizationId },
    ...{ amount: usd('100'), action: 'notify_and_pause', setBy: 'test' },
  });
  await hold(node.charging, payer, usd('1'));
  const before = await everything();
  expect(await asked('2')).toMatchObject({ outcome: 'held', available: usd('2') });
  expect(await asked('50')).toMatchObject({ outcome: 'insufficient_credit' });
  expect(await everything()).toEqual(before);
  expect(await readBalance(db.pool, organizationId)).toMatchObject({ available: usd('4') });
});

test('what is there is promised, what is not is refused with both amounts, as to a hold', async () => {
  await give(db.pool, payer, usd('5'));
  expect(await agreed('5.000000001')).toMatchObject({
    outcome: 'insufficient_credit',
    available: usd('5'),
    required: usd('5.000000001'),
  });
  expect(await agreed('5')).toMatchObject({ outcome: 'held', available: 0n });
});

test('the answer says which prices are in force and when it was, as that to a hold', async () => {
  await give(db.pool, payer, usd('5'));
  const would = await asked('1');
  const did = await hold(node.charging, payer, usd('1'));
  if (would.outcome !== 'held' || did.outcome !== 'held') throw new Error('refused');
  expect(would.asOf.epoch).toBe(did.asOf.epoch);
  expect(did.asOf.now.getTime()).toBeGreaterThanOrEqual(would.asOf.now.getTime());
});

test('a limit that would be passed refuses, and its counter is what it was', async () => {
  await give(db.pool, payer, usd('100'));
  const { organizationId, workspaceId } = payer;
  await setSpendLimit(db.pool, {
    ...{ organizationId, level: 'workspace', subjectId: workspaceId },
    ...{ amount: usd('10'), action: 'notify_and_pause', setBy: 'test' },
  });
  for (let times = 0; times < 3; times++) expect((await asked('8')).outcome).toBe('held');
  expect(await agreed('10.5')).toMatchObject({ outcome: 'limit_reached', level: 'workspace' });
  expect(await agreed('10')).toMatchObject({ outcome: 'held' });
});

test('a revoked key and a suspended organization are told what a hold is told', async () => {
  await give(db.pool, payer, usd('5'));
  const { organizationId, apiKeyId: id } = payer;
  await db.pool.transaction((tx) => setOrganizationStatus(tx, organizationId, 'suspended'));
  expect(await agreed('1')).toEqual({ outcome: 'organization_suspended' });
  await db.pool.transaction((tx) => setOrganizationStatus(tx, organizationId, 'active'));
  await revokeApiKey(db.pool, { organizationId, id });
  expect(await agreed('1')).toEqual({ outcome: 'key_revoked' });
});

test('who owes after a lost dispute is told so', async () => {
  await give(db.pool, payer, usd('5'));
  await db.ownerPool.query({
    text: `UPDATE ledger.books SET customer_debt_nanos = -1 WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  expect((await agreed('1')).outcome).toBe('in_debt');
});

test('many questions and holds at once promise no more than there is', async () => {
  await give(db.pool, payer, usd('5'));
  const both = Array.from({ length: 30 }, (_, index) =>
    index % 2 === 0 ? asked('1') : hold(node.charging, payer, usd('1')),
  );
  const answers = await Promise.all(both);
  const held = answers.filter((answer, index) => index % 2 === 1 && answer.outcome === 'held');
  expect(held).toHaveLength(5);
  expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ held: usd('5') });
});
