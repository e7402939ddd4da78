import { describe, expect, test } from 'vitest';
import { biasOf } from '../../conformance/bias.ts';
import { chanceOf } from '../../conformance/chance.ts';
import { compare, terrainOf } from '../../conformance/compare.ts';
import { runPart } from '../../conformance/fuzz-part.ts';
import { loadBook, loadCases } from '../../conformance/oracle.mjs';
import { randomBook } from '../../conformance/random-book.ts';

describe('engine and oracle', () => {
  test.each([0, 1, 2, 3])('agree on 5,000 random answers at random prices (%i)', (quarter) => {
    const tally = { charged: 0, free: 0, quarantined: 0 };
    for (let part = 0; part < 10; part += 1) {
      expect(runPart(7, 10 * quarter + part, 500, tally)).toBeUndefined();
    }
    expect(tally.charged + tally.free + tally.quarantined).toBe(5_000);
    // A fuzz that is mostly refused would show nothing.
    expect(tally.charged).toBeGreaterThan(3_500);
    expect(tally.free).toBeGreaterThan(20);
    expect(tally.quarantined).toBeGreaterThan(20);
  });

  test('are told apart where one of them reads another price', () => {
    const book = loadBook();
    const models = book.models.map((row) => ({
      ...row,
      bands: row.bands.map((band) => ({ ...band, output: `${BigInt(band.output ?? 0) + 1n}` })),
    }));
    const terrain = terrainOf(book, []);
    const { oracleBook } = terrainOf({ ...book, models }, []);
    const [row] = loadCases().filter(({ id }) => id === 'model-claude-opus-5');
    if (row === undefined) throw new RangeError('the row is gone');
    expect(compare(terrain, row)).toEqual({ outcome: 'charged' });
    expect(compare({ ...terrain, oracleBook }, row)).toMatchObject({ outcome: 'different' });
  });

  test('are given the same books by the same seed', () => {
    expect(randomBook(chanceOf(5))).toEqual(randomBook(chanceOf(5)));
    expect(randomBook(chanceOf(5))).not.toEqual(randomBook(chanceOf(6)));
  });
});

test('costs around one nano-USD are rounded without a drift', () => {
  const { withinFourSigma, text } = biasOf(100_000, 7);
  expect(withinFourSigma, text).toBe(true);
});
