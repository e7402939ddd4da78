import type { Db, Pool, Statement } from '#db/pool';
import type { VirtualClock } from '#test/virtual-clock';
import { bookedAsLapsed, neverIdle, sessionsWaiting, undo } from './asking.ts';
import {
  type Answer,
  type Call,
  type Caller,
  CUT,
  codeError,
  type Instant,
  type Job,
  messageOf,
  type OfficeWork,
  type Row,
  type Sent,
  type Transaction,
} from './call.ts';
import type { Chance } from './chance.ts';
import { Locks } from './locks.ts';
import type { Schedule } from './schedule.ts';
import { Tally } from './tally.ts';
import type { StatementFault, Weather } from './weather.ts';
import { plain, readBatch, Violation, type Witness } from './witness.ts';

const TICK_MS = 1;

/**
 * PostgreSQL behind a scheduler and a bad network. One statement takes effect at a time, so the
 * order of effects is known. A statement may be sent while a transaction has the book it needs: it
 * then waits in PostgreSQL, as in production, and takes effect after that one.
 */
export class Store {
  readonly faults = new Tally();
  /** Requests whose statement met a fault: only they may be told that the ledger is unavailable. */
  readonly disturbed = new Set<string>();
  statements = 0;
  calm = false;
  readonly #locks = new Locks();
  readonly #pool: Pool;
  readonly #clock: VirtualClock;
  readonly #witness: Witness;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #weather: Weather;
  readonly #promises: number;
  /** What a process has committed and not yet flushed: a fault of its flush is a fault of these. */
  readonly #unflushed = new Map<Caller, Set<string>>();

  constructor(parts: {
    readonly pool: Pool;
    readonly clock: VirtualClock;
    readonly witness: Witness;
    readonly schedule: Schedule;
    readonly chance: Chance;
    readonly weather: Weather;
    /** How many promises more an answer passes through on its way: nothing may depend on it. */
    readonly promises?: number;
  }) {
    this.#pool = parts.pool;
    this.#clock = parts.clock;
    this.#witness = parts.witness;
    this.#schedule = parts.schedule;
    this.#chance = parts.chance;
    this.#weather = parts.weather;
    this.#promises = parts.promises ?? 0;
  }

  /** True while a transaction is at work: time must not jump under its statements. */
  get busy(): boolean {
    return this.#locks.busy;
  }

  get waitedFor(): ReadonlySet<string> {
    return new Set(this.#locks.waiters.map(({ until }) => until));
  }

  /** What is under way, for whoever asks why a run goes no further. */
  get underWay(): string[] {
    return this.#locks.underWay;
  }

  /** A lane of a process. */
  lane(caller: Caller): Pool {
    return {
      query: (statement) => this.#submit(caller, statement, undefined, undefined),
      transaction: () => Promise.reject(new Error('a lane of charging opens no transaction')),
      close: async () => {},
    };
  }

  /** What a job runs its one statement on. */
  jobs(caller: Caller, job: Job): Db {
    return { query: (statement) => this.#submit(caller, statement, undefined, job) };
  }

  #submit<R>(
    caller: Caller,
    statement: Statement,
    transaction: Transaction | undefined,
    job: Job | undefined,
  ): Promise<R[]>;
  #submit(
    caller: Caller,
    statement: Statement,
    transaction: Transaction | undefined,
    job: Job | undefined,
  ): Promise<Row[]> {
    if (transaction?.aborted !== undefined) return Promise.reject(transaction.aborted);
    if (caller.dead) return new Promise(() => {});
    const batch = readBatch(statement);
    const flushes = statement.name === 'charging.flush';
    const flushed = flushes ? this.#unflushed.get(caller) : undefined;
    if (flushes) this.#unflushed.delete(caller);
    const { promise, resolve, reject } = Promise.withResolvers<Row[]>();
    const ownBook = transaction?.stage === 'begun' && /FOR UPDATE/.test(statement.text);
    const one = ownBook ? transaction.organization : job?.organization;
    const named = one === undefined ? (batch?.organizations ?? []) : [one];
    const call: Call = {
      ...{ caller, statement, transaction, resolve, reject },
      kind: job?.kind ?? batch?.kind ?? transaction?.kind ?? (flushes ? 'flush' : 'unknown'),
      about: [...new Set(batch?.ids ?? flushed)].join(','),
      locks: batch?.kind === 'renew' ? [] : named,
      touches: named,
      needs:
        job?.access !== undefined
          ? { decided: job.access }
          : job !== undefined && one === undefined
            ? 'nobody waits'
            : 'books',
      follow: (rows, instants) => {
        if (batch !== undefined) {
          const before = this.#unflushed.get(caller) ?? [];
          this.#unflushed.set(caller, new Set([...before, ...batch.ids]));
          for (const line of this.#witness.follow(statement, rows, instants)) {
            this.#schedule.note(`    ${line}`);
          }
        }
        const at = instants.get(job?.organization ?? '') ?? this.#now;
        job?.follow(rows, at, this.#locks.taken);
      },
    };
    if (transaction !== undefined) transaction.fail = reject;
    this.#schedule.add({
      who: caller.name,
      what: `${call.kind} ${call.about}`,
      weight: caller.pace,
      possible: () => this.#locks.allow(call),
      happen: () => this.#letThrough(call),
    });
    let answer = promise;
    for (let more = 0; more < this.#promises; more++) answer = answer.then((rows) => rows);
    return answer;
  }

  get #now(): Instant {
    return { business: this.#clock.business, real: this.#clock.real };
  }

  #fault(call: { readonly transaction: Transaction | undefined }, kind: string) {
    if (this.calm || !this.#chance.happens(this.#weather.faultRate)) return undefined;
    const fault = this.#chance.weighted(this.#weather.statementFaults);
    const after = fault === 'cut_after' || fault === 'late_answer' || fault === 'crash_after';
    if (call.transaction !== undefined && (after || fault === 'undone_inside')) return undefined;
    this.faults.add(fault, kind);
    return fault;
  }

  async #letThrough(call: Call): Promise<void> {
    const fault = this.#fault(call, call.kind);
    if (!this.busy) await this.#clock.pass(TICK_MS, 0);
    const mark = fault === undefined ? '' : ` ! ${fault}`;
    if (call.transaction === undefined || fault !== undefined) {
      const at = new Date(this.#clock.business).toISOString();
      this.#schedule.note(`${at} ${call.caller.name} ${call.kind} ${call.about}${mark}`);
    }
    if (fault !== undefined) for (const id of call.about.split(',')) this.disturbed.add(id);
    const locked = this.#locks.taken;
    const until = call.locks.find((organization) => locked.has(organization));
    switch (fault) {
      case undefined:
      case 'cut_after':
      case 'late_answer':
      case 'crash_after':
        return await this.#send(call, fault, until);
      case 'crash_before':
        return await call.caller.crash();
      case 'cut_before':
        return await this.#fail(call, CUT);
      case 'undone_inside':
        if (until === undefined) await undo(this.#pool, call.statement);
        return await this.#fail(call, codeError('40001'));
      default:
        return await this.#fail(call, codeError(fault));
    }
  }

  async #fail(call: Call, error: unknown): Promise<void> {
    call.reject(error);
    if (call.transaction !== undefined) await this.#rolledBack(call.transaction);
  }

  async #send(
    call: Call,
    fault: StatementFault | undefined,
    until: string | undefined,
  ): Promise<void> {
    this.statements += 1;
    const db = call.transaction?.db ?? this.#pool;
    const answer = db.query<Row>(call.statement).then(
      (rows): Answer => ({ rows }),
      (error: unknown): Answer => ({ error }),
    );
    // A batch decides after it has all its locks: a wait for one moves the instant of all of them.
    const instants = new Map<string, Instant>();
    if (until !== undefined) {
      if (call.transaction !== undefined) call.transaction.stage = 'waiting';
      const sent: Sent = { call, fault, answer, instants, until };
      this.#locks.waiters.push(sent);
      this.faults.add('waited_for_a_lock', call.kind);
      if (await this.#waits(answer)) return;
      // It did not wait for the lock it needs; what it did is judged as of now.
      this.#locks.waiters = this.#locks.waiters.filter((waiter) => waiter !== sent);
    }
    for (const organization of call.touches) {
      if (!instants.has(organization)) instants.set(organization, this.#now);
    }
    await this.#finish({ call, fault, answer, instants, until: '' });
  }

  /** True once PostgreSQL has as many sessions waiting as there are waiters. */
  async #waits(answer: Promise<Answer>): Promise<boolean> {
    let answered = false;
    void answer.then(() => {
      answered = true;
    });
    while (!answered) {
      if ((await sessionsWaiting(this.#pool)) >= this.#locks.waiters.length) return true;
    }
    return false;
  }

  async #finish({ call, fault, answer, instants }: Sent): Promise<void> {
    const told = await answer;
    const tx = call.transaction;
    if ('error' in told) {
      if (tx !== undefined || readBatch(call.statement) === undefined) {
        throw new Violation(`${call.kind} was refused: ${messageOf(told.error)}`);
      }
      this.#witness.refused(call.statement, told.error, instants);
      for (const id of call.about.split(',')) this.disturbed.add(id);
      call.reject(told.error);
      return;
    }
    if (tx !== undefined && call.locks.length > 0) {
      tx.stage = 'inside';
      tx.instant = this.#now;
    }
    call.follow(told.rows, instants);
    if (call.kind === 'sweep') await this.bookLapsesEverywhere();
    await this.#bookLapses(call.touches);
    if (call.caller.dead) return tx === undefined ? undefined : await this.#fail(call, CUT);
    if (fault === 'crash_after') return await call.caller.crash();
    if (fault === 'cut_after') return call.reject(CUT);
    if (fault !== 'late_answer') return call.resolve(told.rows);
    const { name: who } = call.caller;
    const what = `hears of ${call.kind} ${call.about}`;
    this.#schedule.add({ who, what, weight: 0.2, happen: () => call.resolve(told.rows) });
  }

  /** When a lapse is booked is PostgreSQL's choice, but only what has lapsed may be. */
  async #bookLapses(organizations: readonly string[]): Promise<void> {
    for (const organization of organizations) {
      const { ledger } = this.#witness.at(organization, this.#now);
      const { lapsed } = ledger;
      if (lapsed.length === 0) continue;
      const ids = lapsed.map((hold) => hold.id);
      const booked = await bookedAsLapsed(this.#pool, organization, ids);
      ledger.lapse(lapsed.filter((hold) => booked.has(hold.id)));
    }
  }

  bookLapsesEverywhere(): Promise<void> {
    return this.#bookLapses([...this.#witness.books.keys()]);
  }

  // Transactions of the office.

  office<T>(caller: Caller, office: OfficeWork<T>): Promise<T> {
    // Whoever asks a process that has just died hears of its death, and it begins nothing.
    if (caller.dead) return new Promise(() => {});
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { kind, about } = office;
    const organization = office.bookless === true ? 'nobody' : office.organization;
    const tx: Transaction = {
      ...{ caller, kind, organization, stage: 'begun', instant: this.#now, db: undefined },
      ...{ done: Promise.resolve(), fail: reject, aborted: undefined },
    };
    const happen = async (): Promise<void> => {
      const began = Promise.withResolvers<void>();
      this.#locks.transactions.push(tx);
      const done = this.#pool.transaction(async (db) => {
        await db.query(neverIdle);
        tx.db = db;
        began.resolve();
        const value = await office.work({ query: (s) => this.#submit(caller, s, tx, undefined) });
        await this.#gate(tx, office, value, resolve, reject);
        return value;
      });
      tx.done = done.catch((error: unknown) => reject(error));
      await Promise.race([began.promise, tx.done]);
    };
    this.#schedule.add({ who: caller.name, what: `${kind} ${about}`, weight: caller.pace, happen });
    return promise;
  }

  /** Returns when the transaction may commit; the event that allows it waits until it has. */
  #gate<T>(
    tx: Transaction,
    { kind, about, follow, organization }: OfficeWork<T>,
    value: T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    if (tx.aborted !== undefined) return Promise.reject(tx.aborted);
    const gate = Promise.withResolvers<void>();
    tx.fail = gate.reject;
    tx.stage = 'committing';
    const happen = async (): Promise<void> => {
      const fault = this.#fault({ transaction: undefined }, kind);
      if (!this.busy) await this.#clock.pass(TICK_MS, 0);
      const mark = fault === undefined ? '' : ` ! ${fault}`;
      const told = `${tx.caller.name} ${kind} ${about} (${organization}): ${plain(value)}${mark}`;
      this.#schedule.note(`${new Date(this.#clock.business).toISOString()} ${told}`);
      const after = fault === 'cut_after' || fault === 'late_answer' || fault === 'crash_after';
      if (fault !== undefined && !after) {
        if (fault === 'crash_before') return await tx.caller.crash();
        gate.reject(codeError(fault));
        return await this.#rolledBack(tx);
      }
      gate.resolve();
      await tx.done;
      follow(value, tx.instant);
      await this.#bookLapses([organization]);
      await this.#over(tx);
      if (fault === 'crash_after') return await tx.caller.crash();
      if (fault === 'cut_after') return reject(CUT);
      resolve(value);
    };
    const { name: who, pace: weight } = tx.caller;
    this.#schedule.add({ who, what: `${kind} ${about} commits`, weight, happen });
    return gate.promise;
  }

  /**
   * It may wait for something, or be between the answer to one statement and the next: who ends it
   * cannot know how far it got with an answer.
   */
  #abort(tx: Transaction, error: Error): void {
    tx.aborted = error;
    tx.fail(error);
  }

  async #rolledBack(tx: Transaction): Promise<void> {
    await tx.done;
    await this.#over(tx);
  }

  /** Whoever waited for its book takes effect now. */
  async #over(tx: Transaction): Promise<void> {
    tx.stage = 'over';
    this.#locks.transactions = this.#locks.transactions.filter((other) => other !== tx);
    const woken = this.#locks.waiters.filter((waiter) => waiter.until === tx.organization);
    this.#locks.waiters = this.#locks.waiters.filter((waiter) => waiter.until !== tx.organization);
    for (const waiter of woken) {
      for (const organization of waiter.call.touches) {
        if (!waiter.instants.has(organization)) waiter.instants.set(organization, this.#now);
      }
      await this.#finish(waiter);
    }
  }

  /** Ends whatever is open, without looking at it any more: the run has failed. */
  async abandon(): Promise<void> {
    for (const tx of this.#locks.transactions) this.#abort(tx, CUT);
    await Promise.all(this.#locks.transactions.map((tx) => tx.done));
    await Promise.all(this.#locks.waiters.map((waiter) => waiter.answer));
    for (const { call } of this.#locks.waiters) call.reject(CUT);
    await Promise.all(this.#locks.transactions.map((tx) => tx.done));
  }

  /** What a dead process had open is rolled back; what it had sent may still take effect. */
  async crashed(caller: Caller): Promise<void> {
    this.#schedule.drop(caller.name);
    const left = this.#locks.transactions.filter(
      (tx) => tx.caller === caller && tx.stage !== 'waiting',
    );
    for (const tx of left) this.#abort(tx, CUT);
    for (const tx of left) await this.#rolledBack(tx);
  }
}
