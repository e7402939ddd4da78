import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import { verifyLedger } from '#ledger/reconcile';
import { lockBook } from '#ledger/sql';
import { systemEntropy } from '#src/system';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer } from '#test/ledger-world';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const bursar = (...words: string[]) => commandLine(database)(...words);

const organization = async () => (await makePayer(database.pool)).organizationId;
const give = async (org: string, ...more: string[]): Promise<string> =>
  (await bursar('grant', '--org', org, '--usd', '5', ...more)).told.id;

test('credit given by mistake is taken back once, with the reason', async () => {
  const org = await organization();
  for (const kind of ['promotional', 'adjustment']) {
    const id = await give(org, '--kind', kind);
    const told = await bursar('grant', 'void', id, '--org', org, '--reason', 'twice');
    expect(told.told).toEqual({ id, voided_usd: '5', promised_usd: '0' });
    const again = await bursar('grant', 'void', id, '--org', org, '--reason', 'twice');
    expect([again.exitCode, again.code]).toEqual([1, 'already_voided']);
  }
  const left = await bursar('balance', '--org', org);
  expect(left.told).toMatchObject({ available_usd: '0' });
  expect(await verifyLedger(database.pool)).toMatchObject({ ok: true });
});

test('a purchase is not voided, nor a grant that is not there or somebody else’s', async () => {
  const org = await organization();
  const grantId = newId('grant', systemEntropy);
  const amount = parseUsd('5');
  if (amount === undefined) throw new Error('no amount');
  await database.pool.transaction((tx) =>
    issueGrant(tx, { organizationId: org, grantId, kind: 'purchase', amount, source: 'pi_1' }),
  );
  const voided = async (id: string, of: string) =>
    (await bursar('grant', 'void', id, '--org', of, '--reason', 'x')).code;
  expect(await voided(grantId, org)).toBe('is_a_purchase');
  expect(await voided(grantId, await organization())).toBe('grant_not_found');
  expect(await voided(newId('grant', systemEntropy), org)).toBe('grant_not_found');
  expect(await voided('grant; drop', org)).toBe('grant_not_found');
});

test('F93: more credit than the ledger holds is refused by name', async () => {
  const org = await organization();
  for (let i = 0; i < 9; i++) await give(org, '--usd', '999999999');
  const refused = await bursar('grant', '--org', org, '--usd', '10');
  expect([refused.exitCode, refused.code]).toEqual([1, 'balance_too_large']);
});

test('the largest grant is given; a larger one is refused by its name, however many digits', async () => {
  const org = await organization();
  for (const usd of ['1000000001', '1000000000.000000001', '99999999999999999999']) {
    const { code, message } = await bursar('grant', '--org', org, '--usd', usd);
    expect([code, message]).toEqual([
      'amount_out_of_range',
      '--usd is too much: one grant is at most $1000000000.',
    ]);
  }
  expect((await bursar('grant', '--org', org, '--usd', '1000000000')).exitCode).toBe(0);
  expect((await bursar('balance', '--org', org)).told).toMatchObject({
    available_usd: '1000000000',
  });
});

test('who gave credit and who took it back is in the audit trail, with the reason', async () => {
  const org = await organization();
  const first = await give(org, '--reason', 'an outage');
  const second = await give(org);
  for (const reason of ['twice', 'again']) {
    await bursar('grant', 'void', first, '--org', org, '--reason', reason);
  }
  await bursar('grant', '--org', org, '--usd', '1000000001');
  const trail = await database.pool.query({
    text: `SELECT actor, action, subject, reason FROM identity.audit_events
            WHERE organization_id = $1 AND action LIKE 'grant.%' ORDER BY id`,
    values: [org],
  });
  expect(trail).toEqual([
    { actor: 'operator', action: 'grant.issue', subject: first, reason: 'an outage' },
    { actor: 'operator', action: 'grant.issue', subject: second, reason: null },
    { actor: 'operator', action: 'grant.void', subject: first, reason: 'twice' },
  ]);
});

async function untilWaiting(many: number): Promise<void> {
  const text = `SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (let tries = 0; tries < 1_500; tries++) {
    if ((await database.pool.query({ text })).length >= many) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`fewer than ${many} wait for the lock`);
}

test('of two grants that race for the last room, one is given and one refused by name', async () => {
  const org = await organization();
  for (let i = 0; i < 9; i++) await give(org, '--usd', '999999999');
  const racing = await database.pool.transaction(async (tx) => {
    await tx.query(lockBook(org));
    const both = [1, 2].map(() => bursar('grant', '--org', org, '--usd', '5'));
    await untilWaiting(2);
    // Not awaited here: they end after this transaction.
    return { both };
  });
  const told = await Promise.all(racing.both);
  expect(told.map(({ code }) => code).sort()).toEqual(['balance_too_large', undefined]);
  const refused = told.find(({ exitCode }) => exitCode !== 0);
  expect([refused?.exitCode, refused?.message]).toEqual([1, expect.stringContaining('$4 more')]);
});

test('a grant verb that lacks what it needs is misuse', async () => {
  expect((await bursar('grant', '--usd', '5')).exitCode).toBe(2);
  expect((await bursar('grant', 'void', 'grant_1', '--org', 'org_1')).exitCode).toBe(2);
  expect((await bursar('grant', 'give', '--org', await organization(), '--usd', '1')).told).toEqual(
    expect.objectContaining({ amount_usd: '1' }),
  );
});
