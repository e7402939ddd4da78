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

/** Decides what happens next, one thing at a time: the seed chooses among all that could. */
export class Schedule {
  readonly trace: string[] = [];
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

  /** Lets one thing happen. False if nobody wants anything. */
  async step(): Promise<boolean> {
    await this.rest();
    if (this.#events.length === 0) return false;
    const possible = this.#events.filter((event) => event.possible?.() ?? true);
    if (possible.length === 0) {
      throw new Violation(`stuck: ${this.#events.map((e) => `${e.who} ${e.what}`).join('; ')}`);
    }
    const event = this.#chance.weighted(possible.map((e) => [e.weight, e]));
    this.#events.splice(this.#events.indexOf(event), 1);
    await event.happen();
    return true;
  }
}
