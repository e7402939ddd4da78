import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pool } from '#db/pool';
import { verifyLedger } from '#ledger/reconcile';
import { sealLedger } from '#ledger/seals';
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

const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

async function spend(payer: Payer, times: number): Promise<void> {
  for (let request = 0; request < times; request++) {
    const { id } = await hold(node.charging, payer, usd('0.2'));
    await settle(node.charging, payer, id, usd('0.1'));
  }
}

/** Blocks of so many transactions, as a night of a busy organization makes many. */
async function sealInBlocksOf(pool: Pool, payer: Payer, size: number): Promise<number> {
  for (let blocks = 0; ; blocks++) {
    const [row] = await pool.query<{ sealed: bigint | null }>({
      text: 'SELECT ledger.seal_block($1, $2) AS sealed',
      values: [payer.organizationId, size],
    });
    if (row?.sealed === null) return blocks;
  }
}

const failedIn = async (pool: Pool): Promise<string[]> =>
  (await verifyLedger(pool, { lanes: 2 })).checks
    .filter((check) => !check.ok)
    .map((check) => check.name)
    .sort();

test('nobody changes, removes or makes up a seal; the application may only ask for one', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await sealLedger(db.pool);
  for (const pool of [db.pool, db.ownerPool]) {
    for (const text of [
      'UPDATE ledger.seals SET entries = 1',
      'DELETE FROM ledger.seals',
      'TRUNCATE ledger.seals',
    ]) {
      expect(await refusal(pool.query({ text }))).toMatch(/permission denied|never changed/);
    }
  }
  const own = `INSERT INTO ledger.seals SELECT organization_id, 99, 99, 0, 0, hash, hash, '{}', sealed_at
                 FROM ledger.seals`;
  expect(await refusal(db.pool.query({ text: own }))).toMatch(/permission denied/);
  const past = db.pool.query({ text: 'DELETE FROM ledger.verifications' });
  expect(await refusal(past)).toMatch(/permission denied/);
});

test('the hash of a block does not depend on the settings of whoever computes it', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'), { source: 'zażółć' });
  const bytes = (settings: string) =>
    db.pool.transaction(async (tx) => {
      await tx.query({ text: settings });
      return await tx.query({
        text: `SELECT encode(ledger.entry_bytes(transaction_no, line, from_account, to_account,
                 reason, amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at,
                 recorded_at), 'hex') AS bytes
                 FROM ledger.entries WHERE organization_id = $1 ORDER BY line`,
        values: [payer.organizationId],
      });
    });
  expect(
    await bytes(`SET LOCAL TimeZone = 'Asia/Kathmandu'; SET LOCAL DateStyle = 'German';
                 SET LOCAL IntervalStyle = 'sql_standard'; SET LOCAL extra_float_digits = -3;
                 SET LOCAL bytea_output = 'escape'`),
  ).toEqual(await bytes(`SET LOCAL TimeZone = 'UTC'`));
});

test('sealing beside traffic and beside itself seals every transaction once, whole', async () => {
  const payers = await Promise.all(Array.from({ length: 3 }, () => makePayer(db.pool)));
  await Promise.all(payers.map((payer) => give(db.pool, payer, usd('9'))));
  let busy = true;
  const traffic = Promise.all(
    payers.flatMap((payer) => [spend(payer, 12), spend(payer, 12), spend(payer, 12)]),
  ).then(() => {
    busy = false;
  });
  const sealer = async (): Promise<void> => {
    while (busy) for (const payer of payers) await sealInBlocksOf(db.pool, payer, 3);
  };
  await Promise.all([traffic, sealer(), sealer()]);
  await sealLedger(db.pool);
  const rows = await db.pool.query<{ entries: bigint; last: bigint; total: bigint }>({
    text: `SELECT sum(s.entries)::bigint AS entries, max(s.to_transaction) AS last,
                  max(s.entries_total) AS total
             FROM ledger.seals s WHERE organization_id = ANY ($1) GROUP BY organization_id`,
    values: [payers.map((payer) => payer.organizationId)],
  });
  expect(rows).toEqual(payers.map(() => ({ entries: 38n, last: 37n, total: 38n })));
  expect(await failedIn(db.pool)).toEqual([]);
});

test('incremental starts from the last seal: it finds what is new, full finds what is old', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  await spend(payer, 5);
  await sealLedger(db.pool);
  await spend(payer, 5);
  const broken = async (mode: 'incremental' | 'full') =>
    (await verifyLedger(db.pool, { mode })).checks.flatMap((check) => check.violations);
  const change = async (by: string, transaction: number) => {
    await db.ownerPool.query({ text: 'ALTER TABLE ledger.entries DISABLE TRIGGER USER' });
    await db.ownerPool.query({
      text: `UPDATE ledger.entries SET from_balance_nanos = from_balance_nanos ${by}
              WHERE organization_id = $1 AND transaction_no = $2`,
      values: [payer.organizationId, transaction],
    });
  };
  await change('+ 1', 9);
  const named = [expect.stringMatching(/at transaction 9 line 1 says \d+, replay says \d+$/)];
  expect([await broken('incremental'), await broken('full')]).toEqual([named, named]);
  await change('- 1', 9);
  await change('+ 1', 3);
  expect(await broken('incremental')).toEqual([]);
  expect((await broken('full')).join()).toMatch(/at transaction 3 line 1/);
  await change('- 1', 3);
});

describe('in a chain of blocks', () => {
  const change = 'UPDATE ledger.entries SET';
  const where = 'WHERE organization_id = $1 AND transaction_no';
  test.each([
    [
      'a balance inside a steady run',
      `${change} from_balance_nanos = from_balance_nanos + 1 ${where} = 8`,
      ['hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'two amounts of a steady run exchanged for others of the same sum',
      `${change} amount_nanos = amount_nanos + CASE transaction_no WHEN 8 THEN 1 ELSE -1 END
        ${where} IN (8, 9)`,
      ['charges_are_entries', 'hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'two transactions of a steady run in each other’s place',
      `${change} from_balance_nanos = (SELECT from_balance_nanos FROM ledger.entries o WHERE o.organization_id = $1
          AND o.transaction_no = 17 - entries.transaction_no) ${where} IN (8, 9)`,
      ['hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'a balance no grant can have',
      `${change} from_balance_nanos = 9223372036854775807 ${where} = 8`,
      ['hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'the reference of a steady run',
      `${change} reference = 'req_other' ${where} = 8`,
      ['charges_are_entries', 'hash_chain_is_intact'],
    ],
    [
      'the reason of a steady run',
      `${change} reason = 'credit.expire' ${where} = 8`,
      ['charges_are_entries', 'every_flow_is_permitted', 'hash_chain_is_intact'],
    ],
    [
      'a seal removed from the middle',
      'DELETE FROM ledger.seals WHERE organization_id = $1 AND from_transaction = 5',
      ['hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'the first seal removed',
      'DELETE FROM ledger.seals WHERE organization_id = $1 AND from_transaction = 1',
      ['hash_chain_is_intact', 'running_balances_replay'],
    ],
    [
      'a seal made to fit a changed entry, without those after it',
      `WITH forged AS (UPDATE ledger.entries SET happened_at = happened_at - interval '1 day'
                        ${where} BETWEEN 5 AND 8 RETURNING *)
       UPDATE ledger.seals SET hash = ledger.seal_hash(previous_hash, $1, 5, 8,
           (SELECT string_agg(ledger.entry_bytes(transaction_no, line, from_account, to_account,
              reason, amount_nanos, from_balance_nanos, to_balance_nanos, reference, happened_at,
              recorded_at), '' ORDER BY transaction_no, line) FROM forged))
        WHERE organization_id = $1 AND from_transaction = 5`,
      ['hash_chain_is_intact'],
    ],
  ])('%s is found', async (_, text, found) => {
    const own = await testDatabase();
    const lane = chargingOn(own.url);
    try {
      const payer = await makePayer(own.pool);
      await give(own.pool, payer, usd('9'));
      for (let request = 0; request < 18; request++) {
        const { id } = await hold(lane.charging, payer, usd('0.2'));
        await settle(lane.charging, payer, id, usd('0.1'));
      }
      expect(await sealInBlocksOf(own.pool, payer, 4)).toBe(5);
      expect(await failedIn(own.pool)).toEqual([]);
      await own.ownerPool.query({ text: 'ALTER TABLE ledger.entries DISABLE TRIGGER USER' });
      await own.ownerPool.query({ text: 'ALTER TABLE ledger.seals DISABLE TRIGGER USER' });
      await own.ownerPool.query({ text, values: [payer.organizationId] });
      expect(await failedIn(own.pool)).toEqual(found);
    } finally {
      await lane.close();
      await own.drop();
    }
  });
});
