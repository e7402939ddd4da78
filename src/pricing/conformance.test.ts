import { describe, expect, test } from 'vitest';
import { loadBookOrFail, ruleOf, verdictOf } from '../../conformance/engine.ts';
import { type Case, loadBook, loadCases } from '../../conformance/oracle.mjs';
import type { ModelPrice } from './book.ts';
import { bundledBook } from './bundled-book.ts';

const book = loadBookOrFail(loadBook());
const cases = loadCases();

/** Rules that are an ending of their own; the others say how a count of any ending is read. */
const ENDINGS = new Set(['S1', 'S2', 'S3', 'S4', 'S7', 'S8', 'S9', 'S12', 'S14']);

/** Said by the ledger, from the total: what the balance could pay of it. */
function ofTheLedger(row: Case): object {
  const { paid_nanos, operator_overrun_nanos } = row.expect;
  return paid_nanos === undefined ? {} : { paid_nanos, operator_overrun_nanos };
}

describe('the engine agrees with the published corpus', () => {
  test.each(cases.map((row) => [row.id, row] as const))('%s', (_id, row) => {
    expect({ ...verdictOf(book, row), ...ofTheLedger(row) }).toEqual(row.expect);
  });

  test('and settles every ending by the rule the corpus names', () => {
    const others = cases
      .filter(({ rule, expect: { outcome } }) => ENDINGS.has(rule) && outcome !== 'refused')
      .filter((row) => ruleOf(book, row) !== row.rule)
      .map((row) => `${row.id}: ${ruleOf(book, row)} instead of ${row.rule}`);
    expect(others).toEqual([]);
  });
});

/** What is charged by a row; bands that no prompt can reach are no part of it. */
function pricesOf(row: ModelPrice, longestPrompt: number): object {
  const { model, fast, region, batch, explicit } = row;
  const bands = row.bands.filter(({ promptTokensAbove }) => promptTokensAbove < longestPrompt);
  return { model, fast, region, batch, explicit, bands };
}

test('the bundled book has the prices of the corpus, each written without the other', () => {
  const bundled = bundledBook();
  const published = book.rows.filter(({ provider }) => provider === 'anthropic');
  for (const row of published) {
    const lastInstant = row.until === null ? row.from : new Date(row.until.getTime() - 1);
    for (const at of [row.from, lastInstant]) {
      const other = bundled.priceOf(row.model, at);
      const prices = other === undefined ? undefined : pricesOf(other, row.contextWindow);
      expect(prices, `${row.model} at ${at.toISOString()}`).toEqual(
        pricesOf(row, row.contextWindow),
      );
      for (const alias of row.aliases) expect(bundled.priceOf(alias, at)).toBe(other);
    }
    const after = row.until;
    if (after === null) continue;
    const followed = book.priceOf(row.model, after) !== undefined;
    expect(bundled.priceOf(row.model, after) !== undefined, `${row.model} after`).toBe(followed);
  }
  const named = new Set(book.rows.map(({ model }) => model));
  const missing = bundled.rows.filter(({ model }) => !named.has(model));
  expect(missing.map(({ model }) => model)).toEqual([]);
});
