import { type Charging, openCharging, type SettleOutcome } from '#charging/charging';
import type { KeptSettlement } from '#charging/journal-line';
import type { VirtualClock } from '#test/virtual-clock';
import type { Caller } from './call.ts';
import type { MemoryDisk } from './disk.ts';
import { Kept } from './kept.ts';
import type { Store } from './store.ts';

const NEVER_MS = 2_147_483_647;

/** Not booked yet, and safe on the disk. */
export const JOURNALED = { outcome: 'journaled' } as const;

interface Machine {
  readonly pace: number;
  /** Its own clock is so many ms ahead of the database's, or behind. */
  readonly ahead: number;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly leaseMs: number;
  readonly disk: MemoryDisk;
}

/** A command whose process died before it answered. */
export const LOST = { outcome: 'lost' } as const;

/** One life of a process: its charging, and all that dies with it. */
class Life implements Caller {
  readonly name: string;
  readonly pace: number;
  readonly charging: Charging;
  readonly kept: Kept;
  readonly died: Promise<typeof LOST>;
  dead = false;
  readonly #machine: Machine;
  readonly #store: Store;
  readonly #die: () => void;

  constructor(name: string, machine: Machine) {
    const { pace, store, leaseMs, disk } = machine;
    this.#machine = machine;
    this.name = name;
    this.pace = pace;
    this.#store = store;
    this.kept = new Kept(disk, this);
    const { promise, resolve } = Promise.withResolvers<typeof LOST>();
    this.died = promise;
    this.#die = () => resolve(LOST);
    const lane = store.lane(this);
    const renewEveryMs = NEVER_MS;
    this.charging = openCharging({
      ...{ holdLane: lane, settleLane: lane, flushLane: lane, leaseMs, renewEveryMs },
      // As if two were many, so that both ways of committing are met.
      unflushedFrom: 2,
    });
  }

  /** What its own clock says: the database has another. */
  get now(): Date {
    const { clock, ahead } = this.#machine;
    return new Date(clock.business + ahead);
  }

  /**
   * Settles while the store keeps silent, as the product's journal does: what is written down counts
   * as done, whatever becomes of what is under way.
   */
  async settleOrKeep(kept: KeptSettlement): Promise<SettleOutcome | typeof JOURNALED> {
    const trying = this.charging.settle(kept);
    const answered = new Promise<SettleOutcome>((resolve) => {
      void trying.then((told) => told.outcome !== 'ledger_unavailable' && resolve(told));
    });
    const writing = this.kept.write(kept);
    const first = await Promise.race([writing, answered]);
    if (typeof first !== 'string') {
      void writing.then(() => this.kept.end(kept.requestId));
      return first;
    }
    if (first !== 'written') return await trying;
    void answered.then(() => this.kept.end(kept.requestId));
    return JOURNALED;
  }

  /** Books what it keeps. */
  async settleKept(kept: KeptSettlement): Promise<SettleOutcome> {
    const told = await this.charging.settle(kept);
    if (told.outcome !== 'ledger_unavailable') this.kept.end(kept.requestId);
    return told;
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

/** A machine that runs one process at a time. */
export class Node {
  readonly name: string;
  life: Life;
  crashes = 0;
  readonly #machine: Machine;

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.#machine = machine;
    this.life = this.#begin();
  }

  #begin(): Life {
    return new Life(`${this.name}.${this.crashes}`, this.#machine);
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
