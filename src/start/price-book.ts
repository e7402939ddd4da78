import { readFileSync } from 'node:fs';
import type { PriceBook } from '#pricing/book';
import { parseBookFile } from '#pricing/book-file';
import { bundledBook } from '#pricing/bundled-book';
import type { Config } from '#src/config';
import { EXIT_CONFIG, StartRefused } from '#src/start/refusal';

/** The prices of this deployment. A file with a single wrong row is refused as a whole. */
export function priceBook(config: Config): PriceBook {
  if (config.priceBook === undefined) return bundledBook();
  const loaded = parseBookFile(config.priceBook, readBookFile(config.priceBook));
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new StartRefused(
    `The price book ${config.priceBook} is refused:\n  ${loaded.problems.join('\n  ')}`,
    EXIT_CONFIG,
  );
}

function readBookFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartRefused(`BURSAR_PRICE_BOOK: ${path} cannot be read: ${reason}`, EXIT_CONFIG);
  }
}
