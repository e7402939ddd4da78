import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

/** Every right of the application's role on the ledger, so that a new one is a decision. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  books: [
    'INSERT',
    'SELECT',
    'UPDATE customer_debt_nanos',
    'UPDATE dispute_frozen_nanos',
    'UPDATE held_nanos',
    'UPDATE live_nanos',
    'UPDATE live_until',
    'UPDATE low_at_nanos',
    'UPDATE next_transaction',
    'UPDATE notice_below_nanos',
    'UPDATE notice_from_nanos',
    'UPDATE receivable_nanos',
    'UPDATE stopped_nanos',
  ],
  entries: ['INSERT', 'SELECT'],
  freezes: [
    'INSERT',
    'SELECT',
    'UPDATE amount_nanos',
    'UPDATE breakage_nanos',
    'UPDATE debt_nanos',
    'UPDATE ended_at',
    'UPDATE promised_nanos',
    'UPDATE seized_nanos',
    'UPDATE state',
    'UPDATE tax_nanos',
  ],
  grants: [
    'INSERT',
    'SELECT',
    'UPDATE remaining_nanos',
    'UPDATE stopped_at',
    'UPDATE void_reason',
    'UPDATE voided_at',
  ],
  hold_extensions: ['INSERT', 'SELECT'],
  holds: [
    'INSERT',
    'SELECT',
    'UPDATE amount_nanos',
    'UPDATE charged_nanos',
    'UPDATE lease_expires_at',
    'UPDATE resolved_at',
    'UPDATE state',
    'UPDATE transaction_no',
  ],
  legs: ['SELECT'],
  nights: ['INSERT', 'SELECT', 'UPDATE done_at', 'UPDATE leased_until'],
  refunds: ['INSERT', 'SELECT', 'UPDATE ended_at', 'UPDATE state'],
  seals: ['SELECT'],
  spending: ['SELECT'],
  spending_upto: ['SELECT'],
  verifications: ['INSERT', 'SELECT'],
};

test('the application may do exactly this in the ledger, and may remove nothing', async () => {
  const rows = await db.ownerPool.query<{ name: string; may: string }>({
    text: `SELECT table_name AS name, privilege_type AS may
             FROM information_schema.table_privileges
            WHERE grantee = 'bursar_app' AND table_schema = 'ledger'
           UNION
           SELECT table_name, privilege_type || ' ' || column_name
             FROM information_schema.column_privileges c
            WHERE grantee = 'bursar_app' AND table_schema = 'ledger'
              AND NOT EXISTS (SELECT FROM information_schema.table_privileges t
                               WHERE t.grantee = 'bursar_app' AND t.table_schema = 'ledger'
                                 AND t.table_name = c.table_name
                                 AND t.privilege_type = c.privilege_type)
            ORDER BY 1, 2`,
  });
  const found = Object.groupBy(rows, ({ name }) => name);
  const rights = Object.entries(found).map(([name, mine]) => [name, mine?.map(({ may }) => may)]);
  expect(Object.fromEntries(rights)).toEqual(MAY);
});

test('the application can neither change nor remove an entry or a seal, nor switch a guard off', async () => {
  for (const text of [
    'UPDATE ledger.entries SET amount_nanos = 1',
    'DELETE FROM ledger.entries',
    'TRUNCATE ledger.entries',
    'UPDATE ledger.seals SET entries = 0',
    'DELETE FROM ledger.seals',
    'INSERT INTO ledger.seals SELECT * FROM ledger.seals',
    'DELETE FROM ledger.grants',
    'DELETE FROM ledger.holds',
    'ALTER TABLE ledger.entries DISABLE TRIGGER USER',
    'DROP TRIGGER entries_are_append_only ON ledger.entries',
    `SET session_replication_role = 'replica'`,
    'ALTER FUNCTION ledger.refuse_change() RENAME TO harmless',
    'SET ROLE bursar_owner',
  ]) {
    await expect(db.pool.query({ text }), text).rejects.toMatchObject({ code: '42501' });
  }
});
