/** Repeatable chance: the same seed gives the same vectors on every machine. */
export interface Chance {
  /** A whole number from 0 up to and without `below`. */
  below(below: number): number;
  between(least: number, most: number): number;
  /** True in `percent` of 100 cases. */
  is(percent: number): boolean;
  of<T>(items: readonly [T, ...T[]]): T;
}

/** Mulberry32: small, fast, and good enough to choose test vectors. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    is: (percent) => below(100) < percent,
    of: (items) => items[below(items.length)] ?? items[0],
  };
}

/** One seed for each part of a run, far from those of its neighbours. */
export const seedOf = (seed: number, part: number): number =>
  (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(part + 1, 0xc2b2ae35)) >>> 0;
