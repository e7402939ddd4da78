import { describe, expect, test } from 'vitest';
import { loadPriceBook } from './book.ts';
import { bundledBook, bundledBookData } from './bundled-book.ts';

const book = bundledBook();
const at = (day: string): Date => new Date(`${day}T00:00:00Z`);
const now = at('2026-11-21');
const usd = (dollars: number): bigint => (BigInt(Math.round(dollars * 1000)) * 10n ** 9n) / 1000n;

const published: [string, number, number, number, number, number][] = [
  ['claude-fable-5-2', 8, 10, 16, 0.2, 40],
  ['claude-fable-5-1', 10, 12.5, 20, 0.25, 50],
  ['claude-mythos-5', 10, 12.5, 20, 1, 50],
  ['claude-opus-5-5', 4, 5, 8, 0.2, 20],
  ['claude-opus-5', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-5', 5, 6.25, 10, 0.5, 25],
  ['claude-sonnet-5-5', 2, 2.5, 4, 0.1, 10],
  ['claude-sonnet-4-6', 3, 3.75, 6, 0.3, 15],
  ['claude-haiku-5-5', 0.1, 0.125, 0.2, 0.01, 0.5],
  ['claude-haiku-4-5', 1, 1.25, 2, 0.1, 5],
];

describe('the bundled book', () => {
  test.each(published)('%s has its published rates', (model, input, w5m, w1h, read, output) => {
    expect(book.priceOf(model, now)?.bands[0].rates).toEqual({
      input: usd(input),
      cacheWrite5m: usd(w5m),
      cacheWrite1h: usd(w1h),
      cacheRead: usd(read),
      output: usd(output),
    });
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

  test('a model is offered from its release to its retirement', () => {
    expect(book.priceOf('claude-opus-5', at('2026-07-23'))).toBeUndefined();
    expect(book.priceOf('claude-opus-4-1', at('2026-08-04'))?.outputTokensMax).toBe(32_000);
    expect(book.priceOf('claude-opus-4-1', at('2026-08-05'))).toBeUndefined();
  });

  test.each([['claude-mythos-preview'], ['claude-mythos-5-2'], ['gpt-9'], ['__proto__'], ['']])(
    'what has no published price is not offered: %s',
    (model) => {
      expect(book.priceOf(model, now)).toBeUndefined();
    },
  );

  test('today every model is listed once and none is retired', () => {
    const models = book.models(now).map((price) => price.model);
    expect(new Set(models).size).toBe(models.length);
    expect(models).toHaveLength(17);
  });

  test('the long-context premium ended with the beta', () => {
    expect(book.priceOf('claude-opus-4-6', at('2026-03-12'))?.bands).toHaveLength(2);
    expect(book.priceOf('claude-opus-4-6', at('2026-03-13'))?.bands).toHaveLength(1);
  });

  test('it survives being written as JSON and read back', () => {
    const copy: unknown = JSON.parse(JSON.stringify(bundledBookData));
    expect(loadPriceBook(copy)).toMatchObject({ outcome: 'loaded' });
  });
});

describe('a broken book is refused with every problem and its row', () => {
  const good = structuredClone(bundledBookData);
  function problemsOf(change: (rows: Record<string, unknown>[]) => void): string[] {
    const data = structuredClone(good);
    change(data.rows);
    const loaded = loadPriceBook(data);
    return loaded.outcome === 'invalid' ? loaded.problems : [];
  }
  const band = good.rows[0]?.bands[0];

  test.each([
    ['a missing rate', { ...band, cache_read: undefined }, 'cache_read'],
    ['a price of 0', { ...band, output: '0' }, 'above 0'],
    ['a float', { ...band, input: 0.5 }, 'bands.0.input'],
    ['a negative price', { ...band, input: '-5' }, 'bands.0.input'],
    ['swapped columns', { ...band, cache_read: '99000000000' }, 'cache_read is above input'],
    ['a first band above 0', { ...band, prompt_tokens_above: 5 }, 'must start at 0'],
  ])('%s', (_name, broken, text) => {
    const problems = problemsOf((rows) => {
      Object.assign(rows[0] ?? {}, { bands: [broken] });
    });
    expect(problems.join('\n')).toContain('row 1 (claude-fable-5-2');
    expect(problems.join('\n')).toContain(text);
  });

  test('rows that overlap, also through an alias', () => {
    const problems = problemsOf((rows) => {
      Object.assign(rows[1] ?? {}, { aliases: ['claude-fable-5-2'] });
    });
    expect(problems).toEqual([expect.stringMatching(/^claude-fable-5-2: .* overlap$/)]);
  });

  test.each([[null], [42], [{}], [{ ...good, rows: [] }], [{ ...good, batch: [2, 1] }]])(
    'not a book: %#',
    (data) => {
      expect(loadPriceBook(data).outcome).toBe('invalid');
    },
  );
});
