import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tierBook } from './tier-book.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bursar-tiers-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (text: string): string => {
  const path = join(folder, 'tiers.yaml');
  writeFileSync(path, text);
  return path;
};

test('without a file there are the tiers of the public API, and by default none applies', () => {
  const { tiers } = tierBook({ tiersFile: undefined, defaultTier: 'none' });
  expect(tiers.map(({ name }) => name)).toEqual(['start', 'build', 'scale']);
  expect(() => tierBook({ tiersFile: undefined, defaultTier: 'build' })).not.toThrow();
});

test('a default tier that does not exist ends the start, with the names there are', () => {
  expect(() => tierBook({ tiersFile: undefined, defaultTier: 'gold' })).toThrow(
    'BURSAR_DEFAULT_TIER: found "gold", expected one of none, start, build, scale.',
  );
});

test('a wrong file ends the start, with what is wrong and where', () => {
  const tiersFile = file('tiers:\n  gold: { count_tokens: x }\n');
  expect(() => tierBook({ tiersFile, defaultTier: 'gold' })).toThrow(
    /line 2, tiers\.gold\.count_tokens: found "x"/,
  );
  const away = join(folder, 'away.yaml');
  expect(() => tierBook({ tiersFile: away, defaultTier: 'none' })).toThrow(/cannot be read/);
});
