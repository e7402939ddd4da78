import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { classOf, limitsOf, tierOf } from './tiers.ts';
import { parseTiersFile } from './tiers-file.ts';

function problemsIn(text: string): string[] {
  const loaded = parseTiersFile(text);
  const problems = loaded.outcome === 'invalid' ? loaded.problems : [];
  return problems.map(
    ({ place, found, expected }) => `${place}: found ${found}, expected ${expected}`,
  );
}

const good = `
# What we sell.
classes:
  large: { name: The large ones, models: [claude-opus-*, claude-fable-5] }
tiers:
  trial:
    spend_cap_usd: 12.50
    purchase_max_usd: 100
    burst_seconds: 1
    count_tokens: 10
    batches: { requests: 5, queued: 100, per_batch: 10 }
    other: { requests: 60, input_tokens: 100_000, output_tokens: 8000 }
    classes:
      large: { requests: 5, input_tokens: 30000, output_tokens: 4000 }
`;

test('an operator’s tiers are read, with classes of his own', () => {
  const loaded = parseTiersFile(good);
  if (loaded.outcome === 'invalid') throw new Error(problemsIn(good).join());
  const { book } = loaded;
  const trial = tierOf(book, 'trial');
  if (trial === undefined) throw new Error('no tier');
  expect(trial).toMatchObject({
    spendCap: 12_500_000_000n,
    purchases: { least: null, most: 100_000_000_000n },
    burstSeconds: 1,
    countTokens: 10,
    batches: { perBatch: 10 },
  });
  expect(classOf(book, 'claude-opus-5')).toBe('large');
  expect(limitsOf(trial, 'large').requests).toBe(5);
  expect(limitsOf(trial, classOf(book, 'claude-haiku-5-5'))).toEqual({
    ...{ requests: 60, input_tokens: 100_000, output_tokens: 8_000 },
  });
});

test('the most that may be bought is not below the least', () => {
  const crossed = good.replace(
    'purchase_max_usd: 100',
    'purchase_max_usd: 9\n    purchase_min_usd: 10',
  );
  expect(problemsIn(crossed)).toEqual([
    expect.stringMatching(/purchase_max_usd: found "9", expected purchase_min_usd \(10\) or more$/),
  ]);
});

test('the example of the operations guide is read', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const [, example = ''] = /```yaml\n(classes:[\s\S]*?)```/.exec(guide) ?? [];
  const loaded = parseTiersFile(example);
  expect(loaded).toMatchObject({ outcome: 'loaded', book: { tiers: [{ name: 'trial' }] } });
});

test('without classes of its own a file keeps the bundled ones', () => {
  const loaded = parseTiersFile(
    good.replace(/classes:\n {2}large.*\n/, '').replace('large', 'opus-4'),
  );
  expect(loaded.outcome === 'loaded' && classOf(loaded.book, 'claude-opus-4-8')).toBe('opus-4');
});

test('every mistake is reported with its line and its field', () => {
  const problems = problemsIn(`
classes:
  other: { models: [] }
  big: { models: ["claude *"], limit: 5 }
tiers:
  none:
    count_tokens: 0
    spend_cap_usd: lots
    purchase_min_usd: 10.001
    batches: { requests: 5, queued: 100 }
    other: { requests: many, input_tokens: 1.5, output_tokens: 8000 }
    classes:
      huge: 7
  Upper: {}
`);
  const told = [
    /^line 3, classes\.other: found "other", .*models of no class/,
    /^line 3, classes\.other\.models: found a list of 0, expected a list of models/,
    /^line 4, classes\.big\.limit: found an unknown field, expected one of name, models/,
    /^line 4, classes\.big\.models: found "claude \*"/,
    /^line \d+, tiers\.none: found "none", .* means no limits/,
    /^line \d+, tiers\.none\.classes\.huge: found "huge", expected one of the classes other, big/,
    /^line 7, tiers\.none\.count_tokens: found "0", expected a whole number from 1 to/,
    /^line 8, tiers\.none\.spend_cap_usd: found "lots"/,
    /^line 9, tiers\.none\.purchase_min_usd: found "10\.001", expected an amount of whole cents/,
    /^line 10, tiers\.none\.batches\.per_batch: found nothing, expected a whole/,
    /^line 11, tiers\.none\.other\.requests: found "many"/,
    /^line 11, tiers\.none\.other\.input_tokens: found "1\.5"/,
    /^line 13, tiers\.none\.classes\.huge: found "7", expected fields/,
    /^line 14, tiers\.Upper: found "Upper", expected small letters/,
  ];
  for (const pattern of told) expect(problems).toContainEqual(expect.stringMatching(pattern));
});

test.each([
  ['tiers: [', /^line \d+: /],
  ['', /the file/],
  ['tiers: {}', /^line 1, tiers: found no tier, expected at least one/],
  ['tiers: {a: {}}\ntiers: {b: {}}', /^line 2: found a name a second time/],
  ['tiers: *a', /^line 1: found an alias, expected YAML without aliases/],
  ['- a', /the file: found a list of 1, expected fields/],
])('%j is refused', (text, pattern) => {
  expect(problemsIn(text)).toContainEqual(expect.stringMatching(pattern));
});

test.each(['{"tiers": {"a": [', 'a: b: c: d', '%%%\n\t- x: [', '<html>\n<p class="x">: :'])(
  'a file that is no YAML is told once for each line: %j',
  (text) => {
    const places = problemsIn(text).map((problem) => problem.split(':')[0]);
    expect(places).not.toEqual([]);
    expect(new Set(places).size).toBe(places.length);
  },
);
