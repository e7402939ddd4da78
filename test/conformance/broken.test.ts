import { expect, test } from 'vitest';
import { compare, terrainOf } from '../../conformance/compare.ts';
import { loadBook, loadCases } from '../../conformance/oracle.mjs';
import { brokenOnce } from './broken.ts';

test('engine and oracle agree on every row of the corpus with any one thing broken', () => {
  const book = loadBook();
  // What the gateway counts by itself (S11) is not read from the answer alone.
  const rows = loadCases().filter(
    ({ expect: { outcome }, stopped_by_us }) =>
      outcome !== 'refused' && stopped_by_us === undefined,
  );
  const seen = { charged: 0, free: 0, quarantined: 0 };
  const different: string[] = [];
  for (const row of rows) {
    const terrain = terrainOf(book, row.discounts ?? []);
    for (const [how, broken] of brokenOnce(row)) {
      const comparison = compare(terrain, broken);
      if (comparison.outcome === 'different')
        different.push(`${row.id}, ${how}: ${comparison.what}`);
      else seen[comparison.outcome] += 1;
    }
  }
  expect(different).toEqual([]);
  expect(Object.values(seen).filter((count) => count < 500)).toEqual([]);
});
