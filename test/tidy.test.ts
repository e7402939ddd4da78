import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as arrowRules from './tidy/arrows.ts';
import * as banRules from './tidy/bans.ts';
import { type Planted, plants } from './tidy/plants.ts';
import * as shapeRules from './tidy/shape.ts';
import { collect, type Finding, type Rule, sourceFile } from './tidy/source.ts';

const { packageOwners: _owners, zoneArrows: _table, zoneOf: _zoneOf, ...arrows } = arrowRules;

/** Plants without a rule do not compile; a rule without plants fails its own test below. */
const rules: Readonly<Record<keyof typeof plants, Rule>> = {
  ...arrows,
  ...banRules,
  ...shapeRules,
} satisfies Record<keyof typeof plants, Rule>;

/**
 * A collector that silently sees nothing passes every rule. Raise these floors as the tree grows.
 */
const filesSeenMin: Readonly<Record<string, number>> = {
  'src/': 60,
  'sims/': 20,
  'web/': 20,
  'migrations/': 6,
  'test/': 8,
};

const files = collect(dirname(dirname(fileURLToPath(import.meta.url))));

function told(findings: readonly Finding[]): string[] {
  return findings.map(({ path, line, advice }) => `${path}:${line} ${advice}`);
}

test('the rules see the tree', () => {
  for (const [folder, floor] of Object.entries(filesSeenMin)) {
    const seen = files.filter(({ path }) => path.startsWith(folder)).length;
    expect(seen, `files seen in ${folder}`).toBeGreaterThanOrEqual(floor);
  }
  const imports = files.flatMap((file) => file.imports);
  expect(imports.length, 'imports seen').toBeGreaterThanOrEqual(files.length / 2);
});

describe.each(Object.entries(rules))('%s', (name, rule) => {
  const planted: Planted | undefined = Object.entries(plants).find(([key]) => key === name)?.[1];

  test('the tree keeps it', () => {
    expect(told(rule(files))).toEqual([]);
  });

  test('a planted fault is reported, its lawful twin is not', () => {
    expect(planted?.bad.length, 'faults planted').toBeGreaterThan(0);
    expect(planted?.good.length, 'lawful twins').toBeGreaterThan(0);
    for (const tree of planted?.bad ?? []) {
      expect(rule(read(tree)), `must be reported: ${JSON.stringify(tree)}`).not.toEqual([]);
    }
    for (const tree of planted?.good ?? []) {
      expect(told(rule(read(tree))), `must pass: ${JSON.stringify(tree)}`).toEqual([]);
    }
  });
});

function read(tree: Readonly<Record<string, string>>): ReturnType<typeof sourceFile>[] {
  return Object.entries(tree).map(([path, text]) => sourceFile(path, text));
}
