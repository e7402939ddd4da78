import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { differences, evaluate, loadBook, loadCases } from '../../conformance/oracle.mjs';
import { coverageOf } from './coverage.ts';

const folder = new URL('../../conformance/', import.meta.url);
const bookFile = loadBook();
const cases = loadCases();
const textOf = (path: string): string => readFileSync(new URL(path, folder), 'utf8');

describe('the oracle', () => {
  test('derives every line and every total of the corpus, and so does each working by hand', () => {
    expect(differences(bookFile, cases)).toEqual([]);
  });

  test('knows nothing of the engine: it imports only itself and Node', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
    const imports = files.flatMap((name) =>
      [...textOf(name).matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
        ([, from = '']) => from,
      ),
    );
    expect(imports.length).toBeGreaterThan(4);
    expect(imports.filter((from) => !/^(node:|\.\/\w+\.mjs$)/.test(from))).toEqual([]);
  });

  test('notices a total, a line, or a working that is off by one', () => {
    const [row] = cases.filter(({ id }) => id === 'model-claude-opus-5');
    if (row === undefined) throw new RangeError('the row is gone');
    const [line, ...rest] = row.expect.lines;
    if (line === undefined) throw new RangeError('the row has no lines');
    const wrong = [
      { ...row, expect: { ...row.expect, total_nanos: '18750001' } },
      { ...row, expect: { ...row.expect, lines: [{ ...line, units: '1001' }, ...rest] } },
      { ...row, working: `${row.working} + 1` },
    ];
    for (const changed of wrong) expect(differences(bookFile, [changed])).toHaveLength(1);
  });

  test('calculates workings exactly', () => {
    expect(String(evaluate('1 / 2 + 1 / 3'))).toBe('5/6');
    expect(String(evaluate('(1 + 2) * 11 / 10 / 2'))).toBe('33/20');
    expect(() => evaluate('1.5 * 2')).toThrow(SyntaxError);
  });
});

describe('the corpus', () => {
  test('has at least 150 rows, each with an id of its own and a source', () => {
    expect(cases.length).toBeGreaterThanOrEqual(150);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
    expect(cases.filter(({ source }) => source.trim().length < 10)).toEqual([]);
  });

  test('fits its schema, file by file', () => {
    const schema = z.fromJSONSchema(JSON.parse(textOf('pricing/case.schema.json')));
    const files = readdirSync(new URL('pricing/cases/', folder));
    for (const file of files) {
      const result = schema.safeParse(JSON.parse(textOf(`pricing/cases/${file}`)));
      expect(result.error?.issues ?? [], file).toEqual([]);
    }
    const odd = { $schema: '../case.schema.json', about: 'odd', cases: [{ id: 'no-expectation' }] };
    expect(schema.safeParse(odd).success).toBe(false);
  });

  test('shows every rule and every price: each model, span, band, way of serving and factor', () => {
    const missing = [...coverageOf(bookFile, cases)].filter(([, rows]) => rows === 0);
    expect(missing.map(([dimension]) => dimension)).toEqual([]);
  });

  test('works out by hand every amount that is charged', () => {
    const charged = cases.filter(({ expect: { outcome } }) => outcome === 'charged');
    expect(charged.filter(({ working }) => working === undefined)).toEqual([]);
  });
});
