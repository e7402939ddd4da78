import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pool } from '#db/pool';
import { screenBlocks } from '#ledger/blocks-sql';
import { type Verification, verifyLedger } from '#ledger/reconcile';
import { sealLedger } from '#ledger/seals';
import { blockSpan } from '#ledger/spans-sql';
import { holdsByOrganization } from '#ledger/weights-sql';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

const NOWHERE = { organization: '', to: 0n };

let db: TestDatabase;
let payer: Payer;
beforeEach(async () => {
  db = await testDatabase();
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  // What follows is a block of its own: nothing but settlements of one grant.
  await sealLedger(db.pool);
  const node = chargingOn(db.url);
  for (let request = 0; request < 4; request++) {
    const { id } = await hold(node.charging, payer, usd('1'));
    await settle(node.charging, payer, id, usd('0.4'));
  }
  await node.close();
});
afterEach(() => db.drop());

async function plant(pool: Pool, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    await pool.query({ text: text.replaceAll(':org', `'${payer.organizationId}'`) });
  }
}

const failed = (result: Verification): string[] =>
  result.checks.filter((check) => !check.ok).map((check) => check.name);

test('a run of settlements with a balance that does not follow is found, though so sealed', async () => {
  await plant(
    db.ownerPool,
    'ALTER TABLE ledger.entries DISABLE TRIGGER USER',
    `UPDATE ledger.entries SET from_balance_nanos = from_balance_nanos - 1
      WHERE organization_id = :org AND transaction_no = 3`,
    'ALTER TABLE ledger.entries ENABLE TRIGGER USER',
  );
  await sealLedger(db.pool);
  const result = await verifyLedger(db.pool, { mode: 'full' });
  expect(failed(result)).toEqual(['running_balances_replay']);
});

test('a run of settlements in order is in order', async () => {
  await sealLedger(db.pool);
  expect(failed(await verifyLedger(db.pool, { mode: 'full' }))).toEqual([]);
});

test('what is in order is read once and joined with nothing', async () => {
  const node = chargingOn(db.url);
  await give(db.pool, payer, usd('2'));
  for (const cost of ['3', '1.5']) {
    const { id } = await hold(node.charging, payer, usd(cost));
    await settle(node.charging, payer, id, usd(cost));
  }
  const lost = await hold(node.charging, payer, usd('0.1'));
  await voidHold(node.charging, payer, lost.id, usd('0.1'));
  await node.close();
  await sealLedger(db.pool);
  const asked: string[] = [];
  const ear: Pool = {
    ...db.pool,
    transaction: (work) =>
      db.pool.transaction((tx) =>
        work({
          query: (statement) => {
            asked.push(statement.text);
            return tx.query(statement);
          },
        }),
      ),
  };
  expect(failed(await verifyLedger(ear, { mode: 'full' }))).toEqual([]);
  const again = blockSpan(NOWHERE).text;
  expect(asked.filter((text) => text.includes(again))).toEqual([]);
  expect(asked.filter((text) => text === screenBlocks(0n, NOWHERE, NOWHERE).text)).toHaveLength(1);
  expect(asked).not.toContain(holdsByOrganization(0n).text);
});

test.each(['incremental', 'full'] as const)(
  'a grant that stores more than its entries give is found (%s)',
  async (mode) => {
    await sealLedger(db.pool);
    await plant(
      db.ownerPool,
      'UPDATE ledger.grants SET remaining_nanos = remaining_nanos + 1 WHERE organization_id = :org',
      'UPDATE ledger.books SET live_nanos = live_nanos + 1 WHERE organization_id = :org',
    );
    const result = await verifyLedger(db.pool, { mode });
    expect(failed(result)).toEqual(['stored_balances_replay']);
  },
);
