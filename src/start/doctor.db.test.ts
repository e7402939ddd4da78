import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '#src/config';
import { examine } from '#src/start/doctor';
import { type TestDatabase, testDatabase } from '#test/database';

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
