import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countJournal } from '#charging/journal-aside';
import { localDisk } from '#charging/journal-disk';
import { expireLapsedHolds } from '#charging/lapse';
import { openPool, type Pool } from '#db/pool';
import { nanos, ZERO } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { makePayer, type Payer } from '#test/ledger-world';
import { readBooks, readHeld } from './books.ts';
import { type Chance, chanceOf } from './chance.ts';
import { differences } from './checks.ts';
import { type Node, startNode } from './fleet.ts';
import { plantedSettings, plantInDatabase } from './plants.ts';
import { makePostgres, type Victim as Postgres } from './postgres.ts';
import { grantOn } from './purchases.ts';
import type { Purchase, Report } from './reports.ts';
import { acknowledged, journaled, Truth, unknown } from './truth.ts';

/** `everything`: PostgreSQL, then, while nodes journal what they cannot book, every node. */
export const VICTIMS = ['node', 'all nodes', 'postgres', 'everything'] as const;
export type Victim = (typeof VICTIMS)[number];

/** What a round showed. Violations are sentences; none is what every round must show. */
export interface Round {
  readonly victim: Victim;
  /** Requests and purchases begun. */
  readonly operations: number;
  readonly acknowledged: number;
  /** Of the acknowledged: on the word of a journal, because the store was away. */
  readonly journaled: number;
  readonly unknown: number;
  readonly loadMs: number;
  /** From the kill until every victim has served something again. */
  readonly recoveryMs: number;
  readonly violations: readonly string[];
}

export interface Chaos {
  round(victim: Victim, seed: number): Promise<Round>;
  /** Everything of all rounds against everything in the ledger, once more. */
  whole(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const NODES = 3;
const ORGANIZATIONS = 5;
const PURCHASES = 40;
const REST_MS = 60_000;
/** After this a hold nobody answers for must be free: lease, sweep, and a busy machine. */
const LAPSE_MS = 30_000;
const REPLAY_MS = 60_000;
/** A bound on a machine that others use too; what was measured is printed. */
const RECOVERY_MS = 90_000;

/** PostgreSQL, nodes and the truth about them, below `dir`. */
export async function openChaos(dir: string, plant?: string): Promise<Chaos> {
  const postgres = await makePostgres(join(dir, 'data'), plantedSettings(plant));
  await plantInDatabase(plant, postgres.ownerUrl);
  const pool = openPool({ url: postgres.url, name: 'chaos driver', max: 4 });
  const world = new World(dir, postgres, pool, plant);
  try {
    if (plant === undefined) await assertDurable(pool);
    await world.start();
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}

/** A server that may forget what it has acknowledged would prove nothing. */
async function assertDurable(pool: Pool): Promise<void> {
  const rows = await pool.query<{ name: string; setting: string }>({
    text: `SELECT name, setting FROM pg_settings
            WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')`,
  });
  const off = rows.filter(({ setting }) => setting !== 'on');
  if (off.length > 0 || rows.length !== 3) throw new Error(`not durable: ${JSON.stringify(off)}`);
}

class World implements Chaos {
  /** One folder for all nodes, as processes of one data directory have it. */
  readonly #journals: string;
  readonly #postgres: Postgres;
  readonly #pool: Pool;
  readonly #plant: string | undefined;
  readonly #truth = new Truth();
  readonly #nodes: Node[] = [];
  readonly #organizations: string[] = [];

  constructor(dir: string, postgres: Postgres, pool: Pool, plant: string | undefined) {
    this.#journals = join(dir, 'journal');
    this.#postgres = postgres;
    this.#pool = pool;
    this.#plant = plant;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: NODES }, (_, index) => this.#startNode(index)));
  }

  async #startNode(index: number): Promise<Node> {
    const node = await startNode({
      ...{ name: `node ${index}`, url: this.#postgres.url, plant: this.#plant },
      journalDir: this.#journals,
      hear: (report) => this.#truth.hear(report),
    });
    this.#nodes[index] = node;
    return node;
  }

  async round(victim: Victim, seed: number): Promise<Round> {
    const chance = chanceOf(seed);
    const began = this.#truth.requests.size;
    const payers = await this.#newPayers();
    const purchases = purchasesOf(payers, chance.fork('purchases'), seed);
    const [opening, later] = [purchases.slice(0, ORGANIZATIONS), purchases.slice(ORGANIZATIONS)];
    this.#truth.expect(purchases);
    await this.#open(opening);

    const go = (index: number) => ({
      ...({ do: 'go', seed: chance.fork(`node ${index}`).between(0, 2 ** 31) } as const),
      ...{ payers, purchases: later },
    });
    await this.#replaceEnded();
    for (const [index, node] of this.#nodes.entries()) node.order(go(index));
    const loadMs = chance.between(500, 1_500);
    await sleep(loadMs);
    const violations: string[] = [];
    const killed = performance.now();
    const struck = await Promise.allSettled(await this.#strike(victim, chance, go));
    const recoveryMs = performance.now() - killed;
    violations.push(...failures(struck));
    await sleep(chance.between(200, 500));

    violations.push(...(await this.#rest()), ...this.#truth.surprises.splice(0));
    const orgs = payers.map(({ organizationId }) => organizationId);
    violations.push(...(await this.#emptyJournals()), ...(await this.#lapse(orgs)));
    violations.push(...(await this.#compare(orgs)));
    const begun = [...this.#truth.requests.values()].slice(began);
    return {
      ...{ victim, loadMs, recoveryMs, violations },
      operations: begun.length + purchases.length,
      acknowledged: begun.filter(acknowledged).length,
      journaled: begun.filter(journaled).length,
      unknown: begun.filter(unknown).length,
    };
  }

  /** One that ended by itself was a violation of its round; the next round has all of them again. */
  async #replaceEnded(): Promise<void> {
    const ended = [...this.#nodes.entries()].filter(([, node]) => node.ended());
    await Promise.all(ended.map(([index]) => this.#startNode(index)));
  }

  async #open(purchases: readonly Purchase[]): Promise<void> {
    const grant = grantOn(this.#pool);
    for (const purchase of purchases) {
      const org = purchase.payer.organizationId;
      const granted = await grant(purchase);
      this.#truth.hear({ t: 'granted', org, source: purchase.source, ...granted });
    }
  }

  async #newPayers(): Promise<Payer[]> {
    const made = Array.from({ length: ORGANIZATIONS }, () => makePayer(this.#pool));
    const payers = await Promise.all(made);
    this.#organizations.push(...payers.map(({ organizationId }) => organizationId));
    return payers;
  }

  /** Kills and brings back. What it answers resolves when what was killed has served something. */
  async #strike(
    victim: Victim,
    chance: Chance,
    go: (index: number) => Parameters<Node['order']>[0],
  ): Promise<readonly Promise<void>[]> {
    const served = (node: Node) => node.next(isService, RECOVERY_MS);
    if (victim === 'postgres' || victim === 'everything') {
      await this.#postgres.kill(chance.happens(0.5) ? chance.between(100, 700) : 0);
      await sleep(victim === 'everything' ? chance.between(280, 600) : chance.between(0, 400));
    }
    const all = [...this.#nodes.keys()];
    const victims = victim === 'node' ? [chance.pick(all)] : victim === 'postgres' ? [] : all;
    await Promise.all(victims.map((index) => this.#nodes[index]?.kill()));
    if (victim === 'postgres' || victim === 'everything') await this.#postgres.start();
    if (victim === 'postgres') return this.#nodes.map(served);
    return victims.map(async (index) => {
      const node = await this.#startNode(index);
      node.order(go(index));
      await served(node);
    });
  }

  async #rest(): Promise<string[]> {
    const rested = this.#nodes.map(async (node) => {
      const done = node.next(({ t }) => t === 'rested', REST_MS);
      node.order({ do: 'rest' });
      await done;
    });
    return failures(await Promise.allSettled(rested));
  }

  /** What was journaled has been booked by its node, or by whoever took over from a dead one. */
  async #emptyJournals(): Promise<string[]> {
    const disk = await localDisk(this.#journals);
    const until = performance.now() + REPLAY_MS;
    for (;;) {
      const { waiting, rejected } = await countJournal(disk);
      if (rejected > 0) return [`${rejected} journaled settlements were rejected`];
      if (waiting === 0) return [];
      if (performance.now() > until) {
        return [`${waiting} settlements were still journaled after ${REPLAY_MS} ms`];
      }
      await sleep(50);
    }
  }

  /** The sweeper runs until what dead processes held is free. Whatever is not shows in the checks. */
  async #lapse(orgs: readonly string[]): Promise<string[]> {
    const until = performance.now() + LAPSE_MS;
    while (performance.now() < until) {
      try {
        await expireLapsedHolds(this.#pool, 1_000);
      } catch (error) {
        return [`the sweeper failed: ${error}`];
      }
      const held = await readHeld(this.#pool, orgs);
      if (held.every(({ open_holds }) => open_holds === 0n)) return [];
      await sleep(100);
    }
    return [`holds were still open ${LAPSE_MS} ms after everything had come to rest`];
  }

  async #compare(orgs: readonly string[]): Promise<string[]> {
    const books = await readBooks(this.#pool, orgs);
    const found = differences(this.#truth, new Set(orgs), books);
    const { checks } = await verifyLedger(this.#pool, { mode: 'full' });
    return [...found, ...checks.flatMap(({ violations }) => violations)];
  }

  whole(): Promise<readonly string[]> {
    return this.#compare(this.#organizations);
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await this.#pool.close();
    await this.#postgres.stop();
  }
}

const failures = (results: readonly PromiseSettledResult<unknown>[]): string[] =>
  results.flatMap((result) => (result.status === 'rejected' ? [`${result.reason}`] : []));

const isService = (report: Report): boolean =>
  (report.t === 'asked' && report.outcome !== 'ledger_unavailable') ||
  (report.t === 'resolved' && report.charged !== undefined);

/** The first of each organization opens its book; the others come while it is being spent. */
function purchasesOf(payers: readonly Payer[], chance: Chance, seed: number): Purchase[] {
  return Array.from({ length: ORGANIZATIONS + PURCHASES }, (_, index): Purchase => {
    const [hot] = payers;
    const other = payers[index % payers.length];
    if (hot === undefined || other === undefined) throw new Error('nobody to buy');
    const opening = index < ORGANIZATIONS;
    const payer = !opening && chance.happens(0.5) ? hot : other;
    const kind = chance.happens(0.8) ? 'purchase' : 'promotional';
    const amount = nanos(BigInt(chance.between(20, 60)) * 1_000_000n);
    const tax = kind === 'purchase' ? nanos(amount / 10n) : ZERO;
    return { payer, source: `pi_${payers[0]?.organizationId}_${seed}_${index}`, kind, amount, tax };
  });
}
