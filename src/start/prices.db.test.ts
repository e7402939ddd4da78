import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { importBook, listBooks, putInForce } from '#catalog/books';
import { bundledBook } from '#pricing/bundled-book';
import { parseConfig } from '#src/config';
import { startPrices } from '#src/start/prices';
import { EXIT_CONFIG } from '#src/start/refusal';
import { type TestDatabase, testDatabase } from '#test/database';
import { forgetPrices, row, testBook } from '#test/prices';

let db: TestDatabase;
let folder: string;
beforeAll(async () => {
  db = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), 'bursar-start-prices-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await db.drop();
});
beforeEach(() => forgetPrices(db.ownerPool));

const BUNDLED = bundledBook().version;

async function started(path?: string) {
  const parsed = parseConfig(path === undefined ? {} : { BURSAR_PRICE_BOOK: path });
  if (parsed.outcome === 'invalid') throw new Error('invalid test configuration');
  const { prices, notice } = await startPrices(parsed.config, db.pool);
  return [prices.current().book.version, notice] as const;
}
function file(version: string, input = '5', name = 'book.yaml'): string {
  const path = join(folder, name);
  const model = '{model: claude-opus-5, from: 2026-01-01, context_window: 9000';
  const rates = `output_tokens_max: 900, input: "${input}", output: "25"}`;
  writeFileSync(path, `version: ${version}\nunit: usd\nmodels:\n  - ${model}, ${rates}\n`);
  return path;
}
const imports = (version: string) =>
  importBook(db.pool, {
    book: testBook(version, row('claude-opus-5', '7', '25')),
    source: 'import',
    by: 'operator',
  });

test('without a file the bundled book is in force, recorded at the first start', async () => {
  expect(await started()).toEqual([BUNDLED, undefined]);
  expect(await started()).toEqual([BUNDLED, undefined]);
  expect(await listBooks(db.pool)).toMatchObject([{ version: BUNDLED, source: 'bundled' }]);
});

test('a file in YAML is in force from the start it is given at', async () => {
  await started();
  expect(await started(file('mine-1'))).toEqual(['mine-1', undefined]);
  expect(await started(file('mine-2', '6'))).toEqual(['mine-2', undefined]);
});

test('a file with mistakes ends the start as bad configuration, with every problem by line', async () => {
  const path = join(folder, 'wrong.yaml');
  writeFileSync(
    path,
    'version: w\nunit: usd\nmodels:\n  - {model: a, input: x}\n  - {output: 1}\n',
  );
  const refused = await started(path).catch((error: unknown) => error);
  expect(refused).toMatchObject({ exitCode: EXIT_CONFIG });
  expect(String(refused)).toMatch(/wrong\.yaml is refused:\n {2}line 4, models\[0\].*\n.*line 5/s);
  expect(await listBooks(db.pool)).toEqual([]);
});

test('a changed file under a version that is recorded is refused, and the fix is named', async () => {
  await started(file('mine-1'));
  const refused = await started(file('mine-1', '6')).catch((error: unknown) => error);
  expect(refused).toMatchObject({ exitCode: EXIT_CONFIG });
  expect(String(refused)).toContain('Give the changed file a new version.');
  expect((await started())[0]).toBe('mine-1');
});

test('a file does not push aside what an operator imported; the start says so every time', async () => {
  await imports('imported');
  for (let times = 0; times < 2; times++) {
    const [inForce, notice] = await started(file('mine-1'));
    expect(inForce).toBe('imported');
    expect(notice).toContain('BURSAR_PRICE_BOOK is recorded as mine-1; imported stays in force');
    expect(notice).toContain('To change: bursar price use mine-1');
  }
  await putInForce(db.pool, 'mine-1', 'operator');
  expect(await started(file('mine-1'))).toEqual(['mine-1', undefined]);
});

test('a bundled book that is new and does not come into force is announced once', async () => {
  await imports('imported');
  const [inForce, notice] = await started();
  expect(inForce).toBe('imported');
  expect(notice).toContain(`The price book of this release is recorded as ${BUNDLED}`);
  expect(await started()).toEqual(['imported', undefined]);
});

test('an operator’s book under the name of the bundled one does not stop a start', async () => {
  await imports(BUNDLED);
  const [inForce, notice] = await started();
  expect(inForce).toBe(BUNDLED);
  expect(notice).toContain(`Another price book ${BUNDLED} is recorded than the one`);
});
