import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ExplicitRates,
  type ModelPrice,
  type PriceBands,
  type PriceBook,
  priceBook,
  type Rates,
  type Surcharge,
  TOKEN_KINDS,
} from './book.ts';
import { bookData, loadPriceBook } from './book-data.ts';
import { diffBooks } from './book-diff.ts';
import { exportCsv, exportYaml } from './book-export.ts';
import { parseBookFile } from './book-file.ts';
import { bundledBook } from './bundled-book.ts';

const AMOUNT_MAX = 10n ** 18n - 1n;
const DAY_MS = 86_400_000;

/** Ordered as published prices are; 0 now and then, and the extremes. */
const rates: fc.Arbitrary<Rates> = fc
  .array(fc.oneof(fc.bigInt(0n, AMOUNT_MAX), fc.constantFrom(0n, 1n, 10n ** 9n, AMOUNT_MAX)), {
    minLength: 5,
    maxLength: 5,
  })
  .map((amounts) => amounts.sort((one, other) => (one < other ? -1 : Number(one > other))))
  .map(([cacheRead = 0n, input = 0n, cacheWrite5m = 0n, cacheWrite1h = 0n, output = 0n]) => ({
    input,
    cacheWrite5m,
    cacheWrite1h,
    cacheRead,
    output,
  }));
const thresholds = fc.uniqueArray(fc.integer({ min: 1, max: 10 ** 9 }), { maxLength: 3 });
const bandsOf = ([first, above, cuts]: [Rates, Rates, number[]]): PriceBands => [
  { promptTokensAbove: 0, rates: first },
  ...cuts
    .sort((one, other) => one - other)
    .map((promptTokensAbove) => ({ promptTokensAbove, rates: above })),
];
const higher = (one: bigint, other: bigint): bigint => (one > other ? one : other);
const upstreamBands = fc.tuple(rates, rates, thresholds).map(bandsOf);
/** What is sold has no price below the one of the band before. */
const bands: fc.Arbitrary<PriceBands> = fc
  .tuple(rates, rates, thresholds)
  .map(([first, other, cuts]) => {
    const above: Rates = {
      input: higher(first.input, other.input),
      cacheWrite5m: higher(first.cacheWrite5m, other.cacheWrite5m),
      cacheWrite1h: higher(first.cacheWrite1h, other.cacheWrite1h),
      cacheRead: higher(first.cacheRead, other.cacheRead),
      output: higher(first.output, other.output),
    };
    return bandsOf([first, above, cuts]);
  });
/** `dearer`: at least 1. In lowest terms, as a book has them. */
const surcharge = (dearer: boolean): fc.Arbitrary<Surcharge | null> =>
  fc.option(
    fc
      .record({
        factor: fc.constantFrom(
          [1n, 1n],
          [2n, 1n],
          [11n, 10n],
          [4n, 3n],
          [10n ** 9n, 999_999_999n],
        ),
        appliesTo: fc.oneof(
          fc.constant([...TOKEN_KINDS]),
          fc.shuffledSubarray([...TOKEN_KINDS], { minLength: 1 }),
        ),
      })
      .map(({ factor: [more = 1n, less = 1n], appliesTo }) => ({
        numerator: dearer ? more : less,
        denominator: dearer ? less : more,
        appliesTo: new Set(appliesTo),
      })),
  );
const served = (speed: 'fast' | null, region: 'us' | null, tier: 'batch' | null) =>
  bands.map((of): ExplicitRates => ({ speed, region, tier, bands: of }));
const explicit: fc.Arbitrary<readonly ExplicitRates[]> = fc.oneof(
  fc.constant([]),
  fc.tuple(served('fast', null, null)),
  fc.tuple(served('fast', 'us', null), served(null, 'us', null)),
  fc.tuple(
    served('fast', null, null),
    served(null, null, 'batch'),
    served('fast', null, 'batch'),
    served('fast', 'us', 'batch'),
  ),
);
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,12}$/);
const title = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9ü][ -~ü]{0,20}[!-~]$/),
  fc.constantFrom('null', 'none', 'true', '1', '0x10', '2026-01-01', 'a, "b"; c', 'a: b # c'),
);
const limit = fc.integer({ min: 1, max: 10 ** 9 });
const instant = fc.integer({ min: 0, max: 4 * 10 ** 12 }).map((ms) => new Date(ms));

const span = fc.record({
  aliases: fc.constant<string[]>([]),
  displayName: title,
  provider: name,
  releasedAt: instant,
  contextWindow: limit,
  outputTokensMax: limit,
  bands,
  fast: surcharge(true),
  region: surcharge(true),
  batch: surcharge(false),
  explicit,
  upstream: fc.option(upstreamBands),
  /** How long it lasts, and how long nothing is offered after it. */
  days: fc.tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom(0, 0, 5)),
});
const modelRows: fc.Arbitrary<ModelPrice[]> = fc
  .record({
    start: instant,
    spans: fc.array(span, { minLength: 1, maxLength: 3 }),
    open: fc.boolean(),
  })
  .map(({ start, spans, open }) => {
    let from = start.getTime();
    return spans.map(({ days: [lasts, gap], ...rest }, index): ModelPrice => {
      const until = from + lasts * DAY_MS;
      const isLast = index === spans.length - 1;
      const row = {
        ...rest,
        model: '',
        from: new Date(from),
        until: isLast && open ? null : new Date(until),
      };
      from = until + gap * DAY_MS;
      return row;
    });
  });
const books: fc.Arbitrary<PriceBook> = fc
  .record({
    version: title,
    names: fc.uniqueArray(name, { minLength: 8, maxLength: 8 }),
    models: fc.array(modelRows, { minLength: 1, maxLength: 4 }),
    fees: fc.record({
      webSearch: fc.bigInt(0n, AMOUNT_MAX),
      codeExecutionHour: fc.constantFrom(0n, 1n, 50_000_000n),
      codeExecutionFreeHours: fc.integer({ min: 0, max: 10 ** 6 }),
      codeExecutionMinimumSeconds: fc.integer({ min: 0, max: 86_400 }),
      sessionHour: fc.bigInt(0n, AMOUNT_MAX),
    }),
  })
  .map(({ version, names, models, fees }) => {
    const rows = models.flatMap((spans, index) =>
      spans.map((row) => ({
        ...row,
        model: names[index] ?? '',
        aliases: index % 2 === 0 ? [] : names.slice(index + 4, index + 5),
      })),
    );
    return priceBook(version, fees, rows);
  });

function reread(book: PriceBook, text: string, file: string): void {
  const loaded = parseBookFile(file, text);
  if (loaded.outcome === 'invalid') throw new Error(loaded.problems.join('\n'));
  expect(loaded.book.version).toBe(book.version);
  expect(loaded.book.fees).toEqual(book.fees);
  expect(loaded.book.rows).toEqual(book.rows);
}

describe('for every book', () => {
  test('what is exported as YAML imports as an equal book', () => {
    fc.assert(
      fc.property(books, (book) => reread(book, exportYaml(book), 'b.yaml')),
      { numRuns: 50 },
    );
  });

  test('what is exported as CSV imports as an equal book', () => {
    fc.assert(fc.property(books, (book) => reread(book, exportCsv(book), 'b.csv')));
  });

  test('the data form is the book, and byte by byte the same whenever it is made', () => {
    fc.assert(
      fc.property(books, (book) => {
        const text = JSON.stringify(bookData(book));
        reread(book, text, 'b.json');
        const loaded = loadPriceBook(JSON.parse(text));
        expect(loaded.outcome === 'loaded' && JSON.stringify(bookData(loaded.book))).toBe(text);
      }),
    );
  });

  test('exporting twice writes the same bytes', () => {
    fc.assert(
      fc.property(books, (book) => {
        const loaded = parseBookFile('b.csv', exportCsv(book));
        if (loaded.outcome === 'invalid') throw new Error(loaded.problems.join('\n'));
        expect(exportYaml(loaded.book)).toBe(exportYaml(book));
      }),
      { numRuns: 30 },
    );
  });

  test('a book does not differ from itself', () => {
    fc.assert(
      fc.property(books, instant, (book, now) => {
        expect(diffBooks(book, book, now)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

test.each(['yaml', 'csv'])('the bundled book survives %s', (format) => {
  const book = bundledBook();
  reread(book, format === 'csv' ? exportCsv(book) : exportYaml(book), `b.${format}`);
});

describe('whatever a file holds, it is read or refused, never half of each', () => {
  const book = bundledBook();
  const small = { ...book, rows: book.rows.slice(0, 3) };
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({
      unit: fc.constantFrom('[', '{', '"', ',', ':', '\n', '-', ' ', 'a', '&', '*', '1'),
    }),
  );

  test.each([
    ['yaml', exportYaml(small)],
    ['csv', exportCsv(small)],
  ])('%s with anything in the place of a few characters', (format, good) => {
    const at = fc.integer({ min: 0, max: good.length });
    fc.assert(
      fc.property(at, fc.integer({ min: 0, max: 12 }), text, (start, length, junk) => {
        const file = good.slice(0, start) + junk + good.slice(start + length);
        const loaded = parseBookFile(`b.${format}`, file);
        if (loaded.outcome === 'invalid') expect(loaded.problems.length).toBeGreaterThan(0);
        else expect(parseBookFile('b.yaml', exportYaml(loaded.book)).outcome).toBe('loaded');
      }),
      { numRuns: 150 },
    );
  });

  test.each(['yaml', 'csv'])('junk as %s', (format) => {
    fc.assert(
      fc.property(text, (junk) => {
        expect(parseBookFile(`b.${format}`, junk).outcome).toBe('invalid');
      }),
    );
  });
});
