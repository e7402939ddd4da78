import { afterAll, beforeAll, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { newId, parseId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  settle,
  usd,
} from '#test/ledger-world';

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

async function limited(credit: string): Promise<Payer> {
  const payer = await makePayer(db.pool);
  if (credit !== '0') await give(db.pool, payer, usd(credit));
  const { organizationId } = payer;
  await setSpendLimit(db.pool, {
    ...{ organizationId, level: 'organization', subjectId: organizationId, amount: usd('50') },
    ...{ action: 'notify_and_pause', setBy: 'test' },
  });
  return payer;
}

const counted = async ({ organizationId }: Payer) =>
  (
    await db.pool.query<{ held: bigint; charged: bigint }>({
      text: `SELECT held_nanos AS held, charged_nanos AS charged FROM orgs.spend_limits
              WHERE organization_id = $1`,
      values: [organizationId],
    })
  )[0];

const sound = async () => (await verifyLedger(db.pool, { mode: 'full' })).ok;

test('of a batch, whoever cannot pay is refused, and nothing of it is held or counted', async () => {
  const [rich, poor, new_] = [await limited('10'), await limited('1'), await limited('0')];
  const payers = [poor, rich, new_, rich, poor];
  const outcomes = await Promise.all(payers.map((p) => hold(node.charging, p, usd('2'))));
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    ...['insufficient_credit', 'held', 'insufficient_credit', 'held', 'insufficient_credit'],
  ]);
  expect(await counted(rich)).toEqual({ held: usd('4'), charged: 0n });
  expect(await counted(poor)).toEqual({ held: 0n, charged: 0n });
  expect(await counted(new_)).toEqual({ held: 0n, charged: 0n });
  expect(await sound()).toBe(true);
});

test('a settlement told twice in one batch is counted once in the limits', async () => {
  const [payer, other] = [await limited('10'), await limited('10')];
  const [mine, theirs] = await Promise.all([
    hold(node.charging, payer, usd('2')),
    hold(node.charging, other, usd('3')),
  ]);
  const outcomes = await Promise.all([
    settle(node.charging, payer, mine.id, usd('1')),
    settle(node.charging, other, theirs.id, usd('3')),
    settle(node.charging, payer, mine.id, usd('1')),
  ]);
  expect(outcomes).toMatchObject([
    { outcome: 'settled', charged: usd('1') },
    { outcome: 'settled', charged: usd('3') },
    { outcome: 'already_resolved', charged: usd('1') },
  ]);
  expect(await counted(payer)).toEqual({ held: 0n, charged: usd('1') });
  expect(await counted(other)).toEqual({ held: 0n, charged: usd('3') });
  expect(await sound()).toBe(true);
});

test('a hold asked for again beside new ones is the same hold', async () => {
  const payer = await limited('10');
  const id = newRequest();
  await hold(node.charging, payer, usd('2'), id);
  const outcomes = await Promise.all([
    hold(node.charging, payer, usd('1')),
    hold(node.charging, payer, usd('2'), id),
  ]);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(['held', 'held']);
  expect(await counted(payer)).toEqual({ held: usd('3'), charged: 0n });
});

test('of many settlements each entry says the balance after it, and numbers have no gap', async () => {
  const payer = await limited('10');
  const held = await Promise.all(
    Array.from({ length: 6 }, () => hold(node.charging, payer, usd('1'))),
  );
  const costs = [1n, 0n, 2n, 3n, 0n, 4n].map(nanos);
  await Promise.all(
    held.map(({ id }, i) => settle(node.charging, payer, id, costs[i] ?? nanos(0n))),
  );
  const entries = await db.pool.query<{ no: bigint; amount: bigint; rest: bigint }>({
    text: `SELECT transaction_no AS no, amount_nanos AS amount, from_balance_nanos AS rest
             FROM ledger.entries WHERE organization_id = $1 AND reason = 'usage.settle'
            ORDER BY transaction_no`,
    values: [payer.organizationId],
  });
  const first = entries[0]?.no ?? 0n;
  const ten = usd('10');
  expect(entries).toEqual([
    { no: first, amount: 1n, rest: ten - 1n },
    { no: first + 1n, amount: 2n, rest: ten - 3n },
    { no: first + 2n, amount: 3n, rest: ten - 6n },
    { no: first + 3n, amount: 4n, rest: ten - 10n },
  ]);
  expect(await sound()).toBe(true);
});

test('a book is that of its organization, in whatever order the database sorts ids', async () => {
  const own = await testDatabase();
  const charging = chargingOn(own.url);
  try {
    // As in a database made with the language of a people and not with that of bytes.
    await own.ownerPool.query({
      text: `ALTER TABLE ledger.books
               ALTER COLUMN organization_id TYPE text COLLATE "en-x-icu"`,
    });
    const named = async (id: string, credit: string): Promise<Payer> => {
      const organizationId = parseId('organization', id);
      if (organizationId === undefined) throw new Error(`not an id: ${id}`);
      const key: Payer = {
        organizationId,
        workspaceId: newId('workspace', systemEntropy),
        apiKeyId: newId('apiKey', systemEntropy),
      };
      await own.pool.query({
        text: `WITH o AS (INSERT INTO orgs.organizations (id, name) VALUES ($1, 'Test')),
                 w AS (INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
                   VALUES ($1, $2, 'Default', true)),
                 k AS (INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
                   VALUES ($1, $3, $2, 'workspace', 'test', 'test'))
               INSERT INTO ledger.books (organization_id) VALUES ($1)`,
        values: [id, key.workspaceId, key.apiKeyId],
      });
      await give(own.pool, key, usd(credit));
      return key;
    };
    const rich = await named('org_Zebra', '10');
    const poor = await named('org_ant', '1');
    const outcomes = await Promise.all([
      hold(charging.charging, rich, usd('5')),
      hold(charging.charging, poor, usd('5')),
    ]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['held', 'insufficient_credit']);
    expect((await verifyLedger(own.pool, { mode: 'full' })).ok).toBe(true);
  } finally {
    await charging.close();
    await own.drop();
  }
});

test('settlements of several organizations in one batch are counted, each in its own limit', async () => {
  const payers = await Promise.all([limited('10'), limited('10'), limited('10'), limited('10')]);
  const held = await Promise.all(payers.map((payer) => hold(node.charging, payer, usd('2'))));
  // The first may go alone; those that come while it is under way go together.
  const settled = await Promise.all(
    payers.map((payer, i) => settle(node.charging, payer, held[i]?.id ?? newRequest(), usd('1'))),
  );
  expect(settled.map(({ outcome }) => outcome)).toEqual(Array(4).fill('settled'));
  for (const payer of payers) {
    expect(await counted(payer)).toEqual({ held: 0n, charged: usd('1') });
  }
  expect(await sound()).toBe(true);
});
