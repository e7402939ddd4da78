import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { importBook, listBooks } from '#catalog/books';
import { readPrices } from '#catalog/live';
import { declareSimulated } from '#db/deployment';
import { nanos } from '#kernel/money';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  recordOf,
  usd,
} from '#test/ledger-world';
import { forgetPrices, row, testBook } from '#test/prices';

let database: TestDatabase;
let bursar: ReturnType<typeof commandLine>;
let folder: string;
let org: string;
let payer: Payer;
beforeAll(async () => {
  database = await testDatabase();
  bursar = commandLine(database);
  folder = mkdtempSync(join(tmpdir(), 'bursar-price-'));
  await declareSimulated(database.pool, true);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});
beforeEach(async () => {
  await forgetPrices(database.ownerPool);
  const book = testBook('acme-1', row('claude-opus-5', '5', '25'), row('acme/house', '1', '2'));
  await importBook(database.pool, { book, source: 'import', by: 'test' });
  payer = await makePayer(database.pool);
  org = payer.organizationId;
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const yamlRow = (model: string, more: string) =>
  `  - {model: ${model}, context_window: 200000, output_tokens_max: 32000, ${more}}\n`;
const yaml = (version: string, ...rows: string[]) =>
  `version: ${version}\nunit: usd\nmodels:\n${rows.join('')}`;
const opus = (input: string, more = 'from: 2026-01-01') =>
  yamlRow('claude-opus-5', `${more}, input: "${input}", output: "25"`);
const house = yamlRow('acme/house', 'from: 2026-01-01, input: "1", output: "2"');
const inForce = async () => (await readPrices(database.pool)).prices.book.version;
const recorded = async () => (await listBooks(database.pool)).map(({ version }) => version);

const importShape = z.strictObject({
  version: z.string(),
  replaces: z.string().nullable(),
  in_force: z.boolean(),
  changes: z.array(
    z.strictObject({
      kind: z.enum(['added', 'removed', 'changed', 'scheduled', 'cancelled', 'backdated']),
      model: z.string().nullable(),
      from: z.string().nullable(),
      until: z.string().nullable(),
      fields: z.array(
        z.strictObject({
          field: z.string(),
          before: z.string().nullable(),
          after: z.string().nullable(),
        }),
      ),
      text: z.string(),
    }),
  ),
});
async function imported(path: string, ...more: string[]) {
  const { told, message } = await bursar('price', 'import', path, ...more);
  expect(message).toBeUndefined();
  return importShape.parse(told);
}

test('every model on offer is listed with its rates, of any time', async () => {
  const { told } = await bursar('price', 'list');
  expect(told).toMatchObject({ version: 'acme-1' });
  expect(told.data.map(({ model }: { model: string }) => model)).toEqual([
    'claude-opus-5',
    'acme/house',
  ]);
  expect(told.data[0].bands).toEqual([
    {
      prompt_tokens_above: 0,
      input_usd: '5',
      cache_write_5m_usd: '6.25',
      cache_write_1h_usd: '10',
      cache_read_usd: '0.5',
      output_usd: '25',
    },
  ]);
  const before = await bursar('price', 'list', '--at', '2025-06-01');
  expect(before.told).toMatchObject({ at: '2025-06-01T00:00:00.000Z', data: [] });
  const said = await bursar.text('price', 'list');
  expect(said.stdout).toMatch(/^acme-1 at .*\nper million tokens, USD +input +write 5m/);
});

test('fees are told with the list and with a model, exactly', async () => {
  const fees = {
    web_search_usd_per_1000: '10',
    code_execution_usd_per_hour: '0.05',
    code_execution_free_hours: 1_550,
    code_execution_minimum_seconds: 300,
    session_usd_per_hour: '0.08',
  };
  expect((await bursar('price', 'list')).told).toMatchObject({ fees });
  expect((await bursar('price', 'show', 'acme/house')).told).toMatchObject({ fees });
  for (const verb of [['list'], ['show', 'acme/house']]) {
    const { stdout } = await bursar.text('price', ...verb);
    expect(stdout).toMatch(/web search +10 per 1,000\n/);
    expect(stdout).toMatch(
      /code execution +0\.05 per hour, at least 300 s each; 1550 hours a month/,
    );
    expect(stdout).toMatch(/session +0\.08 per hour\n/);
  }
  const tiny = 'version: acme-2\nunit: usd\nfees: {web_search: 0.000000001}\nmodels:\n';
  await imported(file('tiny.yaml', `${tiny}${house}`));
  const { told } = await bursar('price', 'list');
  expect(told.fees.web_search_usd_per_1000).toBe('0.000000000001');
});

test('one model is shown with what its factors multiply and what it costs upstream', async () => {
  const more =
    'from: 2026-01-01, fast: {factor: "2", applies_to: [output, input]}, batch: "0.5", ' +
    'upstream: {input: "4", output: "20"}';
  await imported(file('reach.yaml', yaml('acme-2', opus('5', more))));
  const { told } = await bursar('price', 'show', 'claude-opus-5');
  expect(told).toMatchObject({ fast: '2/1', fast_applies_to: ['input', 'output'] });
  expect(told).toMatchObject({ batch: '1/2', batch_applies_to: null });
  expect(told).toMatchObject({ region_us: null, region_us_applies_to: null });
  const { stdout } = await bursar.text('price', 'show', 'claude-opus-5');
  expect(stdout).toMatch(/upstream +4 +5 +8 +0\.4 +20\n/);
  expect(stdout).toMatch(/fast +2\/1 of input, output\n/);
  expect(stdout).toMatch(/batch +1\/2\n/);
});

test('one model is shown with all that decides its price, now or at another time', async () => {
  await imported(
    file(
      'two.yaml',
      yaml(
        'acme-2',
        opus('5', 'until: 2030-01-01, from: 2026-01-01'),
        opus('4', 'from: 2030-01-01, fast: "2"'),
      ),
    ),
  );
  const now = await bursar('price', 'show', 'claude-opus-5');
  expect(now.told).toMatchObject({
    version: 'acme-2',
    model: 'claude-opus-5',
    until: '2030-01-01T00:00:00.000Z',
    fast: null,
    region_us: null,
    batch: null,
    explicit: [],
    upstream: null,
  });
  const then = await bursar('price', 'show', 'claude-opus-5', '--at', '2030-01-01');
  expect(then.told).toMatchObject({
    at: '2030-01-01T00:00:00.000Z',
    fast: '2/1',
    bands: [{ input_usd: '4' }],
  });
  const none = await bursar('price', 'show', 'gpt-x');
  expect([none.exitCode, none.code]).toEqual([1, 'model_not_priced']);
  expect(none.message).toMatch(/^gpt-x has no price at .* in acme-2\.$/);
  const bad = await bursar('price', 'show', 'claude-opus-5', '--at', 'tomorrow');
  expect(bad.exitCode).toBe(2);
  expect(bad.message).toContain("'--at <time>' argument 'tomorrow' is invalid. Use a date");
});

test('a dry run says what an import would change, and changes nothing', async () => {
  const path = file('dearer.yaml', yaml('acme-2', opus('6')));
  const dry = await imported(path, '--dry-run');
  expect(dry).toMatchObject({ version: 'acme-2', replaces: 'acme-1', in_force: false });
  expect([await inForce(), await recorded()]).toEqual(['acme-1', ['acme-1']]);
  const done = await imported(path);
  expect(done).toEqual({ ...dry, in_force: true });
  expect(await inForce()).toBe('acme-2');
});

test('an import says what it changes: rows that come, go, change, and those dated ahead or back', async () => {
  const { now } = await readPrices(database.pool);
  const soon = new Date(now.getTime() + 30 * 86_400_000).toISOString();
  const later = `until: ${soon}, from: 2026-01-01`;
  const scheduled = await imported(
    file('s.yaml', yaml('s', opus('5', later), opus('6', `from: ${soon}`), house)),
  );
  expect(scheduled.changes.map(({ kind, from }) => [kind, from])).toContainEqual([
    'scheduled',
    soon,
  ]);
  const cancelled = await imported(file('c.yaml', yaml('c', opus('5'), house)));
  expect(cancelled.changes.map(({ kind }) => kind)).toContain('cancelled');
  const backdated = await imported(file('b.yaml', yaml('b', opus('5.50'))));
  expect(backdated.changes.map(({ kind, model }) => [kind, model])).toEqual([
    ['backdated', 'claude-opus-5'],
    ['removed', 'acme/house'],
  ]);
  const [first] = backdated.changes;
  expect(first?.fields).toContainEqual({ field: 'bands[0].input', before: '5', after: '5.5' });
  const said = await bursar.text('price', 'import', file('n.yaml', yaml('n', opus('5.50'), house)));
  expect(said.stdout).toMatch(/^n is in force, in place of b\n/);
  expect(said.stdout).toMatch(/added: .*acme\/house/);
});

test('the book in force is imported again without a change; under its version no other is', async () => {
  const path = file('one.yaml', yaml('acme-9', opus('6')));
  await imported(path);
  expect(await imported(path)).toMatchObject({ replaces: null, in_force: true, changes: [] });
  const said = await bursar.text('price', 'import', path);
  expect(said.stdout).toBe('acme-9 is in force already\nno price differs\n');
  writeFileSync(path, yaml('acme-9', opus('7')));
  for (const more of [[], ['--dry-run']]) {
    const refused = await bursar('price', 'import', path, ...more);
    expect([refused.exitCode, refused.code]).toEqual([1, 'version_taken']);
    expect(refused.message).toContain('give the file a new version');
  }
});

test('a file with mistakes is refused with all of them, by line, and nothing changes', async () => {
  const path = file(
    'wrong.yaml',
    `version: wrong\nunit: usd\nmodels:\n${opus('0')}${yamlRow('b', 'from: 2026-01-01, inptu: "1", output: "2"')}`,
  );
  for (const more of [[], ['--dry-run']]) {
    const refused = await bursar('price', 'import', path, ...more);
    expect([refused.exitCode, refused.code]).toEqual([1, 'price_book_invalid']);
    expect(refused.message).toContain('is refused; nothing changed:');
    expect(refused.message).toMatch(/line 4, models\[0\]\.input \(claude-opus-5\)/);
    expect(refused.message).toMatch(/line 5.*inptu.*input/s);
  }
  expect([await inForce(), await recorded()]).toEqual(['acme-1', ['acme-1']]);
  const missing = await bursar('price', 'import', join(folder, 'no-such.yaml'));
  expect([missing.code, missing.message]).toEqual([
    'file_not_readable',
    expect.stringContaining('no such file'),
  ]);
  expect((await bursar('price', 'import', folder)).code).toBe('file_not_readable');
});

test('what is exported is imported again as the same book, as YAML and as a table', async () => {
  for (const format of ['yaml', 'csv']) {
    const { told } = await bursar('price', 'export', '--format', format);
    expect(told).toMatchObject({ version: 'acme-1', format });
    const plain = await bursar.text('price', 'export', '--format', format);
    expect(plain.stdout).toBe(told.text.endsWith('\n') ? told.text : `${told.text}\n`);
    const again = await imported(file(`again.${format}`, plain.stdout));
    expect(again).toMatchObject({ replaces: null, in_force: true, changes: [] });
  }
  expect((await bursar('price', 'export', '--format', 'xml')).message).toContain('Use yaml or csv');
});

test('any recorded book can be exported and put in force again; others are not known', async () => {
  await imported(file('w.yaml', yaml('acme-2', opus('20'))));
  const old = await bursar('price', 'export', 'acme-1');
  expect(old.told.text).toContain('acme/house');
  const { told } = await bursar('price', 'versions');
  expect(told.data).toEqual([
    expect.objectContaining({ version: 'acme-2', in_force: true, source: 'import' }),
    expect.objectContaining({ version: 'acme-1', in_force: false, recorded_by: 'test' }),
  ]);
  expect((await bursar('price', 'use', 'acme-1')).told).toEqual({
    version: 'acme-1',
    in_force: true,
  });
  expect(await inForce()).toBe('acme-1');
  expect((await bursar.text('price', 'use', 'acme-1')).stdout).toContain('in force already');
  for (const verb of ['use', 'export']) {
    const unknown = await bursar('price', verb, 'acme-3');
    expect([unknown.exitCode, unknown.code]).toEqual([1, 'unknown_version']);
    expect(unknown.message).toContain('bursar price versions');
  }
});

test('on a database that no process was started on, looking records nothing; an import does', async () => {
  await forgetPrices(database.ownerPool);
  expect((await bursar('price', 'list')).told.data.length).toBeGreaterThan(5);
  expect((await bursar('price', 'export')).exitCode).toBe(0);
  const path = file('first.yaml', yaml('acme-1', opus('6')));
  expect(await imported(path, '--dry-run')).toMatchObject({ in_force: false });
  expect((await bursar.text('price', 'versions')).stdout).toContain('no price book was recorded');
  expect(await recorded()).toEqual([]);
  await imported(path);
  expect(await recorded()).toEqual(['acme-1']);
});

interface Charged {
  readonly cost: string;
  readonly list: string;
  readonly upstream: string | null;
  readonly model?: string;
  readonly loss?: string;
}

async function charge(node: ReturnType<typeof chargingOn>, of: Charged): Promise<void> {
  const requestId = newRequest();
  await hold(node.charging, payer, usd('1'), requestId);
  const lost = of.loss !== undefined;
  const settled = await node.charging.settle({
    organizationId: payer.organizationId,
    requestId,
    resolution: lost ? 'void' : 'settle',
    cost: usd(of.cost),
    record: recordOf(payer, {
      rule: lost ? 'S8' : 'S1',
      usage: {
        ...{ iterations: [], webSearches: 0, codeExecutionSeconds: 0, sessionMilliseconds: 0 },
        ...{ speed: 'standard', inferenceGeo: 'global', serviceTier: 'standard' },
      },
      model: of.model ?? 'claude-opus-5',
      listAmount: lost ? null : usd(of.list),
      upstreamCost: of.upstream === null ? null : usd(of.upstream),
      lossUsage: lost ? usd(of.loss ?? '0') : nanos(0n),
    }),
  });
  expect(settled.outcome).toBe(lost ? 'voided' : 'settled');
}

test('the margin is what was charged less what it cost upstream; without a cost it is in no sum', async () => {
  const node = chargingOn(database.url);
  await give(database.pool, payer, usd('10'));
  await charge(node, { cost: '0.9', list: '1', upstream: '0.4' });
  await charge(node, { cost: '0.5', list: '0.5', upstream: '0.7' });
  await charge(node, { cost: '0.8', list: '0.8', upstream: null });
  await charge(node, { cost: '0', list: '0', upstream: '0.1', loss: '0.2' });
  await charge(node, { cost: '0', list: '0', upstream: null, loss: '0.3' });
  await charge(node, { cost: '0.25', list: '0.25', upstream: '0.25', model: 'acme/house' });
  await node.close();
  const span = ['--from', '2020-01-01', '--until', '2100-01-01'];
  const { told } = await bursar('price', 'margin', ...span, '--org', org);
  expect(told.data).toEqual([
    {
      model: 'claude-opus-5',
      requests: '5',
      list_usd: '1.5',
      charged_usd: '1.4',
      overrun_usd: '0',
      loss_usd: '0.5',
      upstream_usd: '1.2',
      margin_usd: '0.2',
      requests_without_cost: '2',
    },
    expect.objectContaining({ model: 'acme/house', margin_usd: '0', requests_without_cost: '0' }),
  ]);
  const everybody = await bursar('price', 'margin', ...span);
  expect(everybody.told.data).toEqual(told.data);
  const other = (await makePayer(database.pool)).organizationId;
  expect((await bursar('price', 'margin', ...span, '--org', other)).told.data).toEqual([]);
  const past = ['--from', '2020-01-01', '--until', '2021-01-01'];
  expect((await bursar('price', 'margin', ...past)).told.data).toEqual([]);
});

test('a margin needs a span and an organization that are some', async () => {
  const asked = async (...more: string[]) => {
    const { exitCode, code, message } = await bursar('price', 'margin', ...more);
    return [exitCode, code, message];
  };
  expect(await asked('--from', '2026-01-01', '--until', '2026-01-01')).toEqual([
    1,
    'invalid_span',
    '--until must be after --from.',
  ]);
  const span = ['--from', '2026-01-01', '--until', '2027-01-01'];
  expect((await asked(...span, '--org', 'org_x'))[1]).toBe('organization_not_found');
  expect(await asked('--from', '2026-01-01')).toEqual([
    2,
    'usage',
    "required option '--until <time>' not specified",
  ]);
  expect((await asked('--from', '2026-02-30', '--until', '2027-01-01'))[2]).toContain("'--from");
});
