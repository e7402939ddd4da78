import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { type VerificationMode, verifyLedger } from '#ledger/reconcile';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
import { sealLedger } from '#ledger/seals';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

/** Four purchases of 10 with a tax of 2: refunded in part twice, and disputed three times. */
let db: TestDatabase;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const node = chargingOn(db.url);
  const buy = async () => (await give(db.pool, payer, usd('10'), { tax: usd('2') })).grantId;
  const refunded = await buy();
  const { id } = await hold(node.charging, payer, usd('3'));
  await settle(node.charging, payer, id, usd('2.5'));
  await node.close();
  for (const reference of ['re_paid', 're_back', 're_open', 're_late']) {
    const request = { organizationId, reference, grantId: refunded, amount: usd('1') };
    await db.pool.transaction((tx) => refundGrant(tx, request));
  }
  const told = (reference: string) => ({ organizationId, reference });
  await db.pool.transaction((tx) => refundPaid(tx, told('re_paid')));
  await db.pool.transaction((tx) => refundFailed(tx, told('re_back')));
  await db.pool.transaction((tx) => refundPaid(tx, told('re_late')));
  await db.pool.transaction((tx) => refundFailed(tx, told('re_late')));
  for (const reference of ['dp_lost', 'dp_won', 'dp_open']) {
    const grantId = await buy();
    await db.pool.transaction((tx) => freezeGrant(tx, { organizationId, reference, grantId }));
  }
  const claimed = usd('6');
  await db.pool.transaction((tx) => seizeFreeze(tx, { ...told('dp_lost'), claimed }));
  await db.pool.transaction((tx) => releaseFreeze(tx, told('dp_won')));
  await sealLedger(db.pool);
});
afterAll(() => db.drop());

interface Found {
  readonly name: string;
  readonly violations: readonly string[];
}

/** What is found while the text is so, as the owner of the server could make it; undone after. */
async function foundIn(text: string, mode: VerificationMode): Promise<Found[]> {
  const tables = ['ledger.freezes', 'ledger.refunds', 'ledger.grants'];
  const run = (each: string) =>
    db.ownerPool.query({ text: each.replaceAll(':org', `'${payer.organizationId}'`) });
  for (const [index, table] of tables.entries()) {
    await run(`CREATE TABLE kept_${index} AS SELECT * FROM ${table}`);
  }
  try {
    await run(text);
    const { checks } = await verifyLedger(db.pool, { mode });
    return checks
      .filter((check) => !check.ok)
      .map(({ name, violations }) => ({ name, violations }));
  } finally {
    for (const [index, table] of tables.entries()) {
      if (text.includes(table)) await restore(table, index);
      await run(`DROP TABLE kept_${index}`);
    }
  }
}

/** Every column that is not generated, as it was. */
async function restore(table: string, index: number): Promise<void> {
  const [columns] = await db.ownerPool.query<{ names: string }>({
    text: `SELECT string_agg(attname, ', ' ORDER BY attnum) AS names FROM pg_attribute
            WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
              AND attgenerated = ''`,
    values: [table],
  });
  const names = columns?.names ?? '';
  const key = table === 'ledger.grants' ? 'id' : 'reference';
  const same = `k.organization_id = t.organization_id AND k.${key} = t.${key}`;
  for (const text of [
    `DELETE FROM ${table} t WHERE NOT EXISTS (SELECT FROM kept_${index} k WHERE ${same})`,
    `UPDATE ${table} t SET (${names}) = (SELECT ${names} FROM kept_${index} k WHERE ${same})`,
    `INSERT INTO ${table} (${names}) SELECT ${names} FROM kept_${index} k
      WHERE NOT EXISTS (SELECT FROM ${table} t WHERE ${same})`,
  ]) {
    await db.ownerPool.query({ text });
  }
}

interface Fault {
  readonly name: string;
  readonly plant: string;
  readonly found: string;
  readonly named: RegExp;
}

const freeze = (set: string, which = 'dp_lost'): string =>
  `UPDATE ledger.freezes SET ${set} WHERE organization_id = :org AND reference = '${which}'`;
const refund = (set: string, which = 're_paid'): string =>
  `UPDATE ledger.refunds SET ${set} WHERE organization_id = :org AND reference = '${which}'`;

/** Found in either mode, though every entry is sealed. */
const either: readonly Fault[] = [
  {
    name: 'an invented refund',
    plant: `INSERT INTO ledger.refunds SELECT organization_id, 're_made_up', id, 'paid', 7, 0,
              bursar.now(), bursar.now() FROM ledger.grants WHERE organization_id = :org LIMIT 1`,
    found: 'refunds_are_entries',
    named: /refund re_made_up of grant grant_\w+ is paid with 7 and tax 0, entries say 0 and 0/,
  },
  ...[
    refund('amount_nanos = amount_nanos - 1'),
    refund('tax_nanos = tax_nanos - 1'),
    refund(`state = 'failed'`),
    refund(`state = 'paid'`, 're_back'),
    refund(`state = 'paid'`, 're_late'),
    refund(`grant_id = (SELECT grant_id FROM ledger.freezes WHERE reference = 'dp_won')`),
  ].map((plant) => ({
    name: `a refund that says otherwise: ${plant.slice(26, 60)}`,
    plant,
    found: 'refunds_are_entries',
    named:
      /refund re_\w+ of grant grant_\w+ is \w+ with \d+ and tax \d+, entries say (1000000000|0) and 200000000/,
  })),
  ...[
    freeze('seized_nanos = seized_nanos - 1'),
    freeze('debt_nanos = debt_nanos + 1'),
    freeze('breakage_nanos = breakage_nanos + 1'),
    freeze('tax_nanos = tax_nanos - 1'),
    freeze(`state = 'released'`),
  ].map((plant) => ({
    name: `a dispute that says otherwise: ${plant.slice(26, 60)}`,
    plant,
    found: 'freezes_are_entries',
    named: /dispute dp_\w+ is \w+ and says seized \d+, debt \d+.*entries say \d+/,
  })),
  {
    name: 'a purchase that gave back more tax than it had',
    plant: `UPDATE ledger.grants SET tax_nanos = 199999999 WHERE organization_id = :org
               AND id = (SELECT grant_id FROM ledger.refunds WHERE reference = 're_paid')`,
    found: 'no_purchase_is_given_back_twice',
    named:
      /grant grant_\w+ of 10000000000 and tax 199999999 gave back 2000000000 and tax 400000000/,
  },
];

/** What reads as much as there is. */
const full: readonly Fault[] = [
  {
    name: 'a refund that was booked and is not stored',
    plant: `DELETE FROM ledger.refunds WHERE organization_id = :org AND reference = 're_paid'`,
    found: 'refunds_are_entries',
    named: /has entries of refund re_paid, which is not stored/,
  },
  {
    name: 'a dispute that was booked and is not stored',
    plant: `DELETE FROM ledger.freezes WHERE organization_id = :org AND reference = 'dp_lost'`,
    found: 'freezes_are_entries',
    named: /has entries of dispute dp_lost, which is not stored/,
  },
];

test.each(['incremental', 'full'] as const)('what is stored in order is (%s)', async (mode) => {
  expect(await foundIn('SELECT', mode)).toEqual([]);
});

const exactly = (fault: Fault) => [
  { name: fault.found, violations: [expect.stringMatching(fault.named)] },
];

describe.each(either)('$name', (fault) => {
  test.each(['incremental', 'full'] as const)('is found (%s)', async (mode) => {
    expect(await foundIn(fault.plant, mode)).toEqual(exactly(fault));
  });
});

describe.each(full)('$name', (fault) => {
  test('is found by the full verification', async () => {
    expect(await foundIn(fault.plant, 'full')).toEqual(exactly(fault));
  });
});
