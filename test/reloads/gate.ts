import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, Statement } from '#db/pool';
import type { Chance } from '../simulation/chance.ts';

/** What a process that died still wanted to do fails with this. */
export class Died extends Error {
  constructor() {
    super('the process died');
  }
}

/** One thing a process does, from its beginning to its end or its death. */
export interface Activity {
  readonly name: string;
  dead: boolean;
}

interface Waiting {
  readonly activity: Activity;
  /** The step before which it began to wait. */
  readonly since: number;
  readonly what: string;
  readonly go: () => void;
}

/** More than any chain of promises in the product needs until it waits for something again. */
const TURNS_TO_REST = 8;
const LOOK_AGAIN_MS = 1;
/** PostgreSQL ends transactions that do nothing for 15 seconds. */
const STEPS_MAX = 60;
/** In all that time only PostgreSQL could have ended a wait: by calling it a deadlock. */
const STILL_MS = 8_000;

/**
 * Lets one statement or one call take effect at a time, in an order the seed chooses. One that waits
 * for a lock in PostgreSQL keeps waiting while others go on, as it would between processes.
 */
export class Gate {
  readonly trace: string[] = [];
  #waiting: Waiting[] = [];
  #busy = 0;
  #steps = 0;
  readonly #chance: Chance;
  readonly #monitor: Pool;

  constructor(chance: Chance, monitor: Pool) {
    this.#chance = chance;
    this.#monitor = monitor;
  }

  get open(): number {
    return this.#waiting.length;
  }

  /** Waits for its turn, then runs it; nothing else begins before it has ended or waits for a lock. */
  async pass<T>(activity: Activity, what: string, run: () => Promise<T>): Promise<T> {
    await this.#turn(activity, what);
    return this.#counted(run);
  }

  /** A pool whose statements take turns, each on its own. */
  pool(activity: Activity, pool: Pool): Pool {
    const gated =
      (run: <Row>(statement: Statement) => Promise<Row[]>) =>
      <Row>(statement: Statement): Promise<Row[]> =>
        this.pass(activity, firstWords(statement.text), () => run<Row>(statement));
    return {
      query: gated((statement) => pool.query(statement)),
      transaction: (work) => this.#transaction(activity, pool, gated, work),
      close: () => pool.close(),
    };
  }

  async #transaction<T>(
    activity: Activity,
    pool: Pool,
    gated: (run: Pool['query']) => Pool['query'],
    work: Parameters<typeof pool.transaction<T>>[0],
  ): Promise<T> {
    await this.#turn(activity, 'begin');
    this.#busy += 1;
    try {
      return await pool.transaction(async (tx) => {
        this.#busy -= 1;
        try {
          const result = await work({ query: gated((statement) => tx.query(statement)) });
          await this.#turn(activity, 'commit');
          return result;
        } finally {
          this.#busy += 1;
        }
      });
    } finally {
      this.#busy -= 1;
    }
  }

  async #counted<T>(run: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await run();
    } finally {
      this.#busy -= 1;
    }
  }

  #turn(activity: Activity, what: string): Promise<void> {
    if (activity.dead) return Promise.reject(new Died());
    return new Promise((resolve, reject) => {
      const go = (): void => (activity.dead ? reject(new Died()) : resolve());
      this.#waiting.push({ activity, since: this.#steps, what, go });
    });
  }

  /** Lets one thing happen. A process may die instead: nothing more of that activity takes effect. */
  async step(mortality: number): Promise<void> {
    await this.quiet();
    if (this.#waiting.length === 0) return;
    // In an order of their own: who came first is a matter of how many promises the product uses.
    const sorted = this.#waiting.toSorted((a, b) => (a.activity.name < b.activity.name ? -1 : 1));
    const tired = sorted.find(({ since }) => this.#steps - since > STEPS_MAX);
    const next = tired ?? this.#chance.pick(sorted);
    this.#steps += 1;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    const dies = this.#chance.happens(mortality);
    next.activity.dead ||= dies;
    this.trace.push(`${next.activity.name}: ${dies ? 'dies before ' : ''}${next.what}`);
    next.go();
    await this.quiet();
  }

  /** Until whatever runs has ended, waits for its turn, or waits for a lock. */
  async quiet(): Promise<void> {
    for (let since = performance.now(); ; ) {
      for (let turn = 0; turn < TURNS_TO_REST; turn += 1) await new Promise(setImmediate);
      if (this.#busy === 0) return;
      const blocked = await this.#blocked();
      // With nobody left who could let it go on, it is for PostgreSQL to say what is wrong.
      if (blocked === this.#busy && this.#waiting.length > 0) return;
      if (blocked !== this.#busy) since = performance.now();
      else if (performance.now() - since > STILL_MS) throw new Error('everybody waits for a lock');
      await pause(LOOK_AGAIN_MS);
    }
  }

  async #blocked(): Promise<number> {
    const [row] = await this.#monitor.query<{ blocked: number }>({
      // Not from pg_stat_activity alone, which hides from one role what another waits for.
      text: `SELECT count(DISTINCT l.pid)::int AS blocked FROM pg_locks AS l
        JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.datname = current_database()
        WHERE NOT l.granted`,
    });
    return row?.blocked ?? 0;
  }
}

const WORDS = /^\s*(WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM)\s+(?:FROM\s+)?([\w.]+)/i;

function firstWords(text: string): string {
  const [, verb = 'statement', table = ''] = WORDS.exec(text) ?? [];
  return `${verb.toLowerCase()} ${table}`.trim();
}
