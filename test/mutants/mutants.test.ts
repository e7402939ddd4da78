import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BUGS } from './catalogue.ts';
import { patched } from './planted-bug.ts';

const root = join(import.meta.dirname, '../..');

test('there are at least sixty planted bugs, each told in a sentence of its own', () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(60);
  expect(new Set(BUGS.map(({ id }) => id)).size).toBe(BUGS.length);
  expect(new Set(BUGS.map(({ bug }) => bug)).size).toBe(BUGS.length);
  expect(BUGS.filter(({ bug }) => !/^[A-Z].+\.$/.test(bug))).toEqual([]);
});

test.each(BUGS)('$id applies to the code as it is, in one place', (bug) => {
  const before = readFileSync(join(root, bug.file), 'utf8');
  expect(patched(before, bug)).toMatchObject({ outcome: 'patched' });
  expect(bug.replace).not.toBe(bug.find);
});

test.each(BUGS)('$id names tests that exist', ({ tests }) => {
  expect(tests.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(tests.length).toBeGreaterThan(0);
});

const DEFINED = /CREATE (?:OR REPLACE )?(?:FUNCTION|VIEW) ([a-z_.]+)/g;
const migrations = readdirSync(join(root, 'migrations')).sort();
const defines = new Map(
  migrations.map((name) => [
    `migrations/${name}`,
    [...readFileSync(join(root, 'migrations', name), 'utf8').matchAll(DEFINED)],
  ]),
);

test.each(BUGS.filter(({ file }) => defines.has(file)))(
  '$id is planted where its function is defined last',
  ({ file, find }) => {
    const at = readFileSync(join(root, file), 'utf8').indexOf(find);
    const around = defines.get(file)?.findLast(({ index }) => index <= at)?.[1];
    const later = [...defines].filter(
      ([name, defined]) => name > file && defined.some(([, other]) => other === around),
    );
    expect(later.map(([name]) => name)).toEqual([]);
  },
);
