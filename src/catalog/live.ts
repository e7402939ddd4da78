import type { Db, Pool } from '#db/pool';
import { assert, Fault } from '#kernel/assert';
import type { PriceBook, Terms } from '#pricing/book';
import { loadRecorded } from './books.ts';
import { granted } from './discounts.ts';
import * as sql from './sql.ts';

/** What requests are priced by, as of one epoch. Immutable. */
export interface Prices {
  readonly epoch: bigint;
  readonly book: PriceBook;
  /** What this organization pays less; empty for list prices. */
  termsOf(organizationId: string): Terms;
  /** Whether no dated price or discount begins or ends between two times. */
  steady(one: Date, other: Date): boolean;
}

/** The prices of a moment, by the store's clock: business time. */
export interface PricesNow {
  readonly prices: Prices;
  readonly now: Date;
}

/** The prices a process knows, and how it learns of others. */
export interface LivePrices {
  /** As last read: to be confirmed by the statement that takes the hold. */
  current(): Prices;
  /** At least as new as this epoch. Throws if the store does not answer. */
  since(epoch: bigint): Promise<Prices>;
  /** As of now, by the store: for what takes no hold. Throws if the store does not answer. */
  latest(): Promise<PricesNow>;
}

/** Reads the prices in force. There must be a book: a process records its own before. */
export async function openPrices(pool: Pool): Promise<LivePrices> {
  let known = (await readPrices(pool)).prices;
  let reading: Promise<PricesNow> | undefined;

  /** One read at a time, whoever asks. */
  async function reread(): Promise<void> {
    reading ??= readPrices(pool).finally(() => {
      reading = undefined;
    });
    const { prices } = await reading;
    if (prices.epoch > known.epoch) known = prices;
  }

  async function since(epoch: bigint): Promise<Prices> {
    if (known.epoch < epoch) await reread();
    // A read that was under way may have begun before that epoch was there; the next one did not.
    if (known.epoch < epoch) await reread();
    assert(known.epoch >= epoch, 'the store forgot an epoch that it had told of');
    return known;
  }

  return {
    current: () => known,
    since,
    async latest() {
      const [row] = await pool.query<{ epoch: bigint; now: Date }>(sql.epoch);
      if (row === undefined) throw new Fault('the database gave no epoch');
      return { prices: await since(row.epoch), now: row.now };
    },
  };
}

/** As of now, for a single look. `unrecorded` stands in where no book was ever recorded. */
export async function readPrices(pool: Pool, unrecorded?: PriceBook): Promise<PricesNow> {
  // One moment for all three: a change between them would pair old terms with a new epoch.
  return await pool.transaction(async (tx) => {
    await tx.query(sql.oneMoment);
    const [at] = await tx.query<{ epoch: bigint; now: Date }>(sql.epoch);
    const [row] = await tx.query<sql.BookRow>(sql.selectBookInForce);
    const book = row === undefined ? unrecorded : loadRecorded(row);
    if (at === undefined || book === undefined) throw new Fault('no price book is in force');
    const discounts = await tx.query<sql.DiscountRow>(sql.selectLiveDiscounts);
    const terms = Map.groupBy(discounts.map(granted), (discount) => discount.organizationId);
    const prices = pricesOf(at.epoch, book, new Map<string, Terms>(terms));
    return { prices, now: at.now };
  });
}

/**
 * What one organization was to pay at an epoch: for work that was admitted then and ends much later,
 * perhaps in another process.
 */
export async function pricesAt(
  db: Db,
  organizationId: string,
  epoch: bigint,
): Promise<{ readonly book: PriceBook; readonly terms: Terms }> {
  const [row] = await db.query<sql.BookRow>(sql.selectBookAt(epoch));
  if (row === undefined) throw new Fault(`no price book was in force at epoch ${epoch}`);
  const discounts = await db.query<sql.DiscountRow>(sql.selectDiscountsAt(organizationId, epoch));
  return { book: loadRecorded(row), terms: discounts.map(granted) };
}

const NONE: Terms = [];

/** What is in force, from its parts. */
export function pricesOf(
  epoch: bigint,
  book: PriceBook,
  terms: ReadonlyMap<string, Terms>,
): Prices {
  const turns = turningPoints([...book.rows, ...[...terms.values()].flat()]);
  return {
    epoch,
    book,
    termsOf: (id) => terms.get(id) ?? NONE,
    steady(one, other) {
      const [a, b] = [one.getTime(), other.getTime()];
      return passed(turns, a) === passed(turns, b);
    },
  };
}

/** When prices change by themselves, ascending, in milliseconds. */
function turningPoints(spans: readonly { from: Date; until: Date | null }[]): number[] {
  const times = new Set<number>();
  for (const { from, until } of spans) {
    times.add(from.getTime());
    if (until !== null) times.add(until.getTime());
  }
  return [...times].sort((a, b) => a - b);
}

/** How many of these have come. */
function passed(turns: readonly number[], at: number): number {
  let [low, high] = [0, turns.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((turns[middle] ?? at) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
