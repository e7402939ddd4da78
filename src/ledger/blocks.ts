import type { Db } from '#db/pool';
import * as sql from '#ledger/blocks-sql';
import { type Findings, VIOLATIONS_MAX } from '#ledger/findings';
import * as spans from '#ledger/spans-sql';
import { only } from '#ledger/sql';

export const HASH_CHAIN = 'hash_chain_is_intact';
export const CHARGES = 'charges_are_entries';
export const CREDITS = 'every_grant_was_booked_once';
export const RECEIPTS = 'receipts_are_charges';

/** A piece of work of bounded size; answers how many entries it read. */
export type Piece = (db: Db) => Promise<bigint>;

/** About 65,000 entries: a tenth of a second of work, and one tick of progress. */
const SEALS_PER_PIECE = 64;
/** 128 MB of the table. */
const PAGES_PER_PIECE = 16_384;

interface Fingerprint {
  readonly organization_id: string;
  readonly fingerprint: string;
}

/**
 * The full reading of everything that is sealed, in pieces that may run side by side on one
 * snapshot. When all have run, `compare` says whether holds and grants agree with the entries.
 */
export class BlockReading {
  readonly #findings: Findings;
  readonly #seed: bigint;
  /** Entries minus holds and grants: zero for every organization in order. */
  readonly #difference = new Map<string, bigint>();
  /** What receipts say was charged, and what holds say. */
  readonly #receipts = new Map<string, bigint>();
  readonly #charged = new Map<string, bigint>();

  constructor(findings: Findings, seed: bigint) {
    this.#findings = findings;
    this.#seed = seed;
    for (const name of [HASH_CHAIN, CHARGES, CREDITS, RECEIPTS]) findings.add(name, []);
  }

  async pieces(db: Db): Promise<Piece[]> {
    const ends = await db.query<sql.BlockKey>(sql.pieceEnds(SEALS_PER_PIECE));
    const blocks = ends.map((to, index): Piece => {
      const from = ends[index - 1] ?? { organization: '', to: 0n };
      return (lane) => this.#readBlocks(lane, from, to);
    });
    const holds = await this.#pagesOf(db, 'ledger.holds', async (lane, first) => {
      const rows = await this.#ask(lane, sql.holdFingerprints(this.#seed, first, PAGES_PER_PIECE));
      for (const [organization, weight] of rows) {
        this.#count(organization, -weight);
        add(this.#charged, organization, weight);
      }
    });
    const receipts = await this.#pagesOf(db, 'metering.requests', async (lane, first) => {
      const statement = sql.receiptFingerprints(this.#seed, first, PAGES_PER_PIECE);
      for (const [organization, weight] of await this.#ask(lane, statement)) {
        add(this.#receipts, organization, weight);
      }
    });
    const tail: Piece = (lane) =>
      this.#weigh(lane, 1n, sql.tailFingerprints(this.#seed, spans.TAIL.text));
    const grants: Piece = (lane) => this.#weigh(lane, -1n, sql.grantFingerprints(this.#seed));
    return [tail, grants, ...holds, ...receipts, ...blocks];
  }

  async compare(db: Db): Promise<void> {
    for (const [organization, difference] of this.#difference) {
      if (difference === 0n) continue;
      const whole = spans.wholeOf(organization);
      const charges = await db.query<Violation>(spans.chargesOf(whole, VIOLATIONS_MAX));
      const credits = await db.query<Violation>(spans.creditsOf(whole, VIOLATIONS_MAX));
      const unbooked = await db.query<Violation & { name: string }>(
        spans.unbookedOf(organization, VIOLATIONS_MAX),
      );
      this.#findings.add(CHARGES, texts(charges));
      this.#findings.add(CREDITS, texts(credits));
      for (const { name, violation } of unbooked) this.#findings.add(name, [violation]);
    }
    for (const [organization, weight] of this.#receipts) {
      if (weight === (this.#charged.get(organization) ?? 0n)) continue;
      const wrong = await db.query<Violation>(spans.receiptsOf(organization, VIOLATIONS_MAX));
      this.#findings.add(RECEIPTS, texts(wrong));
    }
  }

  /** A table in pieces of its pages. */
  async #pagesOf(
    db: Db,
    table: Parameters<typeof sql.tablePages>[0],
    read: (lane: Db, first: number) => Promise<void>,
  ): Promise<Piece[]> {
    const { pages } = only(await db.query<{ pages: number }>(sql.tablePages(table)));
    return Array.from({ length: Math.ceil(pages / PAGES_PER_PIECE) }, (_, index): Piece => {
      return async (lane) => {
        await read(lane, index * PAGES_PER_PIECE);
        return 0n;
      };
    });
  }

  async #readBlocks(db: Db, from: sql.BlockKey, to: sql.BlockKey): Promise<bigint> {
    const screens = await db.query<sql.BlockScreen>(sql.screenBlocks(this.#seed, from, to));
    let entries = 0n;
    const others: sql.BlockKey[] = [];
    for (const block of screens) {
      entries += block.entries;
      const { organization_id: organization, to_transaction } = block;
      if (!block.intact) {
        const { from_transaction: first } = block;
        const what = `transactions ${first} to ${to_transaction}`;
        this.#findings.add(HASH_CHAIN, [`${organization} ${what} are not what was sealed`]);
      }
      if (block.steady) this.#count(organization, BigInt(block.fingerprint));
      else others.push({ organization, to: to_transaction });
    }
    if (others.length === 0) return entries;
    for (const exam of await db.query<sql.BlockExam>(sql.examineBlocks(this.#seed, others))) {
      this.#count(exam.organization_id, BigInt(exam.fingerprint));
      if (!exam.sound) {
        await this.#name(db, { organization: exam.organization_id, to: exam.to_transaction });
      }
    }
    return entries;
  }

  /** Something in this block is wrong; which rows are, the rules themselves say. */
  async #name(db: Db, block: sql.BlockKey): Promise<void> {
    const span = spans.blockSpan(block);
    let found = 0;
    for (const check of spans.SPAN_CHECKS) {
      const rows = await db.query<Violation>(check.statement(span, VIOLATIONS_MAX));
      this.#findings.add(check.name, texts(rows));
      found += rows.length;
    }
    if (found > 0) return;
    const where = `${block.organization} at transaction ${block.to}`;
    this.#findings.add(HASH_CHAIN, [`${where} sealed balances that its entries do not give`]);
  }

  async #weigh(db: Db, sign: bigint, statement: Parameters<Db['query']>[0]): Promise<bigint> {
    for (const [organization, weight] of await this.#ask(db, statement)) {
      this.#count(organization, sign * weight);
    }
    return 0n;
  }

  async #ask(db: Db, statement: Parameters<Db['query']>[0]): Promise<[string, bigint][]> {
    const rows = await db.query<Fingerprint>(statement);
    return rows.map((row) => [row.organization_id, BigInt(row.fingerprint)]);
  }

  #count(organization: string, weight: bigint): void {
    add(this.#difference, organization, weight);
  }
}

const add = (sums: Map<string, bigint>, organization: string, weight: bigint): void => {
  sums.set(organization, (sums.get(organization) ?? 0n) + weight);
};

export interface Violation {
  readonly violation: string;
}

export const texts = (rows: readonly Violation[]): string[] => rows.map((row) => row.violation);
