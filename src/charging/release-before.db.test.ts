import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, newRequest, usd } from '#test/ledger-world';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

test('F10: a process of the release before still holds, settles and sweeps on this schema', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const ids = [newRequest(), newRequest()];
  const orgs = [payer.organizationId];
  const held = await db.pool.query({
    text: 'SELECT * FROM charging.place_batch($1, $2, $3, $4, $5, $6)',
    values: [orgs, [2], ids, ids.map(() => payer.apiKeyId), [usd('2'), usd('9')], 45_000],
  });
  expect(held).toEqual([
    { outcome: 'held', available_nanos: usd('3') },
    { outcome: 'insufficient_credit', available_nanos: usd('3') },
  ]);
  const record = JSON.stringify({
    key: payer.apiKeyId,
    workspace: payer.workspaceId,
    model: 'claude-opus-5-5',
    rule: 'S1',
    usage: { input_tokens: 3 },
    price_version: 'before',
    status: 200,
    disconnected: false,
    estimated: false,
    quarantined: false,
    started_at: '2026-11-20T00:00:00Z',
  });
  const settled = await db.pool.query({
    text: 'SELECT * FROM charging.settle_batch($1, $2, $3, $4, $5, $6, $7)',
    values: [orgs, [1], ids.slice(0, 1), ['settle'], [usd('1.5')], [0n], [record]],
  });
  expect(settled).toEqual([
    {
      outcome: 'settled',
      charged_nanos: usd('1.5'),
      overrun_nanos: 0n,
      late: false,
      available_nanos: usd('3.5'),
    },
  ]);
  const [request] = await db.pool.query({
    text: 'SELECT rule, usage, price_version, charged_nanos FROM metering.requests WHERE request_id = $1',
    values: [ids[0]],
  });
  expect(request).toEqual({
    rule: 'S1',
    usage: { input_tokens: 3 },
    price_version: 'before',
    charged_nanos: usd('1.5'),
  });
  await db.pool.query({ text: 'SELECT ledger.expire_lapsed_everywhere(10)' });
  expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ available: usd('3.5') });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});
