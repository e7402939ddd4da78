import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rejectedBytes, settlementBytes } from '#charging/journal-line';
import { parseConfig } from '#src/config';
import { examine } from '#src/start/doctor';
import { startOps } from '#src/start/ops';
import { choosePorts } from '#src/start/ports';
import { removeRunFile, writeRunFile } from '#src/start/run-file';
import { type TestDatabase, testDatabase } from '#test/database';
import { settlement } from '#test/journal-world';
import { give, makePayer, usd } from '#test/ledger-world';

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

const ANY_PORTS = { console: 0, gateway: 0, stripeSim: 0, modelSim: 0, ops: 0 };

function configOf() {
  const parsed = parseConfig({});
  if (parsed.outcome === 'invalid') throw new Error('an empty environment is valid');
  return parsed.config;
}

async function lineOf(name: string, more: Readonly<Record<string, string>> = {}) {
  const environment = { DATABASE_URL: db.url, BURSAR_DATA_DIR: folder, ...more };
  const answer = await examine(parseConfig(environment));
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

test('doctor names the upstreams, and fails while one of them does', async () => {
  expect((await lineOf('upstreams')).line).toMatch(/^ok .*the simulator/);
  const file = join(folder, 'upstreams.yaml');
  const one = (name: string) => `{name: ${name}, url: "https://${name}.example", key: the-key}`;
  writeFileSync(file, `upstreams: [${one('a')}, ${one('b')}]`);
  const listed = () => lineOf('upstreams', { BURSAR_UPSTREAMS_FILE: file });
  expect((await listed()).line).toMatch(/^ok .*a https:\/\/a\.example, b https:\/\/b\.example/);
  const states = { a: 'closed', b: 'open' };
  const host = '127.0.0.1';
  const { ops: port } = await choosePorts({ ...configOf(), ports: ANY_PORTS }, ['ops']);
  const ops = await startOps({
    ...{ host, port, version: '1', role: 'gateway', ready: async () => true },
    upstreams: () => Object.entries(states).map(([name, state]) => ({ name, state })),
  });
  const run = { pid: process.pid, role: 'all', database_url: db.url };
  writeRunFile(join(folder, 'run.json'), { ...run, ops: `http://${host}:${port}` });
  try {
    const failing = await listed();
    expect(failing.line).toMatch(/^FAILED .*failing now: b$/);
    expect(failing.exitCode).toBe(1);
    expect(failing.line).not.toContain('the-key');
    states.b = 'closed';
    expect((await listed()).line).toMatch(/^ok /);
  } finally {
    await ops.close();
  }
  expect((await listed()).line).toMatch(/^FAILED .*does not answer/);
  removeRunFile(join(folder, 'run.json'));
});

test('doctor reads the files of tiers and of upstreams, and names what is wrong in them', async () => {
  expect((await lineOf('rate limit tiers')).line).toMatch(/^ok .*bundled.*start, build, scale/);
  expect((await lineOf('price book')).line).toMatch(/^ok .*\d+ prices/);
  const tiers = join(folder, 'tiers.yaml');
  const upstreams = join(folder, 'upstreams.json');
  writeFileSync(tiers, 'tiers:\n  gold: { count_tokens: x }\n');
  writeFileSync(upstreams, '{"upstreams": [{"name": "a", "url": "https://a.example"}]}');
  const both = { BURSAR_TIERS_FILE: tiers, BURSAR_UPSTREAMS_FILE: upstreams };
  const found = await lineOf('BURSAR_TIERS_FILE', both);
  expect(found.line).toContain('found "x" (line 2, tiers.gold.count_tokens)');
  expect((await lineOf('BURSAR_UPSTREAMS_FILE', both)).line).toContain('upstreams[0].key');
  expect(found.exitCode).toBe(1);
});

const verified = (mode: string, failed: string) => ({
  text: `INSERT INTO ledger.verifications (at, mode, ok, entries, failed)
         VALUES (bursar.now(), $1, $2::text[] = '{}', 0, $2::text[])`,
  values: [mode, failed],
});

test('doctor fails until the mode that found the ledger broken finds it in order', async () => {
  expect((await lineOf('last verification')).line).toMatch(/^ok .*none yet/);
  await db.ownerPool.query(verified('full', '{hash_chain_is_intact}'));
  await db.ownerPool.query(verified('incremental', '{}'));
  const found = await lineOf('last verification');
  expect(found.line).toMatch(/^FAILED .*incremental.*; full.*broken: hash_chain_is_intact/);
  expect(found.exitCode).toBe(1);
  await db.ownerPool.query(verified('full', '{}'));
  expect((await lineOf('last verification')).line).toMatch(/^ok /);
  await db.ownerPool.query(verified('incremental', '{running_balances_replay}'));
  await db.ownerPool.query(verified('full', '{}'));
  expect((await lineOf('last verification')).line).toMatch(/^FAILED .*running_balances_replay/);
});

test('doctor fails when nothing was verified for two days, if there was something', async () => {
  const pass = (days: number) =>
    db.pool.query({ text: `SELECT bursar.advance_clock(make_interval(days => ${days}))` });
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  await db.ownerPool.query({ text: 'DELETE FROM ledger.verifications' });
  await pass(3);
  await give(db.pool, await makePayer(db.pool), usd('5'));
  expect((await lineOf('last verification')).line).toMatch(/^ok .*none yet/);
  await pass(3);
  expect((await lineOf('last verification')).line).toMatch(/^FAILED .*none for 2 days/);
  await db.ownerPool.query(verified('incremental', '{}'));
  await pass(1);
  expect((await lineOf('last verification')).line).toMatch(/^ok /);
  await pass(2);
  const found = await lineOf('last verification');
  expect(found.line).toMatch(/^FAILED .*incremental, 0 entries.*none for 2 days/);
  expect(found.exitCode).toBe(1);
});

test('doctor says who may open the operator’s page', async () => {
  expect((await lineOf('operators')).line).toMatch(/^ok .*owner@localhost/);
  const nobody = { BURSAR_HOST: '0.0.0.0' };
  expect((await lineOf('operators', nobody)).line).toMatch(/^ok .*nobody; BURSAR_OPERATOR_EMAILS/);
  const named = { BURSAR_OPERATOR_EMAILS: 'Ada@example.com' };
  expect((await lineOf('operators', named)).line).toMatch(/^ok .*ada@example\.com/);
});

test('doctor names what processor and books do not agree on, and what rings', async () => {
  expect((await lineOf('processor against books')).line).toMatch(/^ok .*none/);
  expect((await lineOf('last reconciliation')).line).toMatch(/^ok .*none yet/);
  expect((await lineOf('payment alarms')).line).toMatch(/^ok .*no alarm$/);
  await db.ownerPool.query({
    text: `INSERT INTO payments.differences
        (environment, provider, kind, reference, detail, happened_at)
      VALUES ('test', 'stripe', 'paid_not_credited', 'pi_9', '$5 paid; it is quarantined', now())`,
  });
  await db.ownerPool.query({
    text: `INSERT INTO payments.event_cursor (environment, provider, clock_skew_seconds)
      VALUES ('test', 'stripe', -400)`,
  });
  const found = await lineOf('processor against books');
  expect(found.line).toMatch(/^FAILED .*1: paid_not_credited pi_9 \(\$5 paid/);
  expect(found.exitCode).toBe(1);
  expect((await lineOf('payment alarms')).line).toMatch(/^FAILED .*-400 s ahead/);
  await db.ownerPool.query({ text: 'UPDATE payments.differences SET resolved_at = now()' });
  await db.ownerPool.query({ text: 'UPDATE payments.event_cursor SET clock_skew_seconds = 0' });
  expect((await lineOf('processor against books')).line).toMatch(/^ok /);
});

test('doctor names refunds that did not reach the customer, until one is made anew', async () => {
  expect((await lineOf('failed refunds')).line).toMatch(/^ok .*none/);
  const { organizationId } = await makePayer(db.pool);
  await db.ownerPool.query({
    text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor, credit_nanos,
        provider, environment, session_expires_at, console_url, automatic_tax, grant_id, settled_at)
      VALUES ($1, 'pur_back', 'credited', 'manual', 'test', 5000000000, 'stripe', 'test', now(), '',
        false, 'grant_y', bursar.now())`,
    values: [organizationId],
  });
  const refund = (id: string, state: string, code: string | null) =>
    db.ownerPool.query({
      text: `INSERT INTO payments.refunds (organization_id, id, purchase_id, grant_id, origin, state,
          credit_nanos, tax_nanos, reason, actor, provider, environment, payment_intent_id,
          failure_code)
        VALUES ($1, $2, 'pur_back', 'grant_y', 'operator', $3, 5000000000, 0, 'r', 'o', 'stripe',
          'test', 'pi_back', $4)`,
      values: [organizationId, id, state, code],
    });
  await refund('refund_one', 'failed', 'lost_or_stolen_card');
  const found = await lineOf('failed refunds');
  expect(found.line).toMatch(/^FAILED .*1, .*refund_one \(\$5 of pur_back, lost_or_stolen_card\)/);
  expect(found.exitCode).toBe(1);
  await refund('refund_two', 'paid', null);
  expect((await lineOf('failed refunds')).line).toMatch(/^ok .*none/);
});

test('doctor fails where no reconciliation was done for days though something was sold', async () => {
  const { organizationId } = await makePayer(db.pool);
  await db.ownerPool.query({
    text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor, credit_nanos,
        provider, environment, session_expires_at, console_url, automatic_tax, grant_id, settled_at)
      VALUES ($1, 'pur_old', 'credited', 'manual', 'test', 5000000000, 'stripe', 'test', now(), '',
        false, 'grant_x', bursar.now() - interval '3 days')`,
    values: [organizationId],
  });
  expect((await lineOf('last reconciliation')).line).toMatch(/^FAILED .*does a worker run\?/);
  await db.ownerPool.query({
    text: `INSERT INTO payments.reconciliations (environment, provider, night, leased_until, done_at)
      VALUES ('test', 'stripe', bursar.now()::date, now(), bursar.now())`,
  });
  expect((await lineOf('last reconciliation')).line).toMatch(/^ok /);
});
