import { VirtualClock } from '#test/virtual-clock';
import { operator } from './access.ts';
import { Chance } from './chance.ts';
import { customer } from './customer.ts';
import { MemoryDisk } from './disk.ts';
import { Node } from './node.ts';
import { breakage, firstGrant, office, sweep } from './office.ts';
import { Schedule } from './schedule.ts';
import { Store } from './store.ts';
import { verdict } from './verdict.ts';
import { type Calm, drawWeather, type Weather } from './weather.ts';
import { Violation, Witness } from './witness.ts';
import { type Organization, organizationNamed, type SimulationDatabase } from './world.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const STEPS_MAX = 20_000;

/** One seed: what there is, what has been asked and what has been told. */
export class Simulation {
  readonly weather: Weather;
  readonly prefix: string;
  readonly clock: VirtualClock;
  readonly witness = new Witness();
  readonly schedule: Schedule;
  readonly store: Store;
  readonly disk: MemoryDisk;
  /** Requests whose settlement somebody was told is safe on the disk. */
  readonly journaled = new Set<string>();
  readonly organizations: readonly Organization[];
  readonly nodes: readonly Node[];
  /** Instants at which something ends: time likes to stop just there. */
  readonly instants: number[] = [];
  operations = 0;
  #setBackMs = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #database: SimulationDatabase;

  constructor(database: SimulationDatabase, seed: number, calm: Calm = {}) {
    this.#seed = seed;
    this.#database = database;
    this.prefix = `s${seed}-`;
    this.weather = drawWeather(seed, calm);
    this.#chance = new Chance(seed, 'events');
    this.clock = new VirtualClock(database.clockPool);
    this.schedule = new Schedule(new Chance(seed, 'schedule'));
    const { clock, witness, schedule, weather } = this;
    const chance = new Chance(seed, 'faults');
    const promises = calm.promises ?? 0;
    const { pool } = database;
    this.store = new Store({ pool, clock, witness, schedule, chance, weather, promises });
    this.disk = new MemoryDisk(schedule, new Chance(seed, 'disk'), weather.faultRate, () =>
      this.store.faults.add('disk_failed', 'settle'),
    );
    this.organizations = Array.from({ length: weather.organizations }, (_, i) =>
      organizationNamed(`${this.prefix}${'ABC'.charAt(i)}`),
    );
    this.nodes = Array.from({ length: weather.nodes }, (_, i) => {
      const { store, disk } = this;
      const { leaseMs } = weather;
      const [pace = 1, ahead = 0] = [weather.pace[i], weather.ahead[i]];
      return new Node(`node${i}`, { pace, ahead, clock, store, leaseMs, disk });
    });
  }

  turn(who: string, what: string): Promise<void> {
    return this.schedule.turn(who, what, this.weather.haste);
  }

  /** Both tell the same, if both are told anything. */
  async twice<T extends { readonly outcome: string }>(ask: () => Promise<T>): Promise<T> {
    const [one, other] = await Promise.all([ask(), ask()]);
    return one.outcome === 'ledger_unavailable' || one.outcome === 'lost' ? other : one;
  }

  /** Whoever is told something is told what was decided; nobody is put off without a reason. */
  checkTold(
    id: string,
    kind: 'hold' | 'extend' | 'settle',
    told: { readonly outcome: string; readonly charged?: bigint },
  ): void {
    if (told.outcome === 'lost') return;
    if (told.outcome === 'journaled') {
      this.journaled.add(id);
      this.witness.outcomes.add('journaled', kind);
      return;
    }
    if (told.outcome === 'ledger_unavailable') {
      if (this.store.disturbed.has(id)) return;
      throw new Violation(`${kind} ${id} was told ledger_unavailable though nothing was wrong`);
    }
    const decided = this.witness.decided.get(id) ?? [];
    const known = decided.some(
      (d) =>
        d.kind === kind &&
        d.outcome === told.outcome &&
        (told.charged === undefined || d.charged === told.charged),
    );
    if (!known)
      throw new Violation(`${kind} ${id} was told ${told.outcome}, which was not decided`);
  }

  async run(): Promise<void> {
    await this.#begin();
    let alive = true;
    void Promise.all(this.#actors()).then(
      () => {
        alive = false;
      },
      (error: unknown) => this.#fail(error),
    );
    for (let steps = 0; ; steps++) {
      if (steps > STEPS_MAX) throw new Violation('this never ends');
      // What happens beside the statements meets everybody at rest, or it would depend on how many
      // promises an answer has passed through by then.
      await this.schedule.rest();
      if (alive) await this.#event();
      const more = await this.schedule.step();
      this.#restart();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (more) continue;
      await this.schedule.rest();
      if (alive) throw new Violation('somebody waits for an answer that never comes');
      break;
    }
    await this.#heal();
    await verdict(this, this.#database.pool);
  }

  /** Grows as long as the run gets anywhere. */
  get progress(): number {
    return this.schedule.steps + this.store.statements + this.schedule.trace.length;
  }

  /** Whatever way a run ends, its processes end with it. */
  async stop(): Promise<void> {
    await this.store.abandon();
    for (const node of this.nodes) node.life.stop();
  }

  #restart(): void {
    for (const node of this.nodes) node.restartIfDead();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  async #begin(): Promise<void> {
    await this.#database.empty();
    await this.clock.begin();
    await this.#database.create(this.organizations);
    const chance = new Chance(this.#seed, 'beginning');
    this.store.calm = true;
    for (const organization of this.organizations) {
      const { ledger } = this.witness.open(organization.id);
      for (const { apiKeyId, workspaceId } of organization.keys) {
        ledger.keys.set(apiKeyId, { workspace: workspaceId, revoked: false });
      }
      if (chance.happens(0.9)) await this.#alone(firstGrant(this, organization, chance));
    }
    this.store.calm = false;
  }

  /** Does one thing of the office while nothing else happens. */
  async #alone(work: ReturnType<typeof firstGrant>): Promise<void> {
    const [node] = this.nodes;
    if (node === undefined) throw new Error('no node');
    await this.#drained(this.store.office(node.life, work));
  }

  async #drained<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    while (!over && (await this.schedule.step()));
    return await ended;
  }

  #actors(): Promise<void>[] {
    const stream = (name: string): Chance => new Chance(this.#seed, name);
    const customers = Array.from({ length: this.weather.customers }, (_, i) =>
      customer(this, `c${i}`, stream(`c${i}`)),
    );
    return [...customers, office(this, 'o', stream('o')), operator(this, 'p', stream('p'))];
  }

  /** What happens beside the statements. */
  async #event(): Promise<void> {
    const { weather } = this;
    const chance = this.#chance;
    if (chance.happens(weather.clockRate) && !this.store.busy) await this.#time();
    if (chance.happens(weather.renewalRate)) {
      const node = chance.pick(this.nodes);
      this.store.faults.add('renewal', 'renew');
      void node.ask((life) => life.charging.renew());
    }
    if (chance.happens(weather.crashRate)) {
      const node = chance.pick(this.nodes);
      this.schedule.note(`${node.life.name} crashes`);
      this.store.faults.add('crash', 'anything');
      if (chance.happens(0.3)) this.disk.powerCut(node.life.name);
      await node.life.crash();
      // What it had locked is free, and whoever got it may have died of a fault of its own.
      this.#restart();
    }
    if (chance.happens(0.05)) await this.#adopt();
  }

  async #time(): Promise<void> {
    const { clock } = this;
    const chance = this.#chance;
    const ahead = this.instants.filter((at) => at > clock.business + 2);
    const kind = chance.weighted([
      [3, 'lease_passes'],
      [2, 'clock_jump'],
      [ahead.length > 0 ? 3 : 0, 'to_the_instant'],
      [1, 'month_passes'],
      // What a transaction has ended the model hears of when it commits.
      [this.store.underWay.length === 0 ? 2 : 0, 'clock_set_back'],
    ]);
    this.store.faults.add(kind, 'clock');
    let jump = 0;
    if (kind === 'clock_jump') jump = chance.whole(1, chance.pick([4, 40])) * (DAY_MS / 8);
    if (kind === 'to_the_instant') {
      jump = Math.min(...ahead) - clock.business - 1 + chance.whole(-1, 1);
    }
    if (kind === 'month_passes') {
      const now = new Date(clock.business);
      jump = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1) - clock.business - 1;
    }
    let passes = kind === 'lease_passes' ? chance.pick([100, 20, 50]) * SECOND_MS : 0;
    if (kind === 'clock_set_back') {
      passes = -Math.min(chance.pick([1, 1_000, 300_000]), clock.business - this.#lastEnd());
      this.#setBackMs -= passes;
    }
    await clock.pass(passes, Math.max(jump, 0));
    this.schedule.note(`${kind}: it is ${new Date(clock.business).toISOString()}`);
  }

  /** When a month ended, or what could be promised of a grant. Rules do not say what may come back. */
  #lastEnd(): number {
    const { clock, witness } = this;
    const now = new Date(clock.business);
    const ends = [...witness.books.values()].flatMap(({ ledger }) =>
      ledger.grants.map((grant) => ledger.usableUntil(grant)),
    );
    const month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
    return Math.max(month, ...ends.filter((at) => at <= clock.business));
  }

  #gone(owner: string): boolean {
    return this.nodes.every(({ life }) => life.dead || life.name !== owner);
  }

  /** A process takes over what others left, now and then of one that lives, and books something. */
  async #adopt(): Promise<void> {
    const node = this.#chance.pick(this.nodes);
    const mistaken = this.#chance.happens(0.2);
    const taken = await node.life.kept.takeOver((owner) => mistaken || this.#gone(owner));
    const what = mistaken ? 'journal_taken_away' : 'journal_adopted';
    if (taken > 0) this.store.faults.add(what, 'settle', taken);
    const [kept] = node.life.kept.waiting.values();
    if (kept === undefined) return;
    this.store.faults.add('journal_replayed', 'settle');
    void node
      .ask((life) => life.settleKept(kept))
      .then((told) => this.checkTold(kept.requestId, 'settle', told))
      .catch((error: unknown) => this.#fail(error));
  }

  /** Faults end; what is open must come to its end by itself (I24). */
  async #heal(): Promise<void> {
    this.store.calm = true;
    this.schedule.note('everything heals');
    this.disk.failureRate = 0;
    for (const { life } of this.nodes) await this.#bookKept(life);
    // A lease that was given before the clock was set back ends so much later.
    await this.clock.pass(this.#setBackMs + this.weather.leaseMs + 10 * SECOND_MS, 0);
    const [node] = this.nodes;
    if (node === undefined) throw new Error('no node');
    await this.#drained(sweep(this, node.life));
    await this.store.bookLapsesEverywhere();
    await this.#drained(breakage(this, node.life));
    await this.clock.pass(0, this.#chance.pick([0, 800 * DAY_MS]));
    await this.#drained(breakage(this, node.life));
    while (await this.schedule.step());
  }

  async #bookKept(life: Node['life']): Promise<void> {
    const { kept } = life;
    await this.#drained(kept.takeOver((owner) => this.#gone(owner)));
    for (const each of [...kept.waiting.values()]) {
      const told = await this.#drained(life.settleKept(each));
      this.checkTold(each.requestId, 'settle', told);
      if (told.outcome === 'ledger_unavailable') throw new Violation('the journal stays');
    }
    await this.#drained(kept.close());
  }
}
