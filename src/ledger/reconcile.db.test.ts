import { describe, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import type { Pool } from '#db/pool';
import { type Verification, type VerificationMode, verifyLedger } from '#ledger/reconcile';
import { sealLedger, verifyAndSeal } from '#ledger/seals';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  toNextMonth,
  usd,
  voidHold,
} from '#test/ledger-world';

interface Books {
  readonly db: TestDatabase;
  readonly payer: Payer;
}

/** Nine transactions of two grants and an open hold; another organization that stays as it is. */
async function books(work: (books: Books) => Promise<void>): Promise<void> {
  const db = await testDatabase();
  const node = chargingOn(db.url, { leaseMs: 600_000 });
  try {
    const payer = await makePayer(db.pool);
    for (const each of [payer, await makePayer(db.pool)]) {
      await give(db.pool, each, usd('1'), { tax: usd('0.2') });
      await give(db.pool, each, usd('5'), { kind: 'promotional' });
      for (let request = 0; request < 6; request++) {
        const { id } = await hold(node.charging, each, usd('1'));
        await settle(node.charging, each, id, usd('0.4'));
      }
      const lost = await hold(node.charging, each, usd('0.1'));
      await voidHold(node.charging, each, lost.id, usd('0.05'));
      await hold(node.charging, each, usd('0.3'));
    }
    await work({ db, payer });
  } finally {
    await node.close();
    await db.drop();
  }
}

/** As the owner of the server, who may switch everything off that would refuse. */
async function plant(pool: Pool, texts: readonly string[], organization: string): Promise<void> {
  const off = (word: string) =>
    ['entries', 'seals'].map((table) => `ALTER TABLE ledger.${table} ${word} TRIGGER USER`);
  for (const text of [...off('DISABLE'), ...texts, ...off('ENABLE')]) {
    await pool.query({ text: text.replaceAll(':org', `'${organization}'`) });
  }
}

const failedOf = (result: Verification): string[] =>
  result.checks.filter((check) => !check.ok).map((check) => check.name);
const told = (result: Verification): string =>
  result.checks.flatMap((check) => check.violations).join('\n');

const ENTRY = 'organization_id = :org AND transaction_no';
const SETTLED = `${ENTRY} = 5 AND line = 1`;

interface Fault {
  readonly name: string;
  readonly plant: readonly string[];
  /** The rules that must say so, and no others. */
  readonly found: readonly string[];
  /** What the message must name. */
  readonly named: RegExp;
}

/** What is wrong with what is stored now: found in either mode, sealed or not. */
const stored: readonly Fault[] = [
  {
    name: 'a grant that stores another rest than its entries give',
    plant: [
      `UPDATE ledger.grants SET remaining_nanos = remaining_nanos - 1
        WHERE organization_id = :org AND remaining_nanos > 0`,
      'UPDATE ledger.books SET live_nanos = live_nanos - 1 WHERE organization_id = :org',
    ],
    found: ['stored_balances_replay'],
    named: /grant:grant_\w+ stores \d+, entries say \d+/,
  },
  {
    name: 'a grant with more left than it ever had',
    plant: [
      'ALTER TABLE ledger.grants DROP CONSTRAINT grant_ceiling',
      `UPDATE ledger.grants SET amount_nanos = remaining_nanos - 1
        WHERE organization_id = :org AND remaining_nanos > 0`,
    ],
    found: ['no_account_is_below_its_floor', 'every_grant_was_booked_once'],
    named: /grant grant_\w+ has \d+ of \d+/,
  },
  {
    name: 'a book whose sum of live grants is wrong',
    plant: [`UPDATE ledger.books SET live_nanos = live_nanos + 1 WHERE organization_id = :org`],
    found: ['book_sums_agree_with_grants'],
    named: /book says live \d+/,
  },
  {
    name: 'a book that counts its grants as live for too long',
    plant: [`UPDATE ledger.books SET live_until = 'infinity' WHERE organization_id = :org`],
    found: ['book_sums_agree_with_grants'],
    named: /until infinity/,
  },
  {
    name: 'held that is not the sum of the open holds',
    plant: ['UPDATE ledger.books SET held_nanos = held_nanos + 1 WHERE organization_id = :org'],
    found: ['held_is_the_sum_of_open_holds'],
    named: /stores held 300000001, open holds sum to 300000000/,
  },
  {
    name: 'a dispute that says it froze what no entry moved',
    plant: [
      `INSERT INTO ledger.freezes (organization_id, reference, grant_id, state, amount_nanos,
         frozen_at, ended_at)
       SELECT organization_id, 'dp_1', id, 'released', 7, bursar.now(), bursar.now()
         FROM ledger.grants WHERE organization_id = :org LIMIT 1`,
    ],
    found: ['freezes_are_entries'],
    named: /dispute dp_1 says it froze 7 of grant grant_\w+, entries say 0/,
  },
  {
    name: 'a number given out for which there is no transaction',
    plant: [
      'UPDATE ledger.books SET next_transaction = next_transaction + 2 WHERE organization_id = :org',
    ],
    found: ['sequence_has_no_gap'],
    named: /has no transaction 10 to 11/,
  },
];

/** What is wrong with one entry: found by the rules themselves until it is sealed. */
const fresh: readonly Fault[] = [
  {
    name: 'an entry of nothing',
    plant: [
      'ALTER TABLE ledger.entries DROP CONSTRAINT entries_amount_nanos_check',
      `UPDATE ledger.entries SET amount_nanos = 0 WHERE ${ENTRY} = 9`,
    ],
    found: ['every_transaction_sums_to_zero', 'receipts_are_charges'],
    named: /transaction 9 line 1 moves 0 from operator_upstream_loss to upstream_unbilled/,
  },
  {
    name: 'a move that no flow permits',
    plant: [`UPDATE ledger.entries SET reason = 'usage.overrun' WHERE ${ENTRY} = 9`],
    found: ['every_flow_is_permitted', 'receipts_are_charges'],
    named: /transaction 9: usage.overrun from operator_upstream_loss to upstream_unbilled/,
  },
  {
    name: 'a running balance that does not follow',
    plant: [
      `UPDATE ledger.entries SET from_balance_nanos = from_balance_nanos + 1 WHERE ${SETTLED}`,
    ],
    found: ['running_balances_replay'],
    named: /at transaction 5 line 1 says \d+, replay says \d+/,
  },
  {
    name: 'two entries in each other’s place',
    plant: [
      `UPDATE ledger.entries SET transaction_no = 100 WHERE ${ENTRY} = 4`,
      `UPDATE ledger.entries SET transaction_no = 4 WHERE ${ENTRY} = 3`,
      `UPDATE ledger.entries SET transaction_no = 3 WHERE ${ENTRY} = 100`,
    ],
    found: ['running_balances_replay'],
    named: /at transaction 3 line 1/,
  },
  {
    name: 'an entry removed',
    plant: [`DELETE FROM ledger.entries WHERE ${ENTRY} = 9`],
    found: ['sequence_has_no_gap'],
    named: /has no transaction 9$/m,
  },
  {
    name: 'a transaction beyond the book',
    plant: [`UPDATE ledger.entries SET transaction_no = 100 WHERE ${ENTRY} = 9`],
    found: ['sequence_has_no_gap'],
    named: /has transaction 100, its book goes from 1 to 9/,
  },
  {
    name: 'a line removed from the middle',
    plant: [`DELETE FROM ledger.entries WHERE ${ENTRY} = 1 AND line = 1`],
    found: ['sequence_has_no_gap', 'clearing_is_zero_at_rest'],
    named: /transaction 1 has 2 lines, numbered 2 to 3/,
  },
  {
    name: 'money left in clearing',
    plant: [`DELETE FROM ledger.entries WHERE ${ENTRY} = 1 AND reason = 'payment.tax'`],
    found: ['clearing_is_zero_at_rest'],
    named: /stripe_clearing is 200000000, expected 0/,
  },
  {
    name: 'a charge that is not the hold’s',
    plant: [
      `UPDATE ledger.holds SET charged_nanos = charged_nanos + 1 WHERE organization_id = :org
          AND id = (SELECT reference FROM ledger.entries WHERE ${SETTLED})`,
    ],
    found: ['charges_are_entries', 'receipts_are_charges'],
    named: /request req_\w+ charged 400000001, entries say 400000000/,
  },
  {
    name: 'a grant that promises another amount than was booked',
    plant: [
      `UPDATE ledger.grants SET amount_nanos = amount_nanos + 1
        WHERE organization_id = :org AND kind = 'purchase'`,
    ],
    found: ['every_grant_was_booked_once'],
    named: /grant grant_\w+ of 1000000001 was booked as 1000000000 in 1/,
  },
];

/** What only the full verification sees. */
const buried: readonly Fault[] = [
  {
    name: 'a sealed entry with another reference',
    plant: [`UPDATE ledger.entries SET reference = 'req_other' WHERE ${ENTRY} = 9`],
    found: ['hash_chain_is_intact', 'receipts_are_charges'],
    named: /transactions 1 to 9 are not what was sealed/,
  },
  {
    name: 'a sealed entry with another date',
    plant: [
      `UPDATE ledger.entries SET happened_at = happened_at - interval '1 microsecond' WHERE ${SETTLED}`,
    ],
    found: ['hash_chain_is_intact'],
    named: /transactions 1 to 9 are not what was sealed/,
  },
  {
    name: 'a sealed entry removed',
    plant: [`DELETE FROM ledger.entries WHERE ${ENTRY} = 9`],
    found: ['sequence_has_no_gap', 'hash_chain_is_intact', 'receipts_are_charges'],
    named: /has no transaction 9$/m,
  },
  {
    name: 'an entry put in after sealing',
    plant: [
      `INSERT INTO ledger.entries SELECT organization_id, transaction_no, 2, from_account, to_account,
         reason, amount_nanos, NULL, NULL, reference, happened_at, recorded_at
         FROM ledger.entries WHERE ${ENTRY} = 9`,
    ],
    found: ['hash_chain_is_intact', 'receipts_are_charges'],
    named: /transactions 1 to 9 are not what was sealed/,
  },
  {
    name: 'an entry numbered before the first',
    plant: [
      'ALTER TABLE ledger.entries DROP CONSTRAINT entries_transaction_no_check',
      `INSERT INTO ledger.entries SELECT organization_id, 0, 1, from_account, to_account,
         reason, amount_nanos, NULL, NULL, reference, happened_at, recorded_at
         FROM ledger.entries WHERE ${ENTRY} = 9`,
    ],
    found: ['sequence_has_no_gap', 'hash_chain_is_intact', 'receipts_are_charges'],
    named: /has transaction 0, its book goes from 1 to 9/,
  },
  {
    name: 'a sealed amount moved, with every balance made to fit',
    plant: [`UPDATE ledger.entries SET amount_nanos = amount_nanos + 1 WHERE ${ENTRY} = 9`],
    found: ['hash_chain_is_intact', 'receipts_are_charges'],
    named: /transactions 1 to 9 are not what was sealed/,
  },
  {
    name: 'sealed balances that the entries do not give',
    plant: [
      `UPDATE ledger.seals SET balances = balances || '{"dispute_frozen": 5}'
        WHERE organization_id = :org`,
    ],
    found: ['stored_balances_replay', 'hash_chain_is_intact'],
    named: /at transaction 9 sealed balances that its entries do not give/,
  },
  {
    name: 'a seal that counts other entries',
    plant: ['UPDATE ledger.seals SET entries_total = 1 WHERE organization_id = :org'],
    found: ['hash_chain_is_intact'],
    named: /transactions 1 to 9 are not what was sealed/,
  },
  {
    name: 'a charge for which there is no entry',
    plant: [
      `UPDATE ledger.holds SET charged_nanos = 1 WHERE organization_id = :org
          AND id = (SELECT reference FROM ledger.entries WHERE ${ENTRY} = 9)`,
    ],
    found: ['charges_are_entries', 'receipts_are_charges'],
    named: /request req_\w+ charged 1, entries say 0/,
  },
  {
    name: 'two charges exchanged',
    plant: [
      `UPDATE ledger.holds SET charged_nanos = charged_nanos + CASE id
           WHEN (SELECT reference FROM ledger.entries WHERE ${SETTLED}) THEN 1 ELSE -1 END
        WHERE organization_id = :org AND id IN (SELECT reference FROM ledger.entries
          WHERE organization_id = :org AND transaction_no IN (5, 6))`,
    ],
    found: ['charges_are_entries', 'receipts_are_charges'],
    named: /charged 400000001, entries say 400000000[\s\S]*charged 399999999, entries say/,
  },
  {
    name: 'a limit that counts other holds than there are',
    plant: [
      `INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action, month,
         held_nanos, charged_nanos, set_by, set_at)
       VALUES (:org, 'organization', :org, 1, 'notify_only', orgs.month_of(bursar.now()),
         300000000, 1, 'test', bursar.now())`,
    ],
    found: ['spend_limits_count_holds'],
    named: /counts held 300000000 and charged 1 in .*, holds say 300000000 and 2400000000/,
  },
];

async function finds(fault: Fault, mode: VerificationMode, sealed: boolean): Promise<void> {
  await books(async ({ db, payer }) => {
    if (sealed) await sealLedger(db.pool);
    expect(await verifyLedger(db.pool, { mode })).toMatchObject({ ok: true });
    await plant(db.ownerPool, fault.plant, payer.organizationId);
    const result = await verifyLedger(db.pool, { mode });
    expect([failedOf(result).sort(), told(result)]).toEqual([
      [...fault.found].sort(),
      expect.stringMatching(fault.named),
    ]);
    expect(result.ok).toBe(false);
    expect(told(result)).toContain(payer.organizationId);
  });
}

describe.each(stored)('$name', (fault) => {
  test('is found before it is sealed', () => finds(fault, 'incremental', false));
  test('is found in full after it is sealed', () => finds(fault, 'full', true));
});

describe.each(fresh)('$name', (fault) => {
  test('is found after the last seal', () => finds(fault, 'incremental', false));
});

describe.each(buried)('$name', (fault) => {
  test('is found by the full verification', () => finds(fault, 'full', true));
});

test('a broken ledger is not sealed over, one in order is sealed once', async () => {
  await books(async ({ db, payer }) => {
    await plant(db.ownerPool, fresh[2]?.plant ?? [], payer.organizationId);
    expect(await verifyAndSeal(db.pool)).toMatchObject({ ok: false, sealed: 0 });
    const repair = fresh[2]?.plant.map((text) => text.replace('+ 1', '- 1')) ?? [];
    await plant(db.ownerPool, repair, payer.organizationId);
    expect(await verifyAndSeal(db.pool)).toMatchObject({ ok: true, entries: 24n, sealed: 2 });
    expect(await verifyAndSeal(db.pool)).toMatchObject({ ok: true, entries: 24n, sealed: 0 });
    expect(await verifyLedger(db.pool, { mode: 'full', lanes: 2 })).toMatchObject({ ok: true });
  });
});

test('limits count the holds of this month and the last, also of one that runs over midnight', async () => {
  await books(async ({ db, payer }) => {
    await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
    const node = chargingOn(db.url);
    const { organizationId } = payer;
    const terms = { organizationId, action: 'notify_only', setBy: 'test' } as const;
    const organization = { level: 'organization', subjectId: organizationId } as const;
    const key = { level: 'api_key', subjectId: payer.apiKeyId } as const;
    await setSpendLimit(db.pool, { ...terms, ...organization, amount: usd('9') });
    await setSpendLimit(db.pool, { ...terms, ...key, amount: usd('9') });
    const over = await hold(node.charging, payer, usd('0.2'));
    await toNextMonth(db.pool);
    const { id } = await hold(node.charging, payer, usd('0.5'));
    await settle(node.charging, payer, id, usd('0.3'));
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
    await settle(node.charging, payer, over.id, usd('0.1'));
    await node.close();
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
    await db.ownerPool.query({
      text: 'UPDATE orgs.spend_limits SET last_charged_nanos = last_charged_nanos - 1',
    });
    expect(failedOf(await verifyLedger(db.pool))).toEqual(['spend_limits_count_holds']);
  });
});
