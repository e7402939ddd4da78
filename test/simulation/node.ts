import { type Charging, openCharging, type SettleCommand } from '#charging/charging';
import type { Caller } from './call.ts';
import type { Store } from './store.ts';

const NEVER_MS = 2_147_483_647;

/** A command whose process died before it answered. */
export const LOST = { outcome: 'lost' } as const;

/** One life of a process: its charging, and all that dies with it. */
class Life implements Caller {
  readonly name: string;
  readonly pace: number;
  readonly charging: Charging;
  readonly died: Promise<typeof LOST>;
  dead = false;
  readonly #store: Store;
  readonly #die: () => void;

  constructor(name: string, pace: number, store: Store, leaseMs: number) {
    this.name = name;
    this.pace = pace;
    this.#store = store;
    const { promise, resolve } = Promise.withResolvers<typeof LOST>();
    this.died = promise;
    this.#die = () => resolve(LOST);
    const lane = store.lane(this);
    const renewEveryMs = NEVER_MS;
    this.charging = openCharging({ holdLane: lane, settleLane: lane, leaseMs, renewEveryMs });
  }

  async crash(): Promise<void> {
    this.dead = true;
    this.#die();
    this.stop();
    await this.#store.crashed(this);
  }

  /** Its timers end; what it waits for may never come, so that is not awaited. */
  stop(): void {
    void this.charging.close();
  }
}

/** A machine that runs one process at a time. Its journal survives the process. */
export class Node {
  readonly name: string;
  readonly journal: SettleCommand[] = [];
  life: Life;
  crashes = 0;
  readonly #pace: number;
  readonly #store: Store;
  readonly #leaseMs: number;

  constructor(name: string, pace: number, store: Store, leaseMs: number) {
    this.name = name;
    this.#pace = pace;
    this.#store = store;
    this.#leaseMs = leaseMs;
    this.life = this.#begin();
  }

  #begin(): Life {
    return new Life(`${this.name}.${this.crashes}`, this.#pace, this.#store, this.#leaseMs);
  }

  restartIfDead(): void {
    if (!this.life.dead) return;
    this.crashes += 1;
    this.life = this.#begin();
  }

  /** Asks the process that runs now; its death is an answer. */
  async ask<T>(question: (life: Life) => Promise<T>): Promise<T | typeof LOST> {
    const { life } = this;
    return await Promise.race([question(life), life.died]);
  }
}
