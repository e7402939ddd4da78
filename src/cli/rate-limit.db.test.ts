import { afterAll, beforeAll, expect, test } from 'vitest';
import { done, type System } from '#cli/answer';
import { runCli } from '#cli/program';
import { createIdentity } from '#identity/sign-in';
import { createOrganization, setOrganizationTier } from '#orgs/organizations';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { recordedPrices } from '#test/prices';

let db: TestDatabase;
let org: string;
let workspace: string;
beforeAll(async () => {
  db = await testDatabase();
  const made = await db.pool.transaction((tx) =>
    createOrganization(tx, systemEntropy, { name: 'Acme' }),
  );
  org = made.organizationId;
  workspace = made.workspaceId;
});
afterAll(() => db.drop());

/** Of who has none of its own. */
let standard = 'none';

async function bursar(...words: string[]) {
  const told = { out: '', err: '' };
  const pepper = Buffer.alloc(32, 7);
  const { pool, url: databaseUrl } = db;
  const mailer = { send: async () => true };
  const consoleUrl = 'http://127.0.0.1:4000';
  const system: System = {
    ...{ pool, databaseUrl, entropy: systemEntropy, pepper, book: bundledBook() },
    defaultTier: standard,
    identity: createIdentity({
      ...{ pool, entropy: systemEntropy, pepper, mailer, consoleUrl, brand: 'Bursar' },
    }),
    latestPrices: async () => (await recordedPrices(pool)).latest(),
    close: async () => {},
  };
  const exitCode = await runCli([...words, '--json'], {
    version: '0.0.0',
    openSystem: async () => ({ outcome: 'found', system }),
    start: async () => 0,
    migrate: async () => done({}, ''),
    doctor: async () => done({}, ''),
    stdout: (text) => {
      told.out += text;
    },
    stderr: (text) => {
      told.err += text;
    },
  });
  const answer: unknown = JSON.parse(exitCode === 0 ? told.out : told.err);
  return { exitCode, answer };
}

const set = (classId: string, kind: string, perMinute: string, of = workspace) => [
  ...['rate-limit', 'set', '--org', org, '--workspace', of, '--class', classId],
  ...['--kind', kind, '--per-minute', perMinute],
];
const refused = (code: string) => ({
  exitCode: 1,
  answer: { error: { code, message: expect.any(String) } },
});

test('a workspace is limited within the tier of its organization, and the limit is lifted', async () => {
  await setOrganizationTier(db.pool, org, 'start');
  expect((await bursar(...set('opus-5', 'requests', '10'))).answer).toEqual({
    ...{ workspace_id: workspace, class: 'opus-5', type: 'requests', value: 10 },
  });
  await bursar(...set('opus-5', 'input_tokens', '5000'));
  await bursar(...set('count_tokens', 'requests', '7'));
  const own = async () => {
    const { answer } = await bursar('rate-limit', 'list', '--org', org);
    const { data }: { data: { subject_id: string }[] } = JSON.parse(JSON.stringify(answer));
    return data.filter(({ subject_id: subject }) => subject === workspace);
  };
  expect(await own()).toEqual([
    { subject_id: workspace, class: 'opus-5', type: 'requests', value: 10 },
    { subject_id: workspace, class: 'opus-5', type: 'input_tokens', value: 5_000 },
    { subject_id: workspace, class: 'count_tokens', type: 'requests', value: 7 },
  ]);
  for (const kind of ['requests', 'input_tokens']) await bursar(...set('opus-5', kind, 'none'));
  await bursar(...set('count_tokens', 'requests', 'none'));
  await bursar(...set('haiku-4-5', 'requests', 'none'));
  expect(await own()).toEqual([]);
});

test('the list shows what the tier gives', async () => {
  const { answer } = await bursar('rate-limit', 'list', '--org', org);
  expect(answer).toMatchObject({
    tier: 'start',
    data: expect.arrayContaining([
      { subject_id: org, class: 'fable-5', type: 'output_tokens', value: 100_000 },
      { subject_id: org, class: 'count_tokens', type: 'requests', value: 2_000 },
    ]),
  });
});

test('what cannot be limited is refused by name', async () => {
  expect(await bursar(...set('opus-9', 'requests', '1'))).toEqual(refused('class_not_found'));
  expect(await bursar(...set('opus-5', 'requests', '1001'))).toEqual(refused('above_tier'));
  expect(await bursar(...set('count_tokens', 'output_tokens', '1'))).toEqual(
    refused('kind_not_limited'),
  );
  expect(await bursar(...set('opus-5', 'requests', '1', 'wrkspc_x'))).toEqual(
    refused('subject_not_found'),
  );
  expect((await bursar(...set('opus-5', 'requests', '0'))).exitCode).toBe(2);
  expect((await bursar(...set('opus-5', 'tokens', '1'))).exitCode).toBe(2);
  expect(await bursar('rate-limit', 'list', '--org', 'org_x')).toEqual(
    refused('organization_not_found'),
  );
});

test('an organization without a tier of its own has the limits of the default one', async () => {
  const { organizationId } = await db.pool.transaction((tx) =>
    createOrganization(tx, systemEntropy, { name: 'By default' }),
  );
  const list = () => bursar('rate-limit', 'list', '--org', organizationId);
  expect((await list()).answer).toEqual({ tier: null, applies: 'none', data: [] });
  standard = 'start';
  const row = { subject_id: organizationId, class: 'opus-5', type: 'requests', value: 1_000 };
  const data = expect.arrayContaining([row]);
  expect((await list()).answer).toEqual({ tier: null, applies: 'start', data });
  standard = 'none';
});
