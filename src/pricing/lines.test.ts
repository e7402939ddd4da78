import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelUsage, Usage } from '#kernel/usage';
import { ADMITTED_AT, anyBook, anyTerms, anyUsage } from '#test/random-prices';
import { bundledBook } from './bundled-book.ts';
import { packLines, readLines } from './lines.ts';
import { rate } from './rate.ts';

const book = bundledBook();
const turn: ModelUsage = {
  model: 'claude-opus-5',
  kind: 'message',
  billed: true,
  inputTokens: 1_200,
  outputTokens: 350,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
};
const plain: Usage = {
  iterations: [turn],
  webSearches: 0,
  codeExecutionSeconds: 0,
  sessionMilliseconds: 0,
  speed: 'standard',
  inferenceGeo: 'global',
  serviceTier: 'standard',
};

function linesOf(usage: Usage) {
  const rated = rate(book, usage, ADMITTED_AT);
  if (rated.outcome !== 'rated') throw new Error(rated.reason);
  return rated;
}

test('what was packed is read back, also after a way through JSON', () => {
  fc.assert(
    fc.property(anyBook, anyTerms, anyUsage, (prices, terms, usage) => {
      const rated = rate(prices, usage, ADMITTED_AT, terms);
      if (rated.outcome !== 'rated') return;
      const stored: unknown = JSON.parse(JSON.stringify(packLines(rated)));
      expect(readLines(stored)).toEqual(rated.lines);
    }),
    { numRuns: 500 },
  );
});

test('lines are stored small, and a person can read them', () => {
  const packed = JSON.stringify(packLines(linesOf(plain)));
  expect(packed).toBe(
    '{"models":["claude-opus-5"],"lines":' +
      '[["input",0,"1200","5000000000"],["output",0,"350","25000000000"]]}',
  );
  const cached = { ...turn, cacheReadTokens: 90_000, cacheWrite5mTokens: 2_000 };
  expect(
    JSON.stringify(packLines(linesOf({ ...plain, iterations: [cached] }))).length,
  ).toBeLessThan(250);
});

test('what several lines share is stored once', () => {
  const us = { ...plain, iterations: [turn, turn], inferenceGeo: 'us' } as const;
  expect(packLines(linesOf(us))).toMatchObject({
    models: ['claude-opus-5'],
    lines: [
      ['input', 0, '1200', '5000000000', 0],
      ['output', 0, '350', '25000000000', 0],
      ['input', 0, '1200', '5000000000', 0],
      ['output', 0, '350', '25000000000', 0],
    ],
    factors: [[['region', '11', '10']]],
  });
});

describe('what was not packed is not read', () => {
  const line = ['input', 0, '1', '5000000000'];
  const good = { models: ['claude-opus-5'], lines: [line] };

  test('the good one is', () => {
    expect(readLines(good)).toMatchObject([{ kind: 'input', units: 1n, numerator: 5_000n }]);
    expect(readLines({ models: [], lines: [] })).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null, of a row before lines were kept', null],
    ['text', 'lines'],
    ['no models', { lines: [line] }],
    ['a model that is not listed', { ...good, lines: [['input', 1, '1', '5']] }],
    ['a fraction for a position', { ...good, lines: [['input', 0.5, '1', '5']] }],
    ['a kind nobody knows', { ...good, lines: [['magic', 0, '1', '5']] }],
    ['a number where digits belong', { ...good, lines: [['input', 0, 1, '5']] }],
    ['a decimal', { ...good, lines: [['input', 0, '1.5', '5']] }],
    ['negative units', { ...good, lines: [['input', 0, '-1', '5']] }],
    ['digits without end', { ...good, lines: [['input', 0, '9'.repeat(81), '5']] }],
    ['factors that are missing', { ...good, lines: [[...line, 0]] }],
    ['a factor nobody knows', { ...good, factors: [[['luck', '1', '2']]] }],
    ['a division by nothing', { ...good, factors: [[['speed', '1', '0']]] }],
    ['a rounding over nothing', { ...good, lines: [['rounding', '1', '0']] }],
  ])('%s', (_name, value) => {
    expect(readLines(value)).toBeUndefined();
  });
});
