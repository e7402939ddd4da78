/** Everything random of a run, from one seed: the same seed asks the same questions and gets the same answers. */
export class Chance {
  #state: number;

  constructor(seed: number, stream = '') {
    let state = (seed ^ 0x9e3779b9) >>> 0;
    for (const character of stream) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193);
    this.#state = state >>> 0;
    for (let warm = 0; warm < 4; warm++) this.next();
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(among: readonly T[]): T {
    const chosen = among[this.whole(0, among.length - 1)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }

  /** One of several by weight; a weight of 0 is never chosen. */
  weighted<T>(among: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.next() * among.reduce((total, [weight]) => total + weight, 0);
    for (const [weight, choice] of among) {
      left -= weight;
      if (left < 0 && weight > 0) return choice;
    }
    const last = among.findLast(([weight]) => weight > 0);
    if (last === undefined) throw new Error('nothing to choose from');
    return last[1];
  }
}
