import type { Chance } from './chance.ts';
import { Violation } from './witness.ts';

/** Something that can happen next, if it is chosen. */
export interface Event {
  readonly who: string;
  readonly what: string;
  readonly weight: number;
  readonly possible?: () => boolean;
  readonly happen: () => Promise<void> | void;
}

/** More than any chain of promises in the product needs until it waits for a statement or rests. */
const TURNS_TO_REST = 4;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Decides what happens next, one thing at a time: the seed chooses among all that could. */
export class Schedule {
  readonly trace: string[] = [];
  /** How many things have happened. */
  steps = 0;
  #now: Event | undefined;
  #events: Event[] = [];
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  add(event: Event): void {
    this.#events.push(event);
  }

  /** Waits until the scheduler gives this one a turn. */
  turn(who: string, what: string, weight: number): Promise<void> {
    return new Promise((resolve) => this.add({ who, what, weight, happen: resolve }));
  }

  note(line: string): void {
    this.trace.push(line);
  }

  /** What a process that died still wanted to do. */
  drop(who: string): void {
    this.#events = this.#events.filter((event) => event.who !== who);
  }

  /** Lets everybody run until they wait for something of the schedule. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_REST; turn++) await new Promise(setImmediate);
  }

  /** What happens now, and what is still to happen. */
  get waiting(): string[] {
    const told = ({ who, what }: Event): string => `${who} ${what}`;
    const now = this.#now === undefined ? [] : [`${told(this.#now)} (happening)`];
    return [...now, ...this.#events.map(told)];
  }

  /** Lets one thing happen. False if nobody wants anything. */
  async step(): Promise<boolean> {
    await this.rest();
    if (this.#events.length === 0) return false;
    const possible = this.#events.filter((event) => event.possible?.() ?? true);
    if (possible.length === 0) {
      throw new Violation(`stuck: ${this.#events.map((e) => `${e.who} ${e.what}`).join('; ')}`);
    }
    // In an order of their own: who asked first is a matter of how many promises the product uses.
    const sorted = possible.toSorted((a, b) => compare(a.who, b.who) || compare(a.what, b.what));
    const event = this.#chance.weighted(sorted.map((e) => [e.weight, e]));
    this.#events.splice(this.#events.indexOf(event), 1);
    this.steps += 1;
    this.#now = event;
    await event.happen();
    this.#now = undefined;
    return true;
  }
}
