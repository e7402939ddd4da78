import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { importBook } from '#catalog/books';
import { readPrices } from '#catalog/live';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer } from '#test/ledger-world';
import { row, testBook } from '#test/prices';

let database: TestDatabase;
let bursar: ReturnType<typeof commandLine>;
let org: string;
beforeAll(async () => {
  database = await testDatabase();
  bursar = commandLine(database);
  const book = testBook('acme-1', row('claude-opus-5', '5', '25', { aliases: ['opus'] }));
  await importBook(database.pool, { book, source: 'import', by: 'test' });
});
afterAll(() => database.drop());
beforeEach(async () => {
  org = (await makePayer(database.pool)).organizationId;
});

const shape = z.strictObject({
  id: z.string().startsWith('disc_'),
  organization_id: z.string(),
  model: z.string().nullable(),
  pays: z.string(),
  applies_to: z.array(z.string()),
  from: z.iso.datetime(),
  until: z.iso.datetime().nullable(),
  reason: z.string(),
  cancelled_at: z.iso.datetime().nullable(),
});
const add = (...more: string[]) =>
  bursar('discount', 'add', '--org', org, '--reason', 'contract 7', ...more);
const added = async (...more: string[]) => shape.parse((await add(...more)).told);
const listed = async () => (await bursar('discount', 'list', '--org', org)).told.data;
const terms = async () => (await readPrices(database.pool)).prices.termsOf(org);

test('a percentage comes off the list price, exactly, however many decimals it has', async () => {
  for (const [percent, pays] of [
    ['10', '90/100'],
    ['12.5', '875/1000'],
    ['0.000001', '99999999/100000000'],
    ['99.999999', '1/100000000'],
  ] as const) {
    const told = await added('--percent', percent);
    await bursar('discount', 'cancel', told.id);
    expect(told).toMatchObject({
      organization_id: org,
      pays,
      model: null,
      until: null,
      reason: 'contract 7',
      cancelled_at: null,
    });
  }
  expect(await listed()).toHaveLength(4);
  expect(await terms()).toEqual([]);
});

test('a second one for the same is refused, and the one to cancel is named', async () => {
  const { id } = await added('--percent', '10', '--on', 'input,output', '--until', '2031-01-01');
  const { exitCode, code, message } = await add('--percent', '20');
  expect([exitCode, code]).toEqual([1, 'discount_overlaps']);
  expect(message).toContain(`bursar discount cancel ${id}`);
  await added('--percent', '20', '--model', 'opus');
  await added('--percent', '20', '--on', 'cache_read');
  await added('--percent', '20', '--on', 'output', '--from', '2031-01-01');
  expect((await add('--percent', '20', '--on', 'output', '--from', '2030-12-31')).code).toBe(
    'discount_overlaps',
  );
  await bursar('discount', 'cancel', id);
  await added('--percent', '20', '--on', 'input', '--until', '2031-01-01');
  expect(await terms()).toHaveLength(4);
});

test('it can be for one model, whatever it is called, for some kinds, and for a time', async () => {
  const told = await added(
    ...['--percent', '20', '--model', 'opus', '--on', 'input,output'],
    ...['--from', '2030-01-01', '--until', '2031-01-01'],
  );
  expect(told).toMatchObject({
    model: 'claude-opus-5',
    applies_to: ['input', 'output'],
    from: '2030-01-01T00:00:00.000Z',
    until: '2031-01-01T00:00:00.000Z',
  });
  expect(await terms()).toEqual([expect.objectContaining({ model: 'claude-opus-5' })]);
});

test('a cancelled discount ends at once and stays on the list', async () => {
  const { id } = await added('--percent', '20');
  const { told } = await bursar('discount', 'cancel', id);
  expect(shape.parse(told).cancelled_at).not.toBeNull();
  expect(await terms()).toEqual([]);
  expect(await listed()).toEqual([told]);
  const again = await bursar.text('discount', 'cancel', id);
  expect([again.exitCode, again.stdout]).toEqual([0, `${id} had been cancelled already.\n`]);
  const unknown = await bursar('discount', 'cancel', 'disc_none');
  expect([unknown.exitCode, unknown.code, unknown.message]).toEqual([
    1,
    'discount_not_found',
    'There is no discount disc_none.',
  ]);
});

test.each([
  ['--percent', '100', 'Use a percentage above 0 and below 100, such as 12.5.'],
  ['--percent', '0', 'Use a percentage above 0 and below 100'],
  ['--percent', '0.00', 'Use a percentage above 0 and below 100'],
  ['--percent', '-5', 'Use a percentage above 0 and below 100'],
  ['--percent', '12,5', 'Use a percentage above 0 and below 100'],
  ['--percent', '1.2345678', 'Use a percentage above 0 and below 100'],
  ['--on', 'input,tokens', 'Use a list of input, cache_write_5m'],
  ['--from', 'monday', 'Use a date or a time such as'],
  ['--until', '2026-02-30', 'Use a date or a time such as'],
])('%s %s is misuse that names the option and says what to write', async (option, value, fix) => {
  const more = option === '--percent' ? [] : ['--percent', '10'];
  const { exitCode, code, message } = await add(...more, option, value);
  expect([exitCode, code]).toEqual([2, 'usage']);
  expect(message).toContain(option);
  expect(message).toContain(fix);
  expect(await listed()).toEqual([]);
});

test('what names nothing, or a span that is none, is refused with what to change', async () => {
  const told = async (...more: string[]) => {
    const { exitCode, code, message } = await add('--percent', '10', ...more);
    return [exitCode, code, message];
  };
  expect(await told('--model', 'gpt-x')).toEqual([
    1,
    'model_not_priced',
    '--model gpt-x is not in price book acme-1.',
  ]);
  expect(await told('--from', '2030-01-01', '--until', '2030-01-01')).toEqual([
    1,
    'invalid_span',
    '--until must be after --from.',
  ]);
  expect(await told('--until', '2020-01-01')).toEqual([
    1,
    'invalid_span',
    expect.stringMatching(/^--until is over: it is .*Z already\.$/),
  ]);
  for (const verb of [['add', '--percent', '10', '--reason', 'x'], ['list']]) {
    const nobody = await bursar('discount', ...verb, '--org', 'org_none');
    expect([nobody.exitCode, nobody.code]).toEqual([1, 'organization_not_found']);
  }
  const [missing] = [await bursar('discount', 'add', '--org', org, '--percent', '10')];
  expect([missing.exitCode, missing.message]).toEqual([
    2,
    "required option '--reason <text>' not specified",
  ]);
  expect(await listed()).toEqual([]);
});

test('a person sees what is paid, of what, and since when', async () => {
  const { id } = await added('--percent', '12.5', '--until', '2031-01-01');
  const { stdout } = await bursar.text('discount', 'list', '--org', org);
  expect(stdout).toMatch(
    new RegExp(`^${id} +pays 875/1000 of all models from .* until 2031-01-01`),
  );
  expect(stdout).toContain('contract 7');
});
