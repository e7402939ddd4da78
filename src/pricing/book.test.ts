import { describe, expect, test } from 'vitest';
import { bookData, loadPriceBook } from './book-data.ts';
import { bundledBook, bundledBookData } from './bundled-book.ts';

const book = bundledBook();
const at = (day: string): Date => new Date(`${day}T00:00:00Z`);
const now = at('2026-11-21');
const usd = (dollars: number): bigint => (BigInt(Math.round(dollars * 1000)) * 10n ** 9n) / 1000n;

const published: [string, number, number, number, number, number][] = [
  ['claude-fable-5-2', 8, 10, 16, 0.2, 40],
  ['claude-fable-5-1', 10, 12.5, 20, 0.25, 50],
  ['claude-mythos-5-1', 10, 12.5, 20, 0.25, 50],
  ['claude-fable-5', 10, 12.5, 20, 1, 50],
  ['claude-mythos-5', 10, 12.5, 20, 1, 50],
  ['claude-opus-5-5', 4, 5, 8, 0.2, 20],
  ['claude-opus-5', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-8', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-7', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-6', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-5', 5, 6.25, 10, 0.5, 25],
  ['claude-sonnet-5-5', 2, 2.5, 4, 0.1, 10],
  ['claude-sonnet-5', 2, 2.5, 4, 0.2, 10],
  ['claude-sonnet-4-6', 3, 3.75, 6, 0.3, 15],
  ['claude-sonnet-4-5', 3, 3.75, 6, 0.3, 15],
  ['claude-haiku-5-5', 0.1, 0.125, 0.2, 0.01, 0.5],
  ['claude-haiku-4-5', 1, 1.25, 2, 0.1, 5],
];
/** On the day before they were retired. */
const retired: [string, string, number, number, number, number, number][] = [
  ['claude-opus-4-1', '2026-08-05', 15, 18.75, 30, 1.5, 75],
  ['claude-opus-4-0', '2026-06-15', 15, 18.75, 30, 1.5, 75],
  ['claude-sonnet-4-0', '2026-06-15', 3, 3.75, 6, 0.3, 15],
  ['claude-3-7-sonnet-20250219', '2026-02-19', 3, 3.75, 6, 0.3, 15],
  ['claude-3-5-sonnet-20241022', '2025-10-28', 3, 3.75, 6, 0.3, 15],
  ['claude-3-5-sonnet-20240620', '2025-10-28', 3, 3.75, 6, 0.3, 15],
  ['claude-3-5-haiku-20241022', '2026-02-19', 0.8, 1, 1.6, 0.08, 4],
  ['claude-3-opus-20240229', '2026-01-05', 15, 18.75, 30, 1.5, 75],
  ['claude-3-sonnet-20240229', '2025-07-21', 3, 3.75, 6, 0.3, 15],
  ['claude-3-haiku-20240307', '2026-04-20', 0.25, 0.3, 0.5, 0.03, 1.25],
  ['claude-2.1', '2025-07-21', 8, 8, 8, 8, 24],
  ['claude-2.0', '2025-07-21', 8, 8, 8, 8, 24],
];
const rates = (input: number, w5m: number, w1h: number, read: number, output: number) => ({
  input: usd(input),
  cacheWrite5m: usd(w5m),
  cacheWrite1h: usd(w1h),
  cacheRead: usd(read),
  output: usd(output),
});

describe('the bundled book', () => {
  test.each(published)('%s has its published rates', (model, input, w5m, w1h, read, output) => {
    expect(book.priceOf(model, now)?.bands[0].rates).toEqual(rates(input, w5m, w1h, read, output));
  });

  test.each(retired)(
    '%s had its rates until %s and is not offered since',
    (model, day, ...usds) => {
      const before = new Date(at(day).getTime() - 1);
      expect(book.priceOf(model, before)?.bands[0].rates).toEqual(rates(...usds));
      expect(book.priceOf(model, at(day))).toBeUndefined();
    },
  );

  test('every model on offer is in the table above, once', () => {
    const models = book.models(now).map((price) => price.model);
    expect(new Set(models).size).toBe(models.length);
    expect(models).toHaveLength(published.length);
    expect(new Set(book.rows.map((row) => row.model)).size).toBe(published.length + retired.length);
  });

  test('a model is not offered before its release', () => {
    expect(book.priceOf('claude-opus-5', at('2026-07-23'))).toBeUndefined();
    expect(book.priceOf('claude-opus-5', at('2026-07-24'))).toBeDefined();
  });

  test('an alias is priced as the model it names', () => {
    expect(book.priceOf('claude-haiku-4-5', now)?.model).toBe('claude-haiku-4-5-20251001');
  });

  test('the cut of the Sonnet 5.5 cache read takes effect at midnight, not before', () => {
    const read = (time: string) =>
      book.priceOf('claude-sonnet-5-5', new Date(time))?.bands[0].rates.cacheRead;
    expect(read('2026-10-06T23:59:59.999Z')).toBe(usd(0.2));
    expect(read('2026-10-07T00:00:00Z')).toBe(usd(0.1));
  });

  test.each([['claude-mythos-preview'], ['claude-mythos-5-2'], ['gpt-9'], ['__proto__'], ['']])(
    'what has no published price is not offered: %s',
    (model) => {
      expect(book.priceOf(model, now)).toBeUndefined();
    },
  );

  test.each([
    ['claude-haiku-5-5', '2026-11-21', 100_000, rates(0.5, 0.625, 1, 0.05, 2.5)],
    ['claude-opus-4-6', '2026-03-12', 200_000, rates(10, 12.5, 20, 1, 37.5)],
    ['claude-sonnet-4-6', '2026-03-12', 200_000, rates(6, 7.5, 12, 0.6, 22.5)],
    ['claude-sonnet-4-5', '2026-04-29', 200_000, rates(6, 7.5, 12, 0.6, 22.5)],
    ['claude-sonnet-4-0', '2026-04-29', 200_000, rates(6, 7.5, 12, 0.6, 22.5)],
  ])('%s on %s costs more above its length', (model, day, promptTokensAbove, above) => {
    expect(book.priceOf(model, at(day))?.bands[1]).toEqual({ promptTokensAbove, rates: above });
  });

  test.each([
    ['claude-opus-4-6', '2026-03-13'],
    ['claude-sonnet-4-6', '2026-03-13'],
    ['claude-sonnet-4-5', '2026-04-30'],
    ['claude-sonnet-4-0', '2026-04-30'],
  ])('the long-context premium of %s ended on %s', (model, day) => {
    expect(book.priceOf(model, at(day))?.bands).toHaveLength(1);
  });
});

describe('ways of serving in the bundled book', () => {
  const times = (model: string, day: string) => {
    const fast = book.priceOf(model, at(day))?.fast;
    return fast === null || fast === undefined ? null : `${fast.numerator}/${fast.denominator}`;
  };

  test.each([
    ['claude-opus-5', '2026-11-21', '2/1'],
    ['claude-opus-4-8', '2026-11-29', '2/1'],
    ['claude-opus-4-8', '2026-11-30', null],
    ['claude-opus-4-7', '2026-06-30', '6/1'],
    ['claude-opus-4-7', '2026-07-01', null],
    ['claude-opus-4-6', '2026-05-31', '6/1'],
    ['claude-opus-4-6', '2026-06-01', '1/1'],
    ['claude-opus-5-5', '2026-11-21', null],
    ['claude-fable-5-2', '2026-11-21', null],
    ['claude-sonnet-5-5', '2026-11-21', null],
  ])('fast mode of %s on %s: %s', (model, day, factor) => {
    expect(times(model, day)).toBe(factor);
  });

  test('US-only inference costs a tenth more, from Claude 4.6 on, and is not offered before', () => {
    const older = ['claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5'];
    for (const { model, aliases, region } of book.models(now)) {
      const expected = older.some((name) => aliases.includes(name)) ? null : [11n, 10n];
      expect(region && [region.numerator, region.denominator], model).toEqual(expected);
    }
  });

  test('batches cost half; models from before batches are not sold in them', () => {
    const unbatched = book.rows.filter((row) => row.batch === null).map((row) => row.model);
    expect(unbatched).toEqual(['claude-3-sonnet-20240229', 'claude-2.1', 'claude-2.0']);
    expect(book.priceOf('claude-opus-5', now)?.batch).toEqual({
      numerator: 1n,
      denominator: 2n,
      appliesTo: new Set(['input', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'output']),
    });
  });

  test('searches, containers and sessions have their published fees', () => {
    expect(book.fees).toEqual({
      webSearch: usd(10) * 1_000n,
      codeExecutionHour: usd(0.05),
      codeExecutionFreeHours: 1_550,
      codeExecutionMinimumSeconds: 300,
      sessionHour: usd(0.08),
    });
  });
});

describe('the data form', () => {
  test('survives being written as JSON and read back, byte by byte', () => {
    const first = JSON.stringify(bookData(book));
    const loaded = loadPriceBook(JSON.parse(first));
    expect(loaded.outcome === 'loaded' && JSON.stringify(bookData(loaded.book))).toBe(first);
  });

  test('does not depend on the order a store gives fields in', () => {
    const reversed: unknown = JSON.parse(JSON.stringify(bookData(book)), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    );
    const loaded = loadPriceBook(reversed);
    expect(loaded.outcome === 'loaded' && bookData(loaded.book)).toEqual(bookData(book));
  });

  test('a thousand rows load at once', () => {
    const [model] = bundledBookData.models;
    const models = Array.from({ length: 1_000 }, (_, index) => ({ ...model, model: `m-${index}` }));
    const start = performance.now();
    expect(loadPriceBook({ ...bundledBookData, models }).outcome).toBe('loaded');
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
