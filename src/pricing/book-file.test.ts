import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ModelPrice, PriceBook } from './book.ts';
import { loadPriceBook } from './book-data.ts';
import { parseBookFile } from './book-file.ts';

const now = new Date('2026-11-21T00:00:00Z');
const usd = (cents: number): bigint => BigInt(cents) * 10n ** 7n;

function parsed(text: string, name = 'book.yaml'): PriceBook {
  const loaded = parseBookFile(name, text);
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Error(loaded.problems.join('\n'));
}

/** The only row of a book whose row has these lines beside what every row needs. */
function rowOf(lines: string, top = ''): ModelPrice {
  const needed = 'model: m, from: 2026-01-01, context_window: 1000, output_tokens_max: 100';
  const [row] = parsed(`version: a\nunit: usd\n${top}\nmodels:\n- {${needed}, ${lines}}`).rows;
  if (row === undefined) throw new Error('no row');
  return row;
}

describe('prices in a file', () => {
  test('input and output are enough: cache rates follow by the published multipliers', () => {
    expect(rowOf('input: 5, output: 25').bands).toEqual([
      {
        promptTokensAbove: 0,
        rates: {
          input: usd(500),
          cacheWrite5m: usd(625),
          cacheWrite1h: usd(1_000),
          cacheRead: usd(50),
          output: usd(2_500),
        },
      },
    ]);
  });

  test('the multipliers of the book hold for its rows, those of a row for the row', () => {
    const top = 'cache_multipliers: {cache_write_5m: 1, cache_write_1h: 1, cache_read: 1/4}';
    const book = rowOf('input: 4, output: 8', top).bands[0].rates;
    expect([book.cacheWrite5m, book.cacheWrite1h, book.cacheRead]).toEqual(
      [400, 400, 100].map(usd),
    );
    const row = rowOf('input: 4, output: 8, cache_multipliers: {cache_read: 0.025}', top);
    expect(row.bands[0].rates.cacheRead).toBe(usd(10));
    expect(row.bands[0].rates.cacheWrite1h).toBe(usd(400));
  });

  test('a rate that is written wins over its multiplier', () => {
    expect(rowOf('input: 8, output: 40, cache_read: 0.20').bands[0].rates.cacheRead).toBe(usd(20));
  });

  test('a markup makes exact prices of what the upstream costs, band by band', () => {
    const upstream =
      'upstream: {bands: [{prompt_tokens_above: 0, input: 1, output: 5}, ' +
      '{prompt_tokens_above: 200, input: 2, output: 10}]}';
    const row = rowOf(`markup: "1.20", ${upstream}`);
    expect(row.bands.map(({ promptTokensAbove }) => promptTokensAbove)).toEqual([0, 200]);
    expect(row.bands.map(({ rates }) => rates.input)).toEqual([120, 240].map(usd));
    expect(row.bands.map(({ rates }) => rates.cacheRead)).toEqual([12, 24].map(usd));
    expect(row.bands.map(({ rates }) => rates.output)).toEqual([600, 1_200].map(usd));
    expect(row.upstream?.map(({ rates }) => rates.output)).toEqual([500, 1_000].map(usd));
  });

  test('prices that are written win over the markup', () => {
    const row = rowOf('markup: 2, upstream: {input: 1, output: 5}, output: 7');
    expect(row.bands[0].rates.input).toBe(usd(200));
    expect(row.bands[0].rates.output).toBe(usd(700));
    const dear = rowOf('input: 3, output: 15, upstream: {input: 1, output: 5}', 'markup: 2');
    expect(dear.bands[0].rates).toMatchObject({ input: usd(300), cacheRead: usd(30) });
    expect(dear.upstream?.[0].rates.input).toBe(usd(100));
  });

  test('free is free when it is said', () => {
    const none = { input: 0n, cacheWrite5m: 0n, cacheWrite1h: 0n, cacheRead: 0n, output: 0n };
    expect(rowOf('free: true').bands).toEqual([{ promptTokensAbove: 0, rates: none }]);
    expect(rowOf('free: [cache_read], input: 5, output: 25').bands[0].rates.cacheRead).toBe(0n);
    expect(rowOf('free: [output], input: 5').bands[0].rates).toMatchObject({ output: 0n });
    expect(rowOf('input: 1, output: 2, upstream: {free: true}').upstream?.[0].rates).toEqual(none);
  });

  test('bands may name both ends', () => {
    const row = rowOf(
      'bands: [{prompt_tokens_above: 0, prompt_tokens_up_to: 100, input: 1, output: 2}, ' +
        '{prompt_tokens_above: 100, prompt_tokens_up_to: null, input: 3, output: 4}]',
    );
    expect(row.bands.map(({ promptTokensAbove }) => promptTokensAbove)).toEqual([0, 100]);
  });

  test('explicit rates stand beside the factors they win over', () => {
    const row = rowOf(
      'input: 5, output: 25, fast: 2, explicit: [{speed: fast, input: 11, output: 50}, ' +
        '{speed: fast, tier: batch, input: 6, output: 30}]',
    );
    expect(row.explicit.map(({ speed, region, tier }) => [speed, region, tier])).toEqual([
      ['fast', null, null],
      ['fast', null, 'batch'],
    ]);
    expect(row.explicit.map(({ bands }) => bands[0].rates.cacheRead)).toEqual([110, 60].map(usd));
  });
});

describe('what else a file says', () => {
  test('a surcharge is on all tokens, or on what it names', () => {
    const price = 'input: 5, output: 25';
    const plain = rowOf(`${price}, region: "1.1", batch: 1/2`);
    expect(plain.region).toMatchObject({ numerator: 11n, denominator: 10n });
    expect(plain.region?.appliesTo.size).toBe(5);
    expect(plain.batch).toMatchObject({ numerator: 1n, denominator: 2n });
    const narrow = rowOf(`${price}, fast: {factor: 2.50, applies_to: [output, cache_read]}`);
    expect(narrow.fast).toEqual({
      numerator: 5n,
      denominator: 2n,
      appliesTo: new Set(['cache_read', 'output']),
    });
  });

  test('what the book says once holds for the rows that say nothing else', () => {
    const top = 'provider: acme\nbatch: "0.5"\nregion: "1.1"';
    const row = rowOf('input: 5, output: 25, batch: none', top);
    expect(row).toMatchObject({ provider: 'acme', batch: null });
    expect(row.region?.numerator).toBe(11n);
    expect(rowOf('input: 5, output: 25', top).batch?.denominator).toBe(2n);
  });

  test('without more words: sold as standard only, named as its model, released with its price', () => {
    expect(rowOf('input: 5, output: 25')).toMatchObject({
      aliases: [],
      displayName: 'm',
      provider: 'anthropic',
      releasedAt: new Date('2026-01-01T00:00:00Z'),
      until: null,
      fast: null,
      region: null,
      batch: null,
      explicit: [],
      upstream: null,
    });
  });

  test('a change is scheduled by two rows of which one ends where the other begins', () => {
    const row = 'model: m, context_window: 9, output_tokens_max: 9, output: 9';
    const book = parsed(
      `version: a\nunit: usd\nmodels:\n- {${row}, from: 2026-01-01, until: 2027-01-01, input: 1}\n` +
        `- {${row}, from: 2027-01-01, input: 2}`,
    );
    expect(book.priceOf('m', now)?.bands[0].rates.input).toBe(usd(100));
    const later = new Date('2027-01-01T00:00:00Z');
    expect(book.priceOf('m', later)?.bands[0].rates.input).toBe(usd(200));
    expect(book.models(later)).toHaveLength(1);
    expect(book.rows).toHaveLength(2);
  });

  test('JSON is read as YAML, with numbers as exact as they are written', () => {
    const text =
      '{"version": "a", "unit": "usd",\n\t"models": [{"model": "m", "from": "2026-01-01",\n' +
      '"context_window": 9, "output_tokens_max": 9, "input": 0.1, "output": 0.3}]}';
    expect(parsed(text, 'book.json').rows[0]?.bands[0].rates.output).toBe(usd(30));
  });

  test('the JSON of the first format loads as it always did', () => {
    const book = loadPriceBook({
      version: 'first',
      web_search: '10000000000000',
      us_inference: [11, 10],
      batch: [1, 2],
      rows: [
        {
          model: 'm',
          aliases: ['latest'],
          display_name: 'M',
          released_at: '2026-01-01T00:00:00Z',
          context_window: 9,
          output_tokens_max: 9,
          from: '2026-01-01T00:00:00Z',
          until: null,
          us_inference: true,
          fast: [6, 1],
          bands: [
            {
              prompt_tokens_above: 0,
              input: '5000000000',
              cache_write_5m: '6250000000',
              cache_write_1h: '10000000000',
              cache_read: 500_000_000,
              output: '25000000000',
            },
          ],
        },
      ],
    });
    const row = book.outcome === 'loaded' ? book.book.priceOf('latest', now) : undefined;
    expect(row?.bands[0].rates.cacheRead).toBe(usd(50));
    expect(row?.fast).toMatchObject({ numerator: 6n, denominator: 1n });
    expect(row?.region).toMatchObject({ numerator: 11n, denominator: 10n });
    expect(row?.batch).toMatchObject({ numerator: 1n, denominator: 2n });
    expect(book.outcome === 'loaded' && book.book.fees.webSearch).toBe(usd(1_000_000));
  });
});

describe('the examples in docs/price-book.md', () => {
  const page = readFileSync(new URL('../../docs/price-book.md', import.meta.url), 'utf8');
  const example = (format: string): PriceBook => {
    const text = new RegExp(`^\`\`\`${format}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? '';
    return parsed(text, `book.${format}`);
  };

  test('the book in YAML says what its remarks say', () => {
    const book = example('yaml');
    expect(book.rows).toHaveLength(5);
    expect(book.priceOf('claude-opus-5', now)?.bands[0].rates).toEqual({
      input: usd(600),
      cacheWrite5m: usd(750),
      cacheWrite1h: usd(1_200),
      cacheRead: usd(60),
      output: usd(3_000),
    });
    const haiku = book.priceOf('claude-haiku-5-5', now)?.bands;
    expect(haiku?.map(({ rates }) => rates.output)).toEqual([62_500_000n * 10n, 3_125_000_000n]);
    expect(book.priceOf('house-model', now)).toMatchObject({ provider: 'acme', batch: null });
    expect(book.priceOf('acme/trial-model', now)?.bands[0].rates.output).toBe(0n);
    expect(book.fees.webSearch).toBe(usd(1_200_000));
  });

  test('the table is a book', () => {
    const book = example('csv');
    expect(book.rows.map(({ bands }) => bands.length)).toEqual([1, 2]);
    expect(book.rows[0]?.upstream?.[0].rates.cacheRead).toBe(usd(50));
  });
});
