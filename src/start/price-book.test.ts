import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Config, parseConfig } from '#src/config';
import { priceBook } from '#src/start/price-book';
import { StartRefused } from '#src/start/refusal';

const directory = mkdtempSync(join(tmpdir(), 'price-book-'));
afterAll(() => rmSync(directory, { recursive: true }));

function configured(file: string): Config {
  const outcome = parseConfig({ BURSAR_PRICE_BOOK: join(directory, file) }, () => '');
  if (outcome.outcome === 'valid') return outcome.config;
  throw new Error(JSON.stringify(outcome.problems));
}

const book = (input: string): string =>
  'version: mine\nunit: usd\nmodels:\n  - model: m\n    from: 2026-01-01\n' +
  `    context_window: 9\n    output_tokens_max: 9\n    output: 9\n    input: ${input}\n`;

test('a book in YAML is what requests are priced by', () => {
  writeFileSync(join(directory, 'good.yaml'), book('5'));
  expect(priceBook(configured('good.yaml')).version).toBe('mine');
});

test('a wrong book is refused at start, with line, field and fix', () => {
  writeFileSync(join(directory, 'bad.yaml'), book('0'));
  const start = (): unknown => priceBook(configured('bad.yaml'));
  expect(start).toThrow(StartRefused);
  expect(start).toThrow(/line 9, models\[0\]\.input \(m\): is 0; write free: true/);
});

test('a book that cannot be read is refused at start', () => {
  expect(() => priceBook(configured('none.yaml'))).toThrow(/none\.yaml cannot be read/);
});
