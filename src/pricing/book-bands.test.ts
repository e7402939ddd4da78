import { describe, expect, test } from 'vitest';
import { loadPriceBook } from './book-data.ts';

function problemsOf(row: object): string[] {
  const span = { from: '2026-01-01', context_window: 900_000, output_tokens_max: 9 };
  const models = [{ model: 'm', ...span, ...row }];
  const loaded = loadPriceBook({ version: 'a', unit: 'usd', models });
  return loaded.outcome === 'invalid' ? loaded.problems : [];
}

const bands = (...prices: readonly object[]): object => ({
  bands: prices.map((band, index) => ({ prompt_tokens_above: index * 100, ...band })),
});
const belowBefore = (field: string, low: string, above: number, high: string): string =>
  `models[0].${field} (m): ${low} above ${above} prompt tokens is below the ${high} of the band ` +
  `before: a longer prompt would cost less in all; give at least ${high}`;

const base = { input: '5', output: '25' };
const sold = { ...base, batch: '0.5' };

describe('a longer prompt never costs less in all', () => {
  test('no price of a band may be below the same one of the band before', () => {
    const rates = { ...base, cache_write_5m: '6', cache_write_1h: '10', cache_read: '1' };
    const lower = {
      ...{ input: '4', output: '24', cache_write_5m: '5' },
      ...{ cache_write_1h: '9', cache_read: '0.9' },
    };
    const at = (name: string) => `bands[1].${name}`;
    expect(problemsOf(bands(rates, lower))).toEqual([
      belowBefore(at('input'), '4', 100, '5'),
      belowBefore(at('cache_write_5m'), '5', 100, '6'),
      belowBefore(at('cache_write_1h'), '9', 100, '10'),
      belowBefore(at('cache_read'), '0.9', 100, '1'),
      belowBefore(at('output'), '24', 100, '25'),
    ]);
    expect(problemsOf(bands(rates, rates, rates))).toEqual([]);
  });

  test('it is the band before that counts, not the first', () => {
    const dearer = { input: '9', output: '45' };
    const between = { input: '9', output: '30' };
    expect(problemsOf(bands(base, dearer, between))).toEqual([
      belowBefore('bands[2].output', '30', 200, '45'),
    ]);
  });

  test('prices that follow from a falling one are not told again', () => {
    expect(problemsOf(bands(base, { ...base, input: '4' }))).toEqual([
      belowBefore('bands[1].input', '4', 100, '5'),
    ]);
  });

  test('a cache price that follows from input may not fall below one that is written', () => {
    const written = { ...base, cache_read: '1' };
    expect(problemsOf(bands(written, { ...base, input: '6' }))).toEqual([
      belowBefore('bands[1].cache_read', '0.6', 100, '1'),
    ]);
  });

  test('explicit prices are held to it too, also where a price is 0 on purpose', () => {
    const paid = { ...base, cache_read: '0.5' };
    const free = { ...base, cache_read: '0' };
    const explicit = { speed: 'fast', free: ['cache_read'], ...bands(paid, free) };
    expect(problemsOf({ ...sold, explicit: [explicit] })).toEqual([
      belowBefore('explicit[0].bands[1].cache_read', '0', 100, '0.5'),
    ]);
  });

  test('an upstream may charge less, but what a markup makes of that is refused', () => {
    const upstream = bands(base, { input: '4', output: '25' });
    expect(problemsOf({ ...sold, upstream })).toEqual([]);
    expect(problemsOf({ markup: '2', upstream })).toEqual([belowBefore('input', '8', 100, '10')]);
  });
});
