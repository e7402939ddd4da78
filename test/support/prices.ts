import { adoptBook } from '#catalog/books';
import { type LivePrices, openPrices, pricesOf } from '#catalog/live';
import type { Pool } from '#db/pool';
import type { PriceBook, Terms } from '#pricing/book';
import { loadPriceBook } from '#pricing/book-data';
import { bundledBook } from '#pricing/bundled-book';
import { systemClock } from '#src/system';

/** The epoch of prices that stand still. */
export const STANDING_EPOCH = 1n;

/** Prices without a store, which never change. */
export function standingPrices(
  book: PriceBook = bundledBook(),
  terms: ReadonlyMap<string, Terms> = new Map(),
): LivePrices {
  const prices = pricesOf(STANDING_EPOCH, book, terms);
  return {
    current: () => prices,
    since: async () => prices,
    latest: async () => ({ prices, now: systemClock.now() }),
  };
}

/** The prices of a database, which has the bundled book from now on if it had none. */
export async function recordedPrices(pool: Pool): Promise<LivePrices> {
  await adoptBook(pool, { book: bundledBook(), source: 'bundled', by: 'test' });
  return await openPrices(pool);
}

/** A row of a test book: `input` and `output` in USD per million tokens. */
export const row = (model: string, input: string, output: string, more: object = {}) => ({
  ...{ model, context_window: 200_000, output_tokens_max: 32_000, from: '2026-01-01' },
  ...{ input, output },
  ...more,
});

export function testBook(version: string, ...models: readonly object[]): PriceBook {
  const loaded = loadPriceBook({ version, unit: 'usd', models });
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Error(loaded.problems.join('\n'));
}

/** As if nothing had ever been recorded. The product cannot do this, nor its owner by accident. */
export async function forgetPrices(owner: Pool): Promise<void> {
  const tables = ['changes', 'discounts', 'price_books'].map((name) => `catalog.${name}`);
  await owner.transaction(async (tx) => {
    for (const name of tables) await tx.query({ text: `ALTER TABLE ${name} DISABLE TRIGGER USER` });
    await tx.query({ text: `TRUNCATE ${tables.join(', ')}` });
    for (const name of tables) await tx.query({ text: `ALTER TABLE ${name} ENABLE TRIGGER USER` });
  });
}
