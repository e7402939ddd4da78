import { afterAll, beforeAll, expect, test } from 'vitest';
import { tellTenths } from '#cli/ledger';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';
import { give, makePayer, usd } from '#test/ledger-world';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const bursar = (...words: string[]) => commandLine(database).text(...words);

/** The code of a refusal, which must name the option that is wrong. */
const codeNaming = (option: string, stderr: string): string => {
  const { code, message } = JSON.parse(stderr).error;
  expect(message).toContain(option);
  return code;
};

test('a balance of the past is what the ledger knew, or what had happened', async () => {
  const payer = await makePayer(database.pool);
  await give(database.pool, payer, usd('5'), { happenedAt: new Date('2026-01-05T00:00:00Z') });
  const at = async (...words: string[]) => {
    const told = await bursar('balance', '--org', payer.organizationId, '--json', ...words);
    return JSON.parse(told.stdout).available_usd;
  };
  expect(await at()).toBe('5');
  expect(await at('--as-of', '2026-01-06')).toBe('0');
  expect(await at('--as-of', '2026-01-06', '--by', 'effective')).toBe('5');
  expect(await at('--as-of', '2026-01-04', '--by', 'effective')).toBe('0');
});

test.each([
  [['--as-of', 'yesterday'], 'invalid_time'],
  [['--as-of', '2026-02-31T00:00:00Z'], 'invalid_time'],
  [['--as-of', '2999-01-01'], 'time_in_the_future'],
  [['--by', 'guess'], 'invalid_time_basis'],
  [['--by', 'recorded'], 'as_of_missing'],
])('a balance %j is refused as %s, by the name of the option', async (words, code) => {
  const { organizationId } = await makePayer(database.pool);
  const told = await bursar('balance', '--org', organizationId, '--json', ...words);
  const named = codeNaming(words[0] ?? '', told.stderr);
  expect([told.exitCode, told.stdout, named]).toEqual([1, '', code]);
});

test('a ledger out of order exits with 1 and names the rows; either mode is asked for', async () => {
  const payer = await makePayer(database.pool);
  await give(database.pool, payer, usd('5'));
  expect((await bursar('ledger', 'verify', '--full')).stdout).toMatch(/ok {6}hash_chain_is_intact/);
  const change = (by: string) =>
    database.ownerPool.query({
      text: `UPDATE ledger.books SET held_nanos = held_nanos ${by} WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
  await change('+ 1');
  for (const words of [[], ['--full']]) {
    const told = await bursar('ledger', 'verify', ...words, '--json');
    expect([told.exitCode, told.stderr]).toEqual([1, '']);
    const broken = JSON.parse(told.stdout).checks.filter((check: { ok: boolean }) => !check.ok);
    expect(broken).toEqual([
      {
        name: 'held_is_the_sum_of_open_holds',
        ok: false,
        violations: [`${payer.organizationId} stores held 1, open holds sum to 0`],
      },
    ]);
  }
  await change('- 1');
});

test('an export is on standard output and nothing else is', async () => {
  const payer = await makePayer(database.pool);
  await give(database.pool, payer, usd('5'));
  const org = payer.organizationId;
  const csv = await bursar('ledger', 'export', '--org', org);
  expect([csv.exitCode, csv.stderr, csv.stdout.split('\r\n').length]).toEqual([0, '', 3]);
  const lines = await bursar('ledger', 'export', '--org', org, '--json');
  expect(JSON.parse(lines.stdout)).toMatchObject({ kind: 'credit.purchase', amount_usd: '5' });
  const none = await bursar(
    'ledger',
    'export',
    '--org',
    org,
    '--format',
    'jsonl',
    '--to',
    '2020-01-01',
  );
  expect([none.exitCode, none.stdout]).toEqual([0, '']);
});

test.each([
  [['--format', 'xml'], 'invalid_format'],
  [['--from', 'May'], 'invalid_time'],
  [['--to', '2026-02-31'], 'invalid_time'],
  [['--from', '2026-05-02', '--to', '2026-05-01T23:59:59Z'], 'invalid_range'],
  [['--by', 'guess'], 'invalid_time_basis'],
])('an export %j is refused as %s, by the name of the option', async (words, code) => {
  const { organizationId } = await makePayer(database.pool);
  const told = await bursar('ledger', 'export', '--org', organizationId, ...words, '--json');
  const named = codeNaming(words[0] ?? '', told.stderr);
  expect([told.exitCode, told.stdout, named]).toEqual([1, '', code]);
});

test('an export for nobody is refused', async () => {
  const told = await bursar('ledger', 'export', '--org', 'org_nobody', '--json');
  const named = codeNaming('org_nobody', told.stderr);
  expect([told.exitCode, told.stdout, named]).toEqual([1, '', 'organization_not_found']);
});

test('a long verification says how far it is, a line at each tenth, a short one nothing', () => {
  const lines: string[] = [];
  const long = tellTenths((text) => lines.push(text));
  for (let read = 0n; read <= 1_000_000n; read += 65_000n) long({ read, total: 1_000_000n });
  long({ read: 1_000_000n, total: 1_000_000n });
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('10 %: 130000 of 1000000 entries\n');
  expect(lines.at(-1)).toBe('100 %: 1000000 of 1000000 entries\n');
  tellTenths((text) => lines.push(text))({ read: 400_000n, total: 400_000n });
  expect(lines).toHaveLength(10);
});
