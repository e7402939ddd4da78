import { adoptBook } from '#catalog/books';
import { type LivePrices, openPrices } from '#catalog/live';
import type { Pool } from '#db/pool';
import type { Config } from '#src/config';
import { priceBook } from '#src/start/price-book';
import { EXIT_CONFIG, StartRefused } from '#src/start/refusal';

export interface StartedPrices {
  readonly prices: LivePrices;
  /** Set where the book given to this process is not in force, and somebody may expect it to be. */
  readonly notice: string | undefined;
}

/** Records the book of this deployment and reads what is in force, which may be another. */
export async function startPrices(config: Config, pool: Pool): Promise<StartedPrices> {
  const book = priceBook(config);
  const source = config.priceBook === undefined ? 'bundled' : 'file';
  const adopted = await adoptBook(pool, { book, source, by: 'start' });
  if (adopted.outcome === 'version_taken' && source === 'file') {
    throw new StartRefused(
      `BURSAR_PRICE_BOOK: another price book ${adopted.version} is recorded, and a version is one ` +
        'content for ever. Give the changed file a new version.',
      EXIT_CONFIG,
    );
  }
  const prices = await openPrices(pool);
  const inForce = prices.current().book.version;
  if (adopted.outcome === 'version_taken') {
    const notice =
      `Another price book ${book.version} is recorded than the one this release comes with, which ` +
      `is left aside; ${inForce} is in force.`;
    return { prices, notice };
  }
  // A bundled book is announced once, when it is new; a file was asked for at every start.
  const expected = source === 'file' || adopted.outcome === 'recorded';
  if (adopted.inForce || !expected) return { prices, notice: undefined };
  const [given, chooser] =
    source === 'file'
      ? ['BURSAR_PRICE_BOOK', 'an operator']
      : ['The price book of this release', 'an operator or BURSAR_PRICE_BOOK'];
  const notice =
    `${given} is recorded as ${book.version}; ${inForce} stays in force, because ${chooser} ` +
    `put it there. To change: bursar price use ${book.version}`;
  return { prices, notice };
}
