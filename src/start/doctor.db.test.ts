import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rejectedBytes, settlementBytes } from '#charging/journal-line';
import { parseConfig } from '#src/config';
import { examine } from '#src/start/doctor';
import { type TestDatabase, testDatabase } from '#test/database';
import { settlement } from '#test/journal-world';

let db: TestDatabase;
let folder: string;
beforeAll(async () => {
  db = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), 'bursar-doctor-'));
});
afterAll(async () => {
  await db.drop();
  rmSync(folder, { recursive: true });
});

async function lineOf(name: string) {
  const answer = await examine(parseConfig({ DATABASE_URL: db.url, BURSAR_DATA_DIR: folder }));
  if (answer.outcome !== 'done') throw new Error(answer.message);
  const line = answer.text.split('\n').find((text) => text.includes(name));
  return { line, exitCode: answer.exitCode };
}

test('doctor names every quarantined payment until an operator has resolved it', async () => {
  expect((await lineOf('quarantined payments')).line).toMatch(/^ok .*none/);
  await db.ownerPool.query({
    text: `INSERT INTO payments.quarantined_payments
        (provider, payment_intent_id, received_minor_units, currency, mismatches)
      VALUES ('stripe', 'pi_1', 500, 'usd', '["total"]'),
        ('stripe', 'pi_2', 500, 'eur', '["currency"]')`,
  });
  const found = await lineOf('quarantined payments');
  expect(found.line).toMatch(/^FAILED .*2 to grant or refund by hand: pi_1, pi_2/);
  expect(found.exitCode).toBe(1);
  await db.ownerPool.query({
    text: 'UPDATE payments.quarantined_payments SET resolved_at = now()',
  });
  expect((await lineOf('quarantined payments')).line).toMatch(/^ok .*none/);
});

test('doctor counts what is journaled, and fails for what the ledger can never take', async () => {
  expect((await lineOf('settlement journal')).line).toMatch(/^ok .*0 waiting/);
  const journal = join(folder, 'journal');
  mkdirSync(journal);
  const kept = { ...settlement(), resolution: 'settle', happenedAt: new Date(0) } as const;
  writeFileSync(join(journal, '1-2-ab.journal'), settlementBytes(kept));
  expect((await lineOf('settlement journal')).line).toMatch(/^ok .*1 waiting/);
  writeFileSync(join(journal, '1-2-ab.rejected'), rejectedBytes(kept, 'rejected'));
  const found = await lineOf('settlement journal');
  expect(found.line).toMatch(/^FAILED .*1 waiting, 1 never bookable/);
  expect(found.exitCode).toBe(1);
});
