import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliHost, done } from '#cli/answer';
import { runCli } from '#cli/program';
import { createIdentity } from '#identity/sign-in';
import { newId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import { verifyLedger } from '#ledger/reconcile';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer } from '#test/ledger-world';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

async function bursar(...words: string[]) {
  const { pool, url } = database;
  const pepper = Buffer.alloc(32, 7);
  const entropy = systemEntropy;
  const mailer = { send: async () => true };
  const consoleUrl = 'http://127.0.0.1:4000';
  const identity = createIdentity({ pool, entropy, pepper, mailer, consoleUrl, brand: 'Bursar' });
  const close = async () => {};
  const book = bundledBook();
  const system = { pool, databaseUrl: url, entropy, pepper, identity, book, close };
  let stdout = '';
  let stderr = '';
  const host: CliHost = {
    version: '0.0.0',
    openSystem: async () => ({ outcome: 'found', system }),
    start: async () => 0,
    migrate: async () => done({ applied: [] }, ''),
    doctor: async () => done({ ok: true, checks: [] }, ''),
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  };
  const exitCode = await runCli([...words, '--json'], host);
  const told = exitCode === 0 && stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
  return { exitCode, told, code: exitCode === 0 ? undefined : JSON.parse(stderr).error.code };
}

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

test('a grant verb that lacks what it needs is misuse', async () => {
  expect((await bursar('grant', '--usd', '5')).exitCode).toBe(2);
  expect((await bursar('grant', 'void', 'grant_1', '--org', 'org_1')).exitCode).toBe(2);
  expect((await bursar('grant', 'give', '--org', await organization(), '--usd', '1')).told).toEqual(
    expect.objectContaining({ amount_usd: '1' }),
  );
});
