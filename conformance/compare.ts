import type { PriceBook, Terms } from '#pricing/book';
import { type Rated, type RatedLine, rate } from '#pricing/rate';
import { loadBookOrFail, termsOf, usageOf } from './engine.ts';
import { Fraction } from './fraction.mjs';
import type { Question } from './oracle.mjs';
import {
  chargedSeconds,
  type DiscountData,
  type OracleBook,
  type OracleDiscount,
  type OracleLine,
  type Priced,
  price,
  readBook,
  readDiscounts,
  rowAt,
} from './prices.mjs';
import { readAnswer } from './reading.mjs';

/** One book and one contract, read by both sides. */
export interface Terrain {
  readonly book: unknown;
  readonly discounts: readonly DiscountData[];
  readonly engineBook: PriceBook;
  readonly oracleBook: OracleBook;
  readonly terms: Terms;
  readonly oracleDiscounts: readonly OracleDiscount[];
}

export function terrainOf(book: unknown, discounts: readonly DiscountData[]): Terrain {
  return {
    book,
    discounts,
    engineBook: loadBookOrFail(book),
    oracleBook: readBook(book),
    terms: termsOf(discounts),
    oracleDiscounts: readDiscounts(discounts),
  };
}

/** What a comparison saw; a difference says where the two part. */
export type Comparison =
  | { readonly outcome: 'charged' | 'free' | 'quarantined' }
  | { readonly outcome: 'different'; readonly what: string };

/** Engine and oracle on one answer: outcome, every line, the exact sum, and what is rounded. */
export function compare(terrain: Terrain, row: Question): Comparison {
  const derived = derive(terrain, row);
  const at = new Date(row.admitted_at);
  const read = usageOf(terrain.engineBook, row);
  if (typeof read === 'string') return sameOutcome(derived, read);
  const rated = rate(terrain.engineBook, read, at, terrain.terms);
  if (rated.outcome === 'model_not_priced') return sameOutcome(derived, 'quarantined');
  if (rated.outcome !== 'rated') return different(`the engine says ${rated.outcome}`);
  if (typeof derived === 'string') return different(`oracle ${derived}, engine charged`);
  return sameCharge(derived, rated);
}

function derive(terrain: Terrain, row: Question): Priced | 'free' | 'quarantined' {
  const { oracleBook, oracleDiscounts } = terrain;
  const at = Date.parse(row.admitted_at);
  const read = readAnswer(row, (model) => rowAt(oracleBook, model, at)?.contextWindow);
  if (read.outcome !== 'charged') return read.outcome;
  const { measured } = row;
  const time =
    measured === undefined
      ? {}
      : {
          code_execution_seconds: chargedSeconds(oracleBook, measured),
          session_milliseconds: measured.session_ms,
        };
  return price(oracleBook, { ...read.usage, ...time }, at, oracleDiscounts) ?? 'quarantined';
}

const different = (what: string): Comparison => ({ outcome: 'different', what });

function sameOutcome(
  derived: Priced | 'free' | 'quarantined',
  outcome: 'free' | 'quarantined',
): Comparison {
  if (derived === outcome) return { outcome };
  return different(
    `oracle ${typeof derived === 'string' ? derived : 'charged'}, engine ${outcome}`,
  );
}

function sameCharge(derived: Priced, rated: Extract<Rated, { outcome: 'rated' }>): Comparison {
  const rounded: bigint = rated.amount;
  const list: bigint = rated.listAmount;
  const upstream: bigint | null = rated.upstreamCost;
  if (rounded !== derived.total) return different(`total ${derived.total}, engine ${rounded}`);
  if (list !== derived.list) return different(`list ${derived.list}, engine ${list}`);
  if (upstream !== derived.upstream) {
    return different(`upstream ${derived.upstream}, engine ${upstream}`);
  }
  let rounding = Fraction.zero;
  let index = 0;
  for (const line of rated.lines) {
    const amount = new Fraction(line.numerator, line.denominator);
    if (line.kind === 'rounding') {
      rounding = rounding.plus(amount);
      continue;
    }
    if (!sameLine(line, amount, derived.lines[index])) {
      return different(`line ${index}: ${line.kind} of ${line.model}`);
    }
    index += 1;
  }
  if (index !== derived.lines.length) return different('the oracle has more lines');
  // The lines are equal as fractions, so their sums are: what is left is the one rounding.
  if (!derived.exact.plus(rounding).equals(new Fraction(rounded))) {
    return different('the lines do not come to the total');
  }
  return { outcome: 'charged' };
}

function sameLine(line: RatedLine, amount: Fraction, other: OracleLine | undefined): boolean {
  if (other === undefined || other.kind !== line.kind || other.model !== line.model) return false;
  if (other.units !== line.units || other.per !== line.per) return false;
  if (other.unitPrice !== line.unitPriceNanos || !other.amount.equals(amount)) return false;
  return (
    other.multipliers.length === line.multipliers.length &&
    line.multipliers.every(({ name, numerator, denominator }, place) => {
      const [itsName, over = 0n, under = 0n] = other.multipliers[place] ?? [];
      return itsName === name && over * denominator === numerator * under;
    })
  );
}
