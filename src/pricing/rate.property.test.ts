import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelUsage, Usage } from '#kernel/usage';
import {
  ADMITTED_AT,
  anyBook,
  anySettings,
  anyTerms,
  anyTurn,
  anyUsage,
} from '#test/random-prices';
import { type PriceBook, priceBook, type Terms } from './book.ts';
import { type RatedLine, rate } from './rate.ts';

type Fraction = readonly [numerator: bigint, denominator: bigint];

const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d];
const same = ([a, b]: Fraction, [c, d]: Fraction): boolean => a * d === c * b;
const exactly = (lines: readonly RatedLine[]): Fraction =>
  lines.reduce<Fraction>((sum, line) => plus(sum, [line.numerator, line.denominator]), [0n, 1n]);
const unrounded = (lines: readonly RatedLine[]): Fraction =>
  exactly(lines.filter(({ kind }) => kind !== 'rounding'));

function ratedOrNot(book: PriceBook, usage: Usage, terms: Terms) {
  const rated = rate(book, usage, ADMITTED_AT, terms);
  return rated.outcome === 'rated' ? rated : undefined;
}

const NOTHING = { webSearches: 0, codeExecutionSeconds: 0, sessionMilliseconds: 0 };
const CLASSES = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
] as const;
const RUNS = { numRuns: 400 };

describe('for any book, discounts, settings and usage', () => {
  test('the lines, with the rounding line, are the amount exactly', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        const rated = ratedOrNot(book, usage, terms);
        return rated === undefined || same(exactly(rated.lines), [rated.amount, 1n]);
      }),
      RUNS,
    );
  });

  test('each line is its units at its price, times its multipliers', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        for (const line of ratedOrNot(book, usage, terms)?.lines ?? []) {
          if (line.kind === 'rounding') continue;
          let product: Fraction = [line.units * line.unitPriceNanos, line.per];
          for (const { numerator, denominator } of line.multipliers) {
            product = [product[0] * numerator, product[1] * denominator];
          }
          expect(same(product, [line.numerator, line.denominator])).toBe(true);
        }
      }),
      RUNS,
    );
  });

  test('the rounding moves less than one nano-USD, to the even one from the middle', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        const rated = ratedOrNot(book, usage, terms);
        const rounding = rated?.lines.find(({ kind }) => kind === 'rounding');
        if (rated === undefined || rounding === undefined) return true;
        const twice = (rounding.numerator < 0n ? -2n : 2n) * rounding.numerator;
        return (
          twice < rounding.denominator ||
          (twice === rounding.denominator && rated.amount % 2n === 0n)
        );
      }),
      RUNS,
    );
  });

  test('more of any kind of token never costs less, across bands too', () => {
    fc.assert(
      fc.property(
        fc.tuple(anyBook, anyTerms, anySettings, anyTurn),
        fc.constantFrom(...CLASSES),
        fc.nat(200_000),
        ([book, terms, settings, turn], kind, more) => {
          const costOf = (iteration: ModelUsage) =>
            ratedOrNot(book, { iterations: [iteration], ...NOTHING, ...settings }, terms);
          const [less, greater] = [costOf(turn), costOf({ ...turn, [kind]: turn[kind] + more })];
          if (less === undefined || greater === undefined) return less === greater;
          return greater.amount >= less.amount && greater.listAmount >= less.listAmount;
        },
      ),
      RUNS,
    );
  });

  test('more searches, container time or session time never cost less', () => {
    fc.assert(
      fc.property(
        fc.tuple(anyBook, anyTerms, anyUsage),
        fc.constantFrom('webSearches', 'codeExecutionSeconds', 'sessionMilliseconds'),
        fc.nat(5_000_000),
        ([book, terms, usage], kind, more) => {
          const less = ratedOrNot(book, usage, terms);
          const greater = ratedOrNot(book, { ...usage, [kind]: usage[kind] + more }, terms);
          return less === undefined || (greater?.amount ?? -1n) >= less.amount;
        },
      ),
      RUNS,
    );
  });

  test('a discount never raises the charge, and the list amount is the one without it', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        const [atList, discounted] = [ratedOrNot(book, usage, []), ratedOrNot(book, usage, terms)];
        if (atList === undefined || discounted === undefined) return atList === discounted;
        return (
          discounted.amount <= atList.amount &&
          discounted.listAmount === atList.amount &&
          atList.listAmount === atList.amount &&
          discounted.upstreamCost === atList.upstreamCost
        );
      }),
      RUNS,
    );
  });

  test('the cost at the upstream is what a book of its prices charges, without discounts', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        const rated = ratedOrNot(book, usage, terms);
        if (rated === undefined) return;
        const rows = book.rows.flatMap((row) =>
          row.upstream === null ? [] : [{ ...row, bands: row.upstream, explicit: [] }],
        );
        const upstream = ratedOrNot(priceBook('upstream', book.fees, rows), usage, []);
        expect(rated.upstreamCost).toBe(upstream?.amount ?? null);
      }),
      RUNS,
    );
  });

  test('attempts add up: together they cost what they cost one by one', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, anyUsage, (book, terms, usage) => {
        const whole = ratedOrNot(book, usage, terms);
        if (whole === undefined) return true;
        let parts: Fraction = unrounded(
          ratedOrNot(book, { ...usage, iterations: [] }, terms)?.lines ?? [],
        );
        for (const turn of usage.iterations) {
          const one = ratedOrNot(book, { ...usage, ...NOTHING, iterations: [turn] }, terms);
          parts = plus(parts, unrounded(one?.lines ?? []));
        }
        return same(unrounded(whole.lines), parts);
      }),
      RUNS,
    );
  });

  test('within one band, a turn split into two costs the same to the last fraction', () => {
    const share = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(
        fc.tuple(anyBook, anyTerms, anySettings, anyTurn),
        fc.record({
          inputTokens: share,
          outputTokens: share,
          cacheReadTokens: share,
          cacheWrite5mTokens: share,
          cacheWrite1hTokens: share,
        }),
        ([book, terms, settings, turn], shares) => {
          const flat = book.rows.map((row) => ({
            ...row,
            bands: [row.bands[0]] as const,
            explicit: [],
          }));
          const oneBand = priceBook('one band', book.fees, flat);
          const first = { ...turn };
          const second = { ...turn };
          for (const kind of CLASSES) {
            first[kind] = Math.floor((turn[kind] * shares[kind]) / 100);
            second[kind] = turn[kind] - first[kind];
          }
          const of = (...iterations: ModelUsage[]) =>
            ratedOrNot(oneBand, { iterations, ...NOTHING, ...settings }, terms);
          const [whole, split] = [of(turn), of(first, second)];
          if (whole === undefined || split === undefined) return whole === split;
          return (
            whole.amount === split.amount && same(unrounded(whole.lines), unrounded(split.lines))
          );
        },
      ),
      RUNS,
    );
  });

  test('asked again, whatever was asked in between, the answer is the same', () => {
    fc.assert(
      fc.property(anyBook, anyTerms, fc.array(anyUsage, { maxLength: 6 }), (book, terms, all) => {
        const days = ['2026-03-01', '2026-11-21T12:00:00Z', '2027-06-01'].map((d) => new Date(d));
        const answers = () =>
          all.flatMap((usage) => days.map((at) => rate(book, usage, at, terms)));
        const [first, again] = [answers(), answers()];
        // A copy of book and terms has tables of its own, filled in another order.
        const copied = priceBook(book.version, book.fees, book.rows);
        const copiedTerms = [...terms];
        const fresh = all
          .toReversed()
          .flatMap((usage) => days.map((at) => rate(copied, usage, at, copiedTerms)));
        expect(again).toEqual(first);
        expect(fresh).toHaveLength(first.length);
        for (const [index, usage] of all.entries()) {
          const other = fresh.slice((all.length - 1 - index) * 3, (all.length - index) * 3);
          expect(other, JSON.stringify(usage)).toEqual(first.slice(index * 3, index * 3 + 3));
        }
      }),
      { numRuns: 100 },
    );
  });
});
