import { type Chance, chanceOf, seedOf } from './chance.ts';
import { compare, type Terrain, terrainOf } from './compare.ts';
import type { Question } from './oracle.mjs';
import type { DiscountData } from './prices.mjs';
import { randomQuestion } from './random-answer.ts';
import { randomBook, randomDiscounts, randomInstant } from './random-book.ts';

/** Vectors that share a book and a contract; a part is what a seed and its number repeat. */
export const VECTORS_PER_PART = 5_000;

export interface Tally {
  charged: number;
  free: number;
  quarantined: number;
}

/** A vector on which the two sides part, as small as it could be made. */
export interface Difference {
  readonly seed: number;
  readonly part: number;
  readonly vector: number;
  readonly what: string;
  readonly book: unknown;
  readonly discounts: readonly DiscountData[];
  readonly question: Question;
}

/** Compares one part, adding to the tally; stops at the first difference. */
export function runPart(
  seed: number,
  part: number,
  vectors: number,
  tally: Tally,
): Difference | undefined {
  const chance = chanceOf(seedOf(seed, part));
  const terrain = randomTerrain(chance);
  let at = randomInstant(chance);
  for (let vector = 0; vector < vectors; vector += 1) {
    // Requests come in bursts: the engine's tables are used again as well as made anew.
    if (chance.is(10)) at = randomInstant(chance);
    const question = randomQuestion(chance, at);
    const seen = compare(terrain, question);
    if (seen.outcome === 'different') {
      return { seed, part, vector, ...shrink(terrain, question, seen.what) };
    }
    tally[seen.outcome] += 1;
  }
  return undefined;
}

const randomTerrain = (chance: Chance): Terrain =>
  terrainOf(randomBook(chance), randomDiscounts(chance));

type Failing = Pick<Difference, 'what' | 'book' | 'discounts' | 'question'>;

const TRIALS_MAX = 20_000;

/** Leaves out and makes smaller whatever the difference does not need. */
function shrink(terrain: Terrain, question: Question, what: string): Failing {
  let failing: Failing = { what, book: terrain.book, discounts: terrain.discounts, question };
  let trials = 0;
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    for (const smaller of smallerThan(failing)) {
      trials += 1;
      if (trials > TRIALS_MAX) return failing;
      const still = whatDiffers(smaller);
      if (still === undefined || kindOf(still) !== kindOf(what)) continue;
      failing = { ...smaller, what: still };
      shrunk = true;
      break;
    }
  }
  return failing;
}

/** A smaller vector is to show the same difference, with other figures perhaps. */
const kindOf = (what: string): string => what.replaceAll(/\d+/g, '');

function whatDiffers({ book, discounts, question }: Failing): string | undefined {
  try {
    const seen = compare(terrainOf(book, discounts), question);
    return seen.outcome === 'different' ? seen.what : undefined;
  } catch {
    // Too small to be a book, or an answer, at all.
    return undefined;
  }
}

function* smallerThan(failing: Failing): Generator<Failing> {
  for (const question of smaller(failing.question)) yield { ...failing, question };
  for (const discounts of smaller(failing.discounts)) yield { ...failing, discounts };
  for (const book of smaller(failing.book)) yield { ...failing, book };
}

/** Every value that is one step smaller: an entry less, a number halved. */
function smaller<T>(value: T): Generator<T>;
function* smaller(value: unknown): Generator<unknown> {
  if (typeof value === 'number' && value > 0) {
    yield 0;
    if (value > 1) yield Math.floor(value / 2);
    if (value > 2) yield value - 1;
  } else if (typeof value === 'string' && /^[1-9]\d+$/.test(value)) {
    yield value.slice(0, -1);
  } else if (Array.isArray(value)) {
    for (const index of value.keys()) yield value.toSpliced(index, 1);
    for (const [index, item] of value.entries()) {
      for (const other of smaller<unknown>(item)) yield value.with(index, other);
    }
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    for (const [name, item] of entries) {
      yield Object.fromEntries(entries.filter(([other]) => other !== name));
      for (const other of smaller<unknown>(item)) yield { ...value, [name]: other };
    }
  }
}
